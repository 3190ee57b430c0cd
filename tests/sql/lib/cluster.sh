# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A throw-away PostgreSQL for a test of sql/, the roles that will call the functions, and TAP on standard output. To be sourced first.
#
#   owner, daemon, operator STATEMENT   as the role: what it printed, errors too
#   is NAME EXPECTED GOT                one test
#   has NAME PART GOT                   one test: the part stands in it
#   finish                              the last line of a test: the plan, and the exit status
set -u
export LC_ALL=C
srcdir=${srcdir:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)}
sql=$(cd "$srcdir/sql" && pwd) || exit 1

bindir=
for candidate in "${PG_BINDIR:-}" "$(pg_config --bindir 2>/dev/null)" $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
	if [ -x "$candidate/initdb" ]; then bindir=$candidate; break; fi
done
if [ -z "$bindir" ]; then echo "1..0 # SKIP no PostgreSQL server programs"; exit 0; fi

# A short path: a socket's name has 107 bytes. PostgreSQL refuses to run as root.
base=$(mktemp -d /tmp/sps.XXXXXX) || exit 1
as=()
if [ "$(id -u)" = 0 ]; then
	as=(runuser -u postgres --)
	chown postgres "$base"
fi
cleanup() {
	"${as[@]}" "$bindir/pg_ctl" -D "$base/data" -m immediate -w stop >/dev/null 2>&1
	rm -rf "$base"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
cd "$base" || exit 1
"${as[@]}" "$bindir/initdb" -D "$base/data" -N -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$base/initdb.log" 2>&1 &&
	"${as[@]}" "$bindir/pg_ctl" -D "$base/data" -l "$base/server.log" -w -o "-c listen_addresses='' -k $base -c unix_socket_permissions=0777 -c fsync=off" \
		start >/dev/null || { cat "$base"/*.log >&2; echo "Bail out! PostgreSQL did not start"; exit 1; }
chmod 755 "$base"

export PGHOST=$base PGDATABASE=sallyport PSQLRC=/dev/null
psql() { "$bindir/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
owner() { psql -U postgres -c "$1" 2>&1; }
daemon() { psql -U sallyport_authz -c "$1" 2>&1; }
operator() { psql -U sallyport_admin -c "$1" 2>&1; }
psql -U postgres -d postgres -c 'CREATE DATABASE sallyport' || exit 1

count=0 failed=0
is() { # name, expected, got
	count=$((count + 1))
	if [ "$2" = "$3" ]; then echo "ok $count - $1"; return; fi
	failed=$((failed + 1))
	echo "not ok $count - $1"
	printf 'expected: %s\ngot:      %s\n' "$2" "$3" | sed 's/^/# /'
}
uuid() { cat /proc/sys/kernel/random/uuid; }
has() { # name, expected part, got
	case $3 in *"$2"*) is "$1" x x ;; *) is "$1" "...$2..." "$3" ;; esac
}

# All of it, as migrate does.
apply() {
	psql -U postgres -1 -f "$sql/roles.sql" -f "$sql/schema.sql" $(printf -- '-f %s ' "$sql"/migrations/*.sql) \
		$(printf -- '-f %s ' "$sql"/functions/*.sql) -f "$sql/grants.sql" 2>&1
}
apply_functions() {
	psql -U postgres -1 -c 'SET ROLE sallyport_owner' -f "$sql/drop_functions.sql" $(printf -- '-f %s ' "$sql"/functions/*.sql) \
		-f "$sql/grants.sql" 2>&1
}

finish() {
	echo "1..$count"
	exit $((failed > 0))
}
