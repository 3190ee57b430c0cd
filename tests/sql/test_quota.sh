#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Budgets in the database: what several processes used of one, debts, and clocks that jump. On a PostgreSQL of its own. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

mcp() { psql -U sallyport_mcp -c "$1" 2>&1; }
A=$(printf 'a%.0s' {1..32}) B=$(printf 'b%.0s' {1..32})
exchange() { # key, per minute, used
	mcp "SELECT round(level / 60000.0) FROM mcp.quota_exchange('{\"\\\\x$1\"}', '{$2}', '{$3}')"
}
ago() { owner "UPDATE mcp.quota SET at = at - interval '$2' WHERE key = '\\x$1'" >/dev/null; }

is "a new budget is full, less what was used" 6 "$(exchange "$A" 10 4)"
is "another process has used some, too" 5 "$(exchange "$A" 10 1)"
is "nothing used says what is left" 5 "$(exchange "$A" 10 0)"
is "more than there was is a debt" -4 "$(exchange "$A" 10 9)"
is "... which is never deeper than a minute fills" -10 "$(exchange "$A" 10 100000)"
ago "$A" '30 seconds'
is "it fills evenly" -5 "$(exchange "$A" 10 0)"
ago "$A" '10 years'
is "X-8: a clock that jumps on fills one budget" 10 "$(exchange "$A" 10 0)"
is "one that was used" 4 "$(exchange "$A" 10 6)"
ago "$A" '-1 hour'
is "X-8: a clock that went back fills nothing" 4 "$(exchange "$A" 10 0)"
ago "$A" '30 seconds'
is "... and time goes on from there" 9 "$(exchange "$A" 10 0)"
is "a smaller budget holds less" 5 "$(exchange "$A" 5 0)"
is "several at once" "5
19" "$(mcp "SELECT round(level / 60000.0) FROM mcp.quota_exchange('{\"\\\\x$A\",\"\\\\x$B\"}', '{5,20}', '{0,1}') ORDER BY key")"
ago "$B" '10 minutes'
is "what nobody uses goes" "1|1" "$(mcp "SELECT mcp.quota_forget()")|$(owner "SELECT count(*) FROM mcp.quota")"
ago "$A" '-10 minutes'
is "what comes from another time goes, too" 1 "$(mcp "SELECT mcp.quota_forget()")"
for who in mcp daemon operator; do
	has "$who sees no table" "permission denied" "$($who "SELECT 1 FROM mcp.quota")"
done
has "authz has nothing here" "permission denied" "$(daemon "SELECT mcp.quota_forget()")"
finish
