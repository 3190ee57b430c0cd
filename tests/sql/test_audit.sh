#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Audit lines in the database: each comes once, in order, and stays until its month is over for long enough; and who may do what to them.
# On a PostgreSQL of its own, as the roles that will call. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

mcp() { psql -U sallyport_mcp -c "$1" 2>&1; }
# Lines as a process writes them.
ZEROS=$(printf '0%.0s' {1..64})
now=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)
line() { # chain, seq, digest of the one before, words, time
	printf '{"time":"%s","program":"p","chain":"%s","seq":%d,"prev":"%s","event":"%s"}' "${5:-$now}" "${1//-/}" "$2" "$3" "$4"
}
digest() { printf '%s' "$1" | sha256sum | cut -d' ' -f1; }
put_as() { # role, line...
	local role=$1 lines; shift
	lines=$(printf ", '%s'" "$@")
	$role "SELECT mcp.audit_put(array_agg(l ORDER BY n), array_agg(j->>'program' ORDER BY n), array_agg((j->>'chain')::uuid ORDER BY n), array_agg((j->>'seq')::bigint ORDER BY n),
		array_agg(decode(j->>'prev', 'hex') ORDER BY n), array_agg((j->>'time')::timestamptz ORDER BY n), array_agg('tool_call'::text), array_agg('alice'::text),
		array_agg(NULL::text), array_agg('say'::text), array_agg('allowed'::text))
		FROM unnest(ARRAY[${lines:2}]) WITH ORDINALITY AS u(l, n), LATERAL (SELECT l::json AS j) AS x"
}
put() { put_as mcp "$@"; }
head_of() { mcp "SELECT seq, digest FROM mcp.audit_heads() WHERE chain = '${1//-/}'"; }
kept() { owner "SELECT string_agg(seq::text, ',' ORDER BY seq) FROM mcp.audit WHERE chain = '$1'"; }
A=$(uuid) B=$(uuid) C=$(uuid)
a1=$(line "$A" 1 "$ZEROS" one) a2=$(line "$A" 2 "$(digest "$a1")" two) a3=$(line "$A" 3 "$(digest "$a2")" three) a4=$(line "$A" 4 "$(digest "$a3")" four)
b1=$(line "$B" 1 "$ZEROS" uno)

is "two lines are new" 2 "$(put "$a1" "$a2")"
is "E-2: a line that comes again is left out" 0 "$(put "$a2")"
is "... and so are all, and one of them" "0 0" "$(put "$a1" "$a2") $(put "$a1")"
is "what is known and what is not, twice in a batch; another chain counts by itself" 2 "$(put "$a2" "$a3" "$b1" "$a3")"
is "the lines are as they were" "$a1" "$(owner "SELECT line FROM mcp.audit WHERE chain = '$A' AND seq = 1")"
is "E-2: heads" "3|$(digest "$a3")" "$(head_of "$A")"

forged=$(line "$A" 4 "$(digest "$a1")" forged) far=$(line "$A" 1000000 "$(digest "$a3")" far) again=$(line "$A" 2 "$(digest "$a1")" again)
is "E-2: a line that names another one before it moves no head, but is kept" "1 3|$(digest "$a3")" "$(put "$forged") $(head_of "$A")"
is "E-2: ... nor does any higher number" "1 3|$(digest "$a3")" "$(put "$far") $(head_of "$A")"
is "E-2: ... nor a lower one" "1 3|$(digest "$a3")" "$(put "$again") $(head_of "$A")"
is "E-2: the true line comes after that, and goes on" "1 4|$(digest "$a4")" "$(put "$a4") $(head_of "$A")"
is "... and all are there once" "1,2,2,3,4,4,1000000" "$(kept "$A")"
c1=$(line "$C" 1 "$ZEROS" one) c2=$(line "$C" 2 "$(digest "$c1")" two) c3=$(line "$C" 3 "$(digest "$c2")" three) c4=$(line "$C" 4 "$(digest "$c3")" four) c5=$(line "$C" 5 "$(digest "$c4")" five)
is "behind a gap, what comes is kept, and the head stays" "1 1 1|$(digest "$c1")" "$(put "$c1") $(put "$c4") $(head_of "$C")"
is "... until what was missing is there" "5|$(digest "$c5")" "$(put "$c1" "$c2" "$c3" "$c4" "$c5" >/dev/null; head_of "$C")"
is "a time that nobody is in makes no partition of its own" "1|t" "$(put "$(line "$(uuid)" 1 "$ZEROS" far 9999-01-01T00:00:00.000Z)")|$(owner "SELECT max(at) < now() + interval '2 days' FROM mcp.audit")"
is "who has used what is known after a while" "f t f" "$(mcp "SELECT mcp.audit_knows('alice', 'say')") $(owner "UPDATE mcp.audit_uses SET since = since - interval '1 minute'"; mcp "SELECT mcp.audit_knows('alice', 'say')") $(mcp "SELECT mcp.audit_knows('bob', 'say')")"

for who in mcp daemon operator; do
	has "$who sees no table" "permission denied" "$($who "SELECT 1 FROM mcp.audit")"
	has "$who deletes nothing" "permission denied" "$($who "DELETE FROM mcp.audit")"
	has "$who drops nothing" "must be owner" "$($who "DROP TABLE mcp.audit")"
done
has "mcp sees nothing of authz" "permission denied" "$(mcp "SELECT authz.introspect('rs', 'x', NULL, NULL, NULL, NULL)")"
has "mcp cannot shorten what is kept" "permission denied" "$(mcp "SELECT mcp.audit_retain(1)")"
is "authz adds its own" 1 "$(put_as daemon "$(line "$(uuid)" 1 "$ZEROS" x)")"
has "authz reads none" "permission denied" "$(daemon "SELECT * FROM mcp.audit_heads()")"
for role in sallyport_tools_read sallyport_tools_write; do
	has "$role has nothing here" "permission denied" "$(psql -U $role -c "SELECT mcp.audit_heads()" 2>&1)"
done

is "90 days are kept unless the operator says otherwise" 90 "$(operator "SELECT mcp.audit_retain(NULL)")"
b2=$(line "$B" 2 "$(digest "$b1")" old "$(date -u -d '-200 days' +%FT%T.000Z)")
b3=$(line "$B" 3 "$(digest "$b2")" older "$(date -u -d '-40 days' +%FT%T.000Z)")
put "$b2" "$b3" >/dev/null
is "a month that is over for so long goes" "1|1,3" "$(mcp "SELECT mcp.audit_expire()")|$(kept "$B")"
is "... and nothing more" 0 "$(mcp "SELECT mcp.audit_expire()")"
is "the operator says another time" "1|1" "$(operator "SELECT mcp.audit_retain(1)")|$(operator "SELECT mcp.audit_expire()")"
has "no time at all is refused" "violates check" "$(operator "SELECT mcp.audit_retain(0)")"
is "what went does not come again" 0 "$(put "$b1" "$b2" "$b3")"
finish
