# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The three processes of an instance: PostgreSQL, authz, mcp. Sourced by contrib/quickstart,
# which sets: home daemon_user socket_folder
# shellcheck disable=SC2154

# When a process started, in clock ticks: a process id alone may be somebody else's by now. Empty if there is none.
process_start() {
	local stat fields
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
	read -ra fields <<<"${stat##*) }"
	[[ ${fields[0]} == Z ]] || printf '%s\n' "${fields[19]}"
}

# The process id of authz or mcp if it runs; else nothing.
daemon_pid() {
	local pid start
	[[ -f $home/private/$1.pid ]] || return 0
	read -r pid start <"$home/private/$1.pid" || return 0
	[[ -n $start && $(process_start "$pid") == "$start" ]] && printf '%s\n' "$pid"
	return 0
}

postgres_pid() {
	local pid
	[[ -f $home/pg/postmaster.pid ]] || return 0
	read -r pid <"$home/pg/postmaster.pid" || return 0
	[[ $pid =~ ^[0-9]+$ && $(stat -c %U "/proc/$pid" 2>/dev/null) == "$daemon_user" &&
		$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == *postgres*"$home/pg"* ]] && printf '%s\n' "$pid"
	return 0
}

port_is_taken() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A port below the range from which the kernel takes ports for outgoing connections.
free_port() {
	local port
	for _ in {1..200}; do
		port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
		[[ $port != "${1:-}" ]] && ! port_is_taken "$port" && { printf '%s\n' "$port"; return; }
	done
	refuse "found no free port"
}

# The bin folder of PostgreSQL: of the cluster's version, else what pg_config says, else the newest.
find_postgres() {
	local folder version
	if [[ -f $home/pg/PG_VERSION ]]; then
		version=$(<"$home/pg/PG_VERSION")
		pg_bin=/usr/lib/postgresql/$version/bin
		[[ -x $pg_bin/initdb ]] && return
	fi
	pg_bin=$(pg_config --bindir 2>/dev/null) || pg_bin=
	[[ -n $pg_bin && -x $pg_bin/initdb ]] || pg_bin=
	if [[ -z $pg_bin ]]; then
		while read -r folder; do
			[[ ! -x $folder/initdb ]] || pg_bin=$folder
		done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
	fi
	[[ -n $pg_bin ]] || refuse "there is no PostgreSQL server here (initdb was not found)"
	if [[ -n ${version:-} && $("$pg_bin/postgres" --version) != *" $version."* ]]; then
		refuse "the data in $home/pg is of PostgreSQL $version, which is not installed any more"
	fi
}

make_cluster() {
	local unsynced=()
	[[ ${SALLYPORT_FSYNC:-on} == on ]] || unsynced=(--no-sync)
	rm -rf -- "$home/pg.part"
	mkdir -m 0700 -- "$home/pg.part"
	((EUID != 0)) || chown "$SYSTEM_USER:$SYSTEM_USER" "$home/pg.part"
	as_daemon "$pg_bin/initdb" -D "$home/pg.part" -U postgres -E UTF8 --locale=C.UTF-8 --data-checksums \
		--auth=peer "${unsynced[@]}" || return
	# As root: root is the database's administrator, and the daemons' user may only be the daemons' roles.
	{
		printf 'local all all peer map=instance\n'
	} >"$home/pg.part/pg_hba.conf"
	{
		printf 'instance %s postgres\n' "$(id -un)"
		for role in sallyport_authz sallyport_admin sallyport_mcp sallyport_tools_read sallyport_tools_write; do
			printf 'instance %s %s\n' "$daemon_user" "$role"
			((EUID != 0)) || printf 'instance root %s\n' "$role"
		done
	} >"$home/pg.part/pg_ident.conf"
	{
		printf '%s\n' "listen_addresses = ''" "unix_socket_permissions = 0700" "max_connections = 60" \
			"shared_buffers = 64MB" "fsync = ${SALLYPORT_FSYNC:-on}" "timezone = 'UTC'" "log_timezone = 'UTC'" "log_line_prefix = '%m [%p] %u@%d '"
	} >>"$home/pg.part/postgresql.conf"
	# At last, so that a run that was stopped half-way begins again.
	mv -T -- "$home/pg.part" "$home/pg"
}

# Processes of a server that was killed work in the data folder for a moment longer.
has_orphans() {
	local cwd
	for cwd in /proc/[0-9]*/cwd; do
		[[ $(readlink "$cwd" 2>/dev/null) != "$home/pg" ]] || return 0
	done
	return 1
}

# A killed server leaves lock files. PostgreSQL judges them by the process id alone, which may be a zombie's, or by now
# somebody else's: so they go when no server and none of its children is left.
clear_stale_locks() {
	local i
	[[ -f $home/pg/postmaster.pid && -z $(postgres_pid) ]] || return 0
	for ((i = 0; i < 100; i++)); do
		if ! has_orphans; then
			rm -f -- "$home/pg/postmaster.pid" "$socket_folder"/.s.PGSQL.5432*
			return
		fi
		sleep 0.1
	done
}

start_postgres() {
	clear_stale_locks
	as_daemon "$pg_bin/pg_ctl" -D "$home/pg" -w -t 60 -l "$home/logs/postgres.log" \
		-o "-c unix_socket_directories=$socket_folder" start </dev/null 4>&- 8>&- 9>&-
}

conninfo() {
	printf "host=%s port=5432 dbname=%s user=%s" "$socket_folder" "$2" "$1"
}

# admin_sql DATABASE: statements from standard input, as the database's administrator.
admin_sql() {
	"$pg_bin/psql" -XqAt -v ON_ERROR_STOP=1 -d "$(conninfo postgres "$1")"
}

# health PORT: true when the daemon there says that it is well.
health() {
	local line
	exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
	printf 'GET /health HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$1" >&3
	IFS= read -r -t 5 line <&3 || line=
	exec 3>&-
	[[ $line == 'HTTP/1.1 200 '* ]]
}

# start_daemon NAME PORT: in the background, and waits until it is well.
start_daemon() {
	local name=$1 port=$2 pid command
	if port_is_taken "$port"; then
		refuse "port $port, by which clients know this instance, is taken by another program: stop that one. Or" \
			"--reset this instance and start it with --$name-port"
	fi
	prepare_command setsid "$home/prefix/sbin/sallyport-$name" -c "$home/etc/$name.yaml" serve
	(cd / && exec "${command[@]}") </dev/null >>"$home/logs/$name.log" 2>&1 4>&- 8>&- 9>&- &
	pid=$!
	printf '%s %s\n' "$pid" "$(process_start "$pid")" >"$home/private/$name.pid"
	wait_for_daemon "$name" "$port"
}

wait_for_daemon() {
	local i
	for ((i = 0; i < 200; i++)); do
		if [[ -z $(daemon_pid "$1") ]]; then
			tail -n 15 "$home/logs/$1.log" >&4
			refuse "$1 ended at once. Its log is $home/logs/$1.log"
		fi
		(health "$2") 2>/dev/null && return
		sleep 0.1
	done
	tail -n 15 "$home/logs/$1.log" >&4
	refuse "$1 runs, but is not well. Its log is $home/logs/$1.log"
}

# ensure_daemon NAME PORT: takes over one that runs, or starts one.
ensure_daemon() {
	if [[ -z $(daemon_pid "$1") ]]; then
		step "Starting $1 on port $2" start_daemon "$1" "$2"
	elif ! (health "$2") 2>/dev/null; then
		step "Waiting for $1" wait_for_daemon "$1" "$2"
	fi
}

# stop_daemon NAME: asks it to finish its work; after 15 seconds ends it.
stop_daemon() {
	local pid i
	pid=$(daemon_pid "$1")
	[[ -n $pid ]] || { rm -f -- "$home/private/$1.pid"; return 0; }
	kill -TERM "$pid" 2>/dev/null || true
	for ((i = 0; i < 150; i++)); do
		[[ -n $(daemon_pid "$1") ]] || break
		sleep 0.1
	done
	[[ -z $(daemon_pid "$1") ]] || kill -KILL "$pid" 2>/dev/null || true
	rm -f -- "$home/private/$1.pid"
}

stop_postgres() {
	local pid i
	pid=$(postgres_pid)
	[[ -n $pid ]] || return 0
	kill -INT "$pid" 2>/dev/null || true # fast: does not wait for clients
	for ((i = 0; i < 300; i++)); do
		[[ -n $(postgres_pid) ]] || return 0
		sleep 0.1
	done
	kill -QUIT "$pid" 2>/dev/null || true
}

stop_all() {
	stop_daemon mcp
	stop_daemon authz
	stop_postgres
}
