#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Clients that are described by a document at the URL that is their id: every outcome, on a PostgreSQL of its own. TAP.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

U=https://app.example/client.json
R=http://127.0.0.1:9401/mcp
operator "SELECT authz.resource_put('$R', 'Demo', true, '{\"scopes\": [{\"name\": \"logs:read\", \"title\": \"Search logs\"}]}')" >/dev/null
# url, document's text, lifetime, imported, name, method, jwks (SQL); redirect URI by $8
put() {
	echo "SELECT authz.client_document_put('$1', sha256('$2'), $3, '\"$2\"', NULL, $4, '$5', '${6:-none}', '{authorization_code,refresh_token}',
		'{${8:-http://127.0.0.1/callback}}', '', 'native', NULL, NULL, NULL, NULL, NULL, NULL, NULL, ${7:-NULL}, NULL, NULL, NULL, NULL, false)"
}
state() { daemon "SELECT document_state, document_etag FROM authz.client_document('${1:-$U}')"; }
column() { owner "SELECT $1 FROM authz.client_documents JOIN authz.clients USING (client_id) WHERE client_id = '${2:-$U}'"; }

is "nothing is kept at first" "none|" "$(state)"
is "a document makes a client" new "$(daemon "$(put $U one 600 false App)")"
is "it is fresh, and then needs no validators" "fresh|" "$(state)"
is "the client is there, with its origin" "document|App|t|none" "$(column "origin, name, enabled, auth_method")"
is "/authorize finds it" found "$(daemon "SELECT outcome FROM authz.authorize_lookup('$U', NULL)")"
is "the digest is that of the document" t "$(column "digest = sha256('one')")"
is "consent sees the digest" t "$(owner "SELECT described = sha256('one') FROM authz.clients, authz.approval('$U', 'r', redirect_uris[1], '{}', NULL, NULL, NULL, '{}') WHERE client_id = '$U'")"
owner "UPDATE authz.client_documents SET fresh_until = now() - interval '1 second', fetched_at = now() - interval '1 hour'"
is "later it is stale, with what to ask with" 'stale|"one"' "$(state)"
is "its age is told" t "$(daemon "SELECT document_age BETWEEN 3600 AND 3700 FROM authz.client_document('$U')")"
is "its site confirms it" t "$(daemon "SELECT authz.client_document_confirm('$U', 60)")"
is "then it is fresh" "fresh|" "$(state)"
is "the same again is the same" same "$(daemon "$(put $U one 600 false Other)")"
is "and changes nothing of the client" App "$(column name)"
is "another document changes the client" changed "$(daemon "$(put $U two 600 false 'App 2' none NULL https://app.example/cb)")"
is "name, URIs and digest are the new ones" "App 2|{https://app.example/cb}|t" "$(column "name, redirect_uris, digest = sha256('two')")"
is "a method with keys is taken" changed "$(daemon "$(put $U three 600 false App private_key_jwt "'{\"keys\": []}'")")"
is "and what is compared is the digest of the keys" "private_key_jwt|32" "$(column "auth_method, octet_length(secret_digest)")"
is "back to none, the digest goes" "changed|none|t" "$(daemon "$(put $U four 600 false App)")|$(column "auth_method, secret_digest IS NULL")"
has "a shared secret is impossible" "violates check" "$(daemon "$(put https://app.example/secret x 60 false App client_secret_basic)")"
has "an id that is no URL is impossible" "violates check" "$(daemon "$(put app.example x 60 false App)")"
has "an id longer than 1,024 bytes is impossible" "violates check" "$(daemon "$(put https://app.example/$(printf 'a%.0s' $(seq 1010)) x 60 false App)")"

# ---- withdrawn ----
request() { # id, url
	owner "INSERT INTO authz.requests (request_id, browser_id, client_id, resource, redirect_uri, scopes, code_challenge, expires_at)
		VALUES ('$1', gen_random_uuid(), '$2', '$R', 'http://127.0.0.1/callback', '{logs:read}', '$(printf 'a%.0s' $(seq 43))', now() + interval '10 minutes')"
}
Q=00000000-0000-0000-0000-000000000001
request $Q $U
is "a document can be withdrawn" t "$(daemon "SELECT authz.client_document_withdraw('$U')")"
is "it is asked for anew, without validators" "withdrawn|" "$(state)"
is "what had begun ends" 0 "$(owner "SELECT count(*) FROM authz.requests")"
is "no confirmation brings it back" "f|withdrawn|" "$(daemon "SELECT authz.client_document_confirm('$U', 60)")|$(state)"
is "the document itself does" "same|fresh|" "$(daemon "$(put $U four 600 false App)")|$(state)"
is "of what is not kept, nothing is withdrawn" f "$(daemon "SELECT authz.client_document_withdraw('https://none.example/')")"

# ---- the operator's ----
is "a disabled client says so, before its document" "disabled|" "$(operator "SELECT authz.client_set_enabled('$U', false)" >/dev/null; state)"
is "a document does not enable it" "changed|f" "$(daemon "$(put $U five 600 false App)")|$(column "left(enabled::text, 1)")"
operator "SELECT authz.client_set_enabled('$U', true)" >/dev/null
is "a document can be asked for at once" 't|stale|"five"' "$(operator "SELECT authz.client_document_expire('$U')")|$(state)"
is "of what is not kept it cannot" f "$(operator "SELECT authz.client_document_expire('https://none.example/')")"
is "an imported document takes the place of a fetched one" "changed|imported|" "$(operator "$(put $U six 0 true Imported)")|$(state)"
is "a fetched one does not take its place" "imported|Imported" "$(daemon "$(put $U seven 600 false App)")|$(column name)"
is "nor is it confirmed, withdrawn or asked for" "f|f|f" "$(daemon "SELECT authz.client_document_confirm('$U', 60), authz.client_document_withdraw('$U')")|$(
	operator "SELECT authz.client_document_expire('$U')")"
is "another import does" "changed|Again" "$(operator "$(put $U eight 0 true Again)")|$(column name)"
has "the daemon cannot expire documents" "permission denied" "$(daemon "SELECT authz.client_document_expire('$U')")"
has "nobody sees the table" "permission denied" "$(daemon "SELECT * FROM authz.client_documents")"

# ---- the sweep ----
for name in kept used granted requested off; do daemon "$(put https://app.example/$name x 600 false App)" >/dev/null; done
daemon "$(put https://app.example/unused x 600 false App)" >/dev/null
owner "UPDATE authz.client_documents SET fetched_at = now() - interval '2 days' WHERE client_id <> 'https://app.example/kept';
	UPDATE authz.clients SET last_used_at = now() - interval '2 days' WHERE client_id = 'https://app.example/used';
	UPDATE authz.clients SET enabled = false WHERE client_id = 'https://app.example/off'"
operator "SELECT authz.person_add('alice', 'Alice', '\$argon2id\$v=19\$m=8,t=1,p=1\$c2FsdHNhbHQ\$aGFzaGhhc2hoYXNoaGFzaA', '{logs:read}')" >/dev/null
owner "INSERT INTO authz.grants (person_id, client_id, resource, scopes, auth_time, expires_at, generation)
	SELECT person_id, 'https://app.example/granted', '$R', '{logs:read}', now(), now() + interval '90 days', 1 FROM authz.people"
request $Q https://app.example/requested
daemon "SELECT authz.sweep(600)" >/dev/null
is "what came to nothing goes after a day, and only that" "$U client.json granted kept off requested used" "$U $(
	owner "SELECT string_agg(substr(client_id, 21), ' ' ORDER BY client_id) FROM authz.clients")"
owner "UPDATE authz.client_documents SET fetched_at = now() - interval '91 days' WHERE NOT imported"
daemon "SELECT authz.sweep(600)" >/dev/null
is "what was used goes after 90 days, unless a grant is left" "client.json granted off requested" "$(
	owner "SELECT string_agg(substr(client_id, 21), ' ' ORDER BY client_id) FROM authz.clients")"

finish
