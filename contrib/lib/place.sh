# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Where an instance lives, as whom it runs, and how words and commands look. Sourced by contrib/quickstart,
# which sets: state home work_log
# shellcheck disable=SC2154

SYSTEM_USER=sallyport

say() { printf '%s\n' "$*"; }

# Standard error of the whole run: a step's own goes to the log.
exec 4>&2

refuse() {
	printf '\n%s: %s\n' "${0##*/}" "$*" >&4
	exit 1
}

ticker=
stop_ticker() {
	[[ -n $ticker ]] || return 0
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
	ticker=
}
trap stop_ticker EXIT

# step WORDS COMMAND...: runs it with its output in a log, a dot every two seconds, and the end of the log if it fails.
step() {
	local words=$1 started=$SECONDS status=0
	shift
	printf '%s ...' "$words"
	(trap 'kill "$nap" 2>/dev/null; exit' TERM
		while sleep 2 & nap=$!; wait "$nap"; do printf '.'; done) 4>&- 8>&- 9>&- &
	ticker=$!
	printf '\n== %s\n' "$words" >>"$work_log"
	"$@" >>"$work_log" 2>&1 || status=$?
	stop_ticker
	if ((status != 0)); then
		printf ' failed\n'
		tac "$work_log" | sed '/^== /q' | tac | tail -n 25 >&4
		refuse "$words: failed. The whole log is $work_log"
	fi
	printf ' done (%d s)\n' $((SECONDS - started))
}

# The user that the daemons run as: a system user of its own, or whoever runs this.
choose_user() {
	if ((EUID != 0)); then
		daemon_user=$(id -un)
		return
	fi
	daemon_user=$SYSTEM_USER
	if ! getent passwd "$SYSTEM_USER" >/dev/null; then
		useradd --system --user-group --home-dir /var/lib/sallyport --no-create-home \
			--shell /usr/sbin/nologin "$SYSTEM_USER"
		say "Made the system user $SYSTEM_USER."
	fi
}

# Sets `command`: the arguments as a command of that user, with a clean environment.
prepare_command() {
	local keep=() name
	for name in ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS; do
		[[ -z ${!name:-} ]] || keep+=("$name=${!name}")
	done
	if ((EUID == 0)); then
		command=(setpriv --reuid="$SYSTEM_USER" --regid="$SYSTEM_USER" --clear-groups --inh-caps=-all --
			env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/nonexistent "${keep[@]}" "$@")
	else
		command=(env -i PATH="$PATH" LC_ALL=C.UTF-8 HOME="$HOME" "${keep[@]}" "$@")
	fi
}

as_daemon() {
	local command
	prepare_command "$@"
	(cd / && exec "${command[@]}")
}

default_state() {
	if ((EUID == 0)); then
		printf '/var/lib/sallyport\n'
	else
		printf '%s/sallyport\n' "${XDG_STATE_HOME:-$HOME/.local/state}"
	fi
}

path_digest() {
	printf '%s' "$1" | sha256sum | cut -c1-12
}

# The system user must reach the data, and the path must be fit for conninfo, make and YAML. Else the data lives in the
# default place and the given folder holds a link, "instance", to it.
place_is_good() {
	[[ $1 =~ ^/[A-Za-z0-9._/@+-]+$ ]] || return 1
	((EUID != 0)) || as_daemon test -x "$1"
}

# Sets state (as given, absolute), home (where the data is). Makes both.
choose_home() {
	mkdir -p -- "$state" || refuse "cannot make the folder $state"
	state=$(cd -- "$state" && pwd -P)
	[[ -w $state ]] || refuse "cannot write to $state"
	if place_is_good "$state"; then
		home=$state
		return
	fi
	home=$(default_state)/instances/$(path_digest "$state")
	# Somebody deleted the state folder and made a new one: then nothing of the old instance is wanted.
	if [[ -e $home && ! -L $state/instance ]]; then
		stop_all
		forget_home
	fi
	mkdir -p -- "$home"
	ln -sfn -- "$home" "$state/instance"
}

own_names=(prefix etc pg pg.part run logs private source instance.conf quickstart.log .lock)

forget_home() {
	local name
	for name in "${own_names[@]}"; do rm -rf -- "${home:?}/$name"; done
	[[ -z ${socket_folder:-} || $socket_folder == "$home"/* ]] || rm -rf -- "$socket_folder"
	if [[ $home != "$state" ]]; then
		rm -f -- "$state/instance"
		rmdir -- "$home" 2>/dev/null || true
	fi
}

make_folders() {
	mkdir -p -- "$home"/{prefix,etc,logs,private,run}
	chmod 0700 "$home/private"
	chmod 0750 "$home/etc" "$home/logs" "$home/run"
	# The operator's verbs write here too: whoever comes first must not make it the other's.
	[[ -e $home/logs/audit.log ]] || (umask 027 && : >"$home/logs/audit.log")
	if ((EUID == 0)); then
		chown "$SYSTEM_USER:$SYSTEM_USER" "$home/logs" "$home/logs/audit.log"
		chown "root:$SYSTEM_USER" "$home/etc"
		chown "$SYSTEM_USER:$SYSTEM_USER" "$home/run"
	fi
	choose_socket_folder
}

# The path of a unix socket has at most 107 bytes, "/.s.PGSQL.5432" included.
choose_socket_folder() {
	socket_folder=$home/run
	((${#socket_folder} > 90)) || return 0
	socket_folder=/tmp/sallyport-$(path_digest "$EUID:$home")
	[[ ! -L $socket_folder ]] || refuse "$socket_folder is a link; somebody else made it"
	if [[ ! -d $socket_folder ]]; then
		mkdir -m 0700 -- "$socket_folder"
		((EUID != 0)) || chown "$SYSTEM_USER:$SYSTEM_USER" "$socket_folder"
	fi
	[[ $(stat -c %U "$socket_folder") == "$daemon_user" ]] || refuse "$socket_folder belongs to somebody else"
}

# remember NAME VALUE; recall NAME: what must not change between runs.
remember() {
	touch "$home/instance.conf"
	sed -i "/^$1=/d" "$home/instance.conf"
	printf '%s=%s\n' "$1" "$2" >>"$home/instance.conf"
}

recall() {
	[[ ! -f $home/instance.conf ]] || sed -n "s/^$1=//p" "$home/instance.conf"
}

# keep_private FILE OWNER: standard input into a file of mode 0600.
keep_private() {
	local part=$1.part
	(umask 077 && cat >"$part")
	((EUID != 0)) || chown "$2" "$part"
	mv -f -- "$part" "$1"
}
