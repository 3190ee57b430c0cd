# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Builds the programs and installs them into an instance. Sourced by contrib/quickstart,
# which sets: top home work_log
# shellcheck disable=SC2154

# Sets source (the tree that is built) and build (a folder for it, outside of git's view). SALLYPORT_CONFIGURE holds options
# for configure, such as --enable-sanitizers; each set of options has a folder of its own.
choose_build() {
	local configure_options=${SALLYPORT_CONFIGURE:-}
	source=$top
	# Several quickstarts may run at once in one clone; they take turns here.
	if mkdir -p "$top/build" 2>/dev/null && [[ -w $top && -w $top/build ]] && { exec 9>>"$top/build/.lock"; } 2>/dev/null; then
		flock 9
	else
		say "The clone cannot be written to: building in $home/source."
		source=$home/source
		mkdir -p "$source"
		(cd "$top" && tar --exclude=./build --exclude=./.git --exclude=node_modules -cf - .) | tar -xf - -C "$source"
	fi
	build=$source/build/${configure_options:+$(path_digest "$configure_options")-}programs
	mkdir -p "$build"
}

prepare_configure() {
	local newer
	newer=$(find "$source" -maxdepth 2 \( -name configure.ac -o -name Makefile.am -o -name Makefile.inc \) \
		-newer "$source/configure" 2>/dev/null | head -n 1) || true
	mkdir -p "$source/m4" "$source/build-aux"
	[[ -x $source/configure && -z $newer ]] || (cd "$source" && flock build/autoreconf.lock autoreconf -fi)
}

run_configure() {
	local options
	read -ra options <<<"${SALLYPORT_CONFIGURE:-}"
	(cd "$build" && "$source/configure" "${options[@]}")
}

run_make() {
	make -C "$build" -j"$(nproc)" sallyport-authz sallyport-mcp
}

build_programs() {
	if [[ ! -x $source/configure || $source/configure.ac -nt $source/configure ]]; then
		step "Preparing the build" prepare_configure
	else
		prepare_configure >>"$work_log" 2>&1 || step "Preparing the build" prepare_configure
	fi
	[[ -f $build/Makefile && ! $source/configure -nt $build/config.status ]] || step "Configuring" run_configure
	if [[ -x $build/sallyport-mcp ]] && make -C "$build" -q sallyport-authz sallyport-mcp >/dev/null 2>&1; then
		return
	fi
	step "Building (about a minute the first time)" run_make
}

# What is installed, in one digest.
build_digest() {
	{
		sha256sum "$build/sallyport-authz" "$build/sallyport-mcp" | cut -d' ' -f1
		find "$source/sql" "$source/templates" -type f -print0 | sort -z | xargs -0 sha256sum
	} | sha256sum | cut -d' ' -f1
}

run_install() {
	make -C "$build" -j1 install-exec install-data prefix="$home/prefix"
}

install_programs() {
	local digest
	digest=$(build_digest)
	[[ $(recall installed) == "$digest" && -x $home/prefix/sbin/sallyport-mcp ]] && return
	step "Installing into $home/prefix" run_install
	remember installed "$digest"
}
