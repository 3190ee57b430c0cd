# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Installs the Debian packages of contrib/packages that are missing. To be sourced.

# The packages of some groups that are not installed, one a line.
missing_packages() {
	local group name list status
	list=$(dirname "${BASH_SOURCE[0]}")/packages
	while read -r group name; do
		[[ " $* " == *" $group "* ]] || continue
		status=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) || status=
		[[ $status == installed ]] || printf '%s\n' "$name"
	done <"$list"
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo -- "$@"
	fi
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

# apt_install PACKAGE...: reads the lists of packages anew where they are missing or too old.
apt_install() {
	apt-get -qq -s install --no-install-recommends "$@" >/dev/null 2>&1 || apt_get update || return
	apt_get install --no-install-recommends "$@" && return
	# What an earlier run left half-way when it was stopped is finished first.
	as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 dpkg --configure -a && apt_get update &&
		apt_get install --no-install-recommends "$@"
}

# install_visibly PACKAGE...: a dot every two seconds; what apt says is shown only if it fails.
install_visibly() {
	local log dots status=0
	log=$(mktemp "${TMPDIR:-/tmp}/sallyport-packages.XXXXXX") || return
	printf 'This takes a minute or two ...'
	# Ends with the script too, however that ends.
	(while sleep 2 >/dev/null && kill -0 $$; do printf '.'; done) 2>/dev/null 4>&- &
	dots=$!
	apt_install "$@" >"$log" 2>&1 </dev/null || status=$?
	kill "$dots" 2>/dev/null || true
	wait "$dots" 2>/dev/null || true
	if ((status != 0)); then
		printf ' failed\n'
		tail -n 25 "$log" >&2
		printf 'The whole log is %s\n' "$log" >&2
		return "$status"
	fi
	printf ' done\n'
	rm -f -- "$log"
}

# install_packages GROUP...: says which packages are missing and installs them. Silent if none is.
install_packages() {
	local missing snippet=/etc/postgresql-common/createcluster.d/sallyport-quickstart.conf made='' status=0
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		printf 'This is not Debian: make sure that what contrib/packages lists is here.\n'
		return 0
	fi
	mapfile -t missing < <(missing_packages "$@")
	((${#missing[@]} > 0)) || return 0
	printf 'Installing Debian packages: %s\n' "${missing[*]}"
	if ((EUID != 0)) && ! command -v sudo >/dev/null; then
		printf 'This needs root, and there is no sudo here. Run as root, then start again:\n' >&2
		printf '  apt-get update && apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
		return 1
	fi
	# Where sudo asks for a password, it asks here.
	as_root true || return
	# A fresh PostgreSQL would also make and start a cluster of its own; nobody asked for that one.
	if [[ -e $snippet || (" ${missing[*]} " == *" postgresql "* && ! -e /etc/postgresql-common) ]]; then
		as_root mkdir -p "$(dirname "$snippet")"
		printf 'create_main_cluster = false\n' | as_root tee "$snippet" >/dev/null
		made=1
	fi
	install_visibly "${missing[@]}" || status=$?
	[[ -z $made ]] || as_root rm -f "$snippet"
	return "$status"
}
