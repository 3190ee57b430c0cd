#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Audit lines in the database: each comes once, in order, and stays until its month is over for long enough; and who may do what to them.
# On a PostgreSQL of its own, as the roles that will call. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

mcp() { psql -U sallyport_mcp -c "$1" 2>&1; }
A=$(uuid) B=$(uuid)
record() { # chain, seq, time, line
	printf '{"chain": "%s", "seq": %d, "program": "p", "time": "%s", "event": "tool_call", "username": "alice", "line": "%s"}' "$@"
}
put() { mcp "SELECT mcp.audit_put('[$1]')"; }
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)

is "two lines are new" 2 "$(put "$(record "$A" 1 "$now" one), $(record "$A" 2 "$now" two)")"
is "E-2: a line that comes again is left out" 0 "$(put "$(record "$A" 2 "$now" two)")"
is "... at whatever time" 0 "$(put "$(record "$A" 2 2020-01-01T00:00:00Z 'another two')")"
is "twice in a batch is once; another chain counts by itself" 2 "$(put "$(record "$A" 3 "$now" three), $(record "$B" 1 "$now" uno), $(record "$A" 3 "$now" three)")"
is "a gap is kept as one" "1 1,2,3,7" "$(put "$(record "$A" 7 "$now" seven)") $(owner "SELECT string_agg(seq::text, ',' ORDER BY seq) FROM mcp.audit WHERE chain = '$A'")"
is "the lines are as they were, with their digests" "one|t" "$(owner "SELECT line, digest = sha256('one') FROM mcp.audit WHERE chain = '$A' AND seq = 1")"
is "E-2: heads" "${A//-/}|7|$(printf seven | sha256sum | cut -d' ' -f1)
${B//-/}|1|$(printf uno | sha256sum | cut -d' ' -f1)" "$(mcp "SELECT chain, seq, digest FROM mcp.audit_heads()" | sort -t'|' -k2,2r)"
is "a time that nobody is in makes no partition of its own" "1|t" "$(put "$(record "$A" 8 9999-01-01T00:00:00Z far)")|$(owner "SELECT max(at) < now() + interval '2 days' FROM mcp.audit")"

for who in mcp daemon operator; do
	has "$who sees no table" "permission denied" "$($who "SELECT 1 FROM mcp.audit")"
	has "$who deletes nothing" "permission denied" "$($who "DELETE FROM mcp.audit")"
	has "$who drops nothing" "must be owner" "$($who "DROP TABLE mcp.audit")"
done
has "mcp sees nothing of authz" "permission denied" "$(mcp "SELECT authz.introspect('rs', 'x', NULL, NULL, NULL, NULL)")"
has "mcp cannot shorten what is kept" "permission denied" "$(mcp "SELECT mcp.audit_retain(1)")"
is "authz adds its own" 1 "$(daemon "SELECT mcp.audit_put('[$(record "$(uuid)" 1 "$now" x)]')")"
has "authz reads none" "permission denied" "$(daemon "SELECT * FROM mcp.audit_heads()")"
for role in sallyport_tools_read sallyport_tools_write; do
	has "$role has nothing here" "permission denied" "$(psql -U $role -c "SELECT mcp.audit_put('[]')" 2>&1)"
done

is "90 days are kept unless the operator says otherwise" 90 "$(operator "SELECT mcp.audit_retain(NULL)")"
put "$(record "$B" 2 "$(date -u -d '-200 days' +%FT%TZ)" old), $(record "$B" 3 "$(date -u -d '-40 days' +%FT%TZ)" older)" >/dev/null
is "a month that is over for so long goes" "1|uno,older" "$(mcp "SELECT mcp.audit_expire()")|$(owner "SELECT string_agg(line, ',' ORDER BY seq) FROM mcp.audit WHERE chain = '$B'")"
is "... and nothing more" 0 "$(mcp "SELECT mcp.audit_expire()")"
is "the operator says another time" "1|1" "$(operator "SELECT mcp.audit_retain(1)")|$(operator "SELECT mcp.audit_expire()")"
has "no time at all is refused" "violates check" "$(operator "SELECT mcp.audit_retain(0)")"
is "what went does not come again" 0 "$(put "$(record "$B" 2 "$now" old)")"
finish
