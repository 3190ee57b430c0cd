#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An approval of one call is spent once, by whoever comes first.
# On a PostgreSQL of its own, as the roles that will call. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

mcp() { psql -U sallyport_mcp -c "$1" 2>&1; }
A=$(uuid) B=$(uuid)
is "the first time counts" t "$(mcp "SELECT mcp.approval_spend('$A')")"
is "... and no other" "f f" "$(mcp "SELECT mcp.approval_spend('$A')") $(mcp "SELECT mcp.approval_spend('$A')")"
many=$(for i in $(seq 12); do mcp "SELECT mcp.approval_spend('$B')" & done; wait)
is "of twelve at once, one counts" "1 11" "$(grep -c t <<<"$many") $(grep -c f <<<"$many")"
is "its mark outlives it, and goes" "t" "$(owner "SELECT bool_and(expires_at BETWEEN now() + interval '50 minutes' AND now() + interval '1 hour') FROM authz.used_proofs")"
for who in mcp daemon operator; do
	has "$who sees no table" "permission denied" "$($who "SELECT 1 FROM authz.used_proofs")"
done
for role in sallyport_authz sallyport_admin sallyport_tools_read sallyport_tools_write; do
	has "$role spends none" "permission denied" "$(psql -U $role -c "SELECT mcp.approval_spend('$A')" 2>&1)"
done
finish
