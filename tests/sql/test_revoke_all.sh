#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A backup brings back what was ended since it was made, and revoke_all ends it for good. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

R=https://rs.example/mcp H="\$argon2id\$v=19\$m=8,t=1,p=1\$c2FsdHNhbHQ\$aGFzaGhhc2hoYXNoaGFzaA"
Z="'\\x'::bytea" CH=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
operator "SELECT authz.resource_put('$R', 'Demo', true, '{\"scopes\": [{\"name\": \"logs:read\", \"title\": \"L\"}]}')" >/dev/null
operator "SELECT authz.person_add('alice', 'Alice', '$H', '{logs:read}')" >/dev/null
alice=$(operator "SELECT person_id FROM authz.person_list() WHERE username = 'alice'")
daemon "SELECT count(*) FROM authz.client_add('pub', 'admin', 'C', 'none', NULL, '{authorization_code,refresh_token}', '{https://c.example/cb}', '', 'web',
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false)" >/dev/null
ask() { # a request of the browser b
	local q; q=$(uuid)
	daemon "SELECT authz.authorize('$q', '$1', NULL, '$(uuid)', 'pub', '$R', 'https://c.example/cb', '{logs:read}', 'st', '$CH', NULL, NULL, NULL, 600, 60, NULL)" >/dev/null
	echo "$q"
}
B=$(uuid) S=$(uuid) C=$(uuid)
Q=$(ask "$B")
daemon "SELECT authz.sign_in('$alice', '$S', NULL, '$H', NULL, 3600, 7200, '192.0.2.9')" >/dev/null
daemon "SELECT authz.decide('$Q', '$B', '$S', 'approve', '$C', 60)" >/dev/null
G=$(daemon "SELECT grant_id FROM authz.redeem_code('pub', 'none', $Z, $Z, '$C', 'https://c.example/cb', '$CH', NULL, 3600, false, NULL)")
open=$(ask "$B") unspent=$(uuid)
daemon "SELECT authz.decide('$(ask "$B")', '$B', '$S', 'approve', '$unspent', 60)" >/dev/null
api=$(uuid) admin=$(uuid)
operator "SELECT authz.api_key_add('$api', 'k', 'alice', NULL, '$R', '{logs:read}', 3600)" >/dev/null
operator "SELECT authz.admin_key_add('$admin', 'a', '{admin:clients}', 3600)" >/dev/null
operator "SELECT authz.initial_access_add('$(uuid)', 't', 3600, NULL)" >/dev/null
operator "SELECT authz.signing_key_add_first('old', 'ES256', sha256('1'), 1)" >/dev/null

# What was ended since, and a backup of before.
"$bindir/pg_dump" -U postgres -Fc -f /dev/stdout sallyport >"$base/backup"
daemon "SELECT authz.revoke('pub', 'none', $Z, $Z, '$G', NULL, NULL)" >/dev/null
daemon "SELECT authz.sign_out('$S')" >/dev/null
operator "SELECT authz.api_key_revoke('k')" >/dev/null
is "what was ended is ended" "0 0 0" "$(owner "SELECT (SELECT count(*) FROM authz.grants WHERE revoked_at IS NULL) || ' ' || (SELECT count(*) FROM authz.sessions) || ' ' || (SELECT count(*) FROM authz.api_keys WHERE revoked_at IS NULL)")"
psql -U postgres -d postgres -c "DROP DATABASE sallyport WITH (FORCE)" -c "CREATE DATABASE sallyport" >/dev/null
"$bindir/pg_restore" -U postgres -d sallyport "$base/backup"
is "the backup brings it back" "1 1 1" "$(owner "SELECT (SELECT count(*) FROM authz.grants WHERE revoked_at IS NULL) || ' ' || (SELECT count(*) FROM authz.sessions) || ' ' || (SELECT count(*) FROM authz.api_keys WHERE revoked_at IS NULL)")"

resets=$(owner "SELECT count(*) FROM authz.feed_events WHERE kind = 'reset'")
has "the daemon may not end all" "permission denied" "$(daemon "SELECT * FROM authz.revoke_all('new', 'ES256', sha256('2'), 1)")"
is "X-10: all is ended and counted" "1|1|1|1|1|1|1" "$(operator "SELECT * FROM authz.revoke_all('new', 'ES256', sha256('2'), 1)")"
is "X-10: the grant gives nothing" "invalid" "$(daemon "SELECT outcome FROM authz.refresh('pub', 'none', $Z, $Z, '$G', 1, NULL, NULL, 120, false, NULL)")"
is "... a code that was under way neither" "invalid" "$(daemon "SELECT outcome FROM authz.redeem_code('pub', 'none', $Z, $Z, '$unspent', 'https://c.example/cb', '$CH', NULL, 3600, false, NULL)")"
is "... nor a request whose page stands open" "0" "$(owner "SELECT count(*) FROM authz.requests WHERE request_id = '$open'")"
is "... nor a key" "0|0" "$(owner "SELECT (SELECT count(*) FROM authz.admin_keys WHERE revoked_at IS NULL), (SELECT count(*) FROM authz.initial_access_tokens WHERE revoked_at IS NULL)")"
is "one key signs, and it is new" "new" "$(owner "SELECT string_agg(kid, ' ') FROM authz.signing_keys")"
is "resource servers are told to forget all" "$((resets + 1))" "$(owner "SELECT count(*) FROM authz.feed_events WHERE kind = 'reset'")"
is "a second time there is nothing but the key" "0|0|0|0|0|0|1" "$(operator "SELECT * FROM authz.revoke_all('newer', 'ES256', sha256('3'), 1)")"
finish
