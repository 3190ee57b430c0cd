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
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		printf 'This needs root, and there is no sudo here. Run as root:\n  %s\n' "$*" >&2
		return 1
	fi
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		install --no-install-recommends "$@"
}

# install_packages GROUP...: says which packages are missing and installs them. Silent if none is.
install_packages() {
	local missing snippet=/etc/postgresql-common/createcluster.d/sallyport-quickstart.conf made=
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		printf 'This is not Debian: make sure that what contrib/packages lists is here.\n'
		return 0
	fi
	mapfile -t missing < <(missing_packages "$@")
	((${#missing[@]} > 0)) || return 0
	printf 'Installing Debian packages: %s\n' "${missing[*]}"
	# A fresh PostgreSQL would also make and start a cluster of its own; nobody asked for that one.
	if [[ " ${missing[*]} " == *" postgresql "* && ! -e /etc/postgresql-common ]]; then
		as_root mkdir -p "$(dirname "$snippet")"
		printf 'create_main_cluster = false\n' | as_root tee "$snippet" >/dev/null
		made=1
	fi
	local status=0
	apt_install "${missing[@]}" || {
		as_root apt-get -q -o DPkg::Lock::Timeout=300 update && apt_install "${missing[@]}"
	} || status=$?
	[[ -z $made ]] || as_root rm -f "$snippet"
	return "$status"
}
