#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Grants without a person (client_credentials): every outcome, on a PostgreSQL of its own, as the roles that will call the functions. TAP.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

R=http://127.0.0.1:9401/mcp O=https://other.example/mcp
S="sha256('secret')" W="sha256('wrong')" Z="'\\x'::bytea"
operator "SELECT authz.resource_put('$R', 'Demo', true, '{\"scopes\": [{\"name\": \"logs:read\", \"title\": \"Search logs\"},
	{\"name\": \"deployments:read\", \"title\": \"See deployments\"}, {\"name\": \"tools:admin\", \"title\": \"Administer\"}]}')" >/dev/null
operator "SELECT authz.resource_put('$O', 'Other', false, '{\"scopes\": [{\"name\": \"x\", \"title\": \"X\"}]}')" >/dev/null
# id, method, secret (SQL), grant types, scope, resource (SQL)
client() {
	owner "INSERT INTO authz.clients (client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type, resource)
		VALUES ('$1', 'admin', 'Client $1', '$2', $3, '$4', '{}', '$5', 'web', $6)"
}
client robot client_secret_basic "$S" '{client_credentials}' 'logs:read  deployments:read x' NULL
client bare client_secret_basic "$S" '{client_credentials}' '' NULL
client app client_secret_basic "$S" '{}' 'logs:read' NULL
client rs client_secret_basic "$S" '{}' '' "'$R'"
client rs2 client_secret_basic "$S" '{}' '' "'$O'"
has "a public client cannot have client_credentials" "service_is_confidential" "$(client bad none NULL '{client_credentials}' 'logs:read' NULL)"

own() { # proof (SQL), scopes (SQL), resource (SQL)
	daemon "SELECT outcome, generation, subject, client_id, resource, scope FROM authz.client_credentials($1, $2, $3)"
}
ROBOT="'robot', 'client_secret_basic', $S, $S"
is "a wrong secret" "client_refused|||||" "$(own "'robot', 'client_secret_basic', $W, $W" NULL NULL)"
is "the raw reading of Basic" "granted|0|robot|robot|$R|deployments:read logs:read" "$(own "'robot', 'client_secret_basic', $W, $S" NULL NULL)"
is "another method" "client_refused|||||" "$(own "'robot', 'client_secret_post', $S, $S" NULL NULL)"
is "no method" "client_refused|||||" "$(own "'robot', 'none', $Z, $Z" NULL NULL)"
is "nobody" "client_refused|||||" "$(own "'nobody', 'client_secret_basic', $S, $S" NULL NULL)"
is "a client without the grant type" "unauthorized_client|||||" "$(own "'app', 'client_secret_basic', $S, $S" NULL NULL)"
is "nothing registered, nothing given" scope_exceeded "$(own "'bare', 'client_secret_basic', $S, $S" NULL NULL | cut -d'|' -f1)"
is "the default resource, and what it knows of the registered scope" "granted|0|robot|robot|$R|deployments:read logs:read" "$(own "$ROBOT" NULL NULL)"
is "another resource" "granted|0|robot|robot|$O|x" "$(own "$ROBOT" NULL "'$O'")"
is "an unknown resource" "target_unknown|||||" "$(own "$ROBOT" NULL "'https://nowhere.example/'")"
is "less than registered" "granted|0|robot|robot|$R|logs:read" "$(own "$ROBOT" "'{logs:read}'" NULL)"
is "more than registered" scope_exceeded "$(own "$ROBOT" "'{logs:read,tools:admin}'" NULL | cut -d'|' -f1)"
is "registered, but not of this resource" scope_exceeded "$(own "$ROBOT" "'{x}'" NULL | cut -d'|' -f1)"
owner "UPDATE authz.resources SET is_default = false" >/dev/null
is "no resource asked for and no default one: no token without an audience" target_unknown "$(own "$ROBOT" NULL NULL | cut -d'|' -f1)"
owner "UPDATE authz.resources SET is_default = true WHERE uri = '$R'" >/dev/null

# ---- one grant behind all tokens ----
id() { daemon "SELECT grant_id FROM authz.client_credentials($ROBOT, NULL, NULL)"; }
G=$(id)
is "the next token comes from the same grant" "$G" "$(id)"
is "a narrowed one too" "$G" "$(daemon "SELECT grant_id FROM authz.client_credentials($ROBOT, '{logs:read}', '$R')")"
is "one grant a resource, without a person, for as long as it lasts" "2|t|t" "$(owner "SELECT count(*), bool_and(person_id IS NULL),
	bool_and(expires_at = 'infinity') FROM authz.grants WHERE client_id = 'robot'")"
W0=$(owner "SELECT pg_current_wal_insert_lsn()")
for i in 1 2 3; do id >/dev/null; done
is "a token costs no write" "$W0" "$(owner "SELECT pg_current_wal_insert_lsn()")"
has "a second living one cannot be" "grants_of_clients" "$(owner "INSERT INTO authz.grants (client_id, resource, scopes, auth_time, expires_at, generation)
	VALUES ('robot', '$R', '{logs:read}', now(), 'infinity', 0)")"
has "nor a refresh token without a person" "refresh_tokens_are_for_people" "$(owner "UPDATE authz.grants SET generation = 1 WHERE grant_id = '$G'")"
is "it cannot be refreshed" invalid "$(owner "UPDATE authz.clients SET grant_types = '{client_credentials,refresh_token}' WHERE client_id = 'robot'" >/dev/null
	daemon "SELECT outcome FROM authz.refresh($ROBOT, '$G', 1, NULL, NULL, 120)")"
owner "UPDATE authz.clients SET grant_types = '{client_credentials}' WHERE client_id = 'robot'" >/dev/null
owner "UPDATE authz.grants SET revoked_at = now(), revoked_for = 'operator' WHERE grant_id = '$G'" >/dev/null
for i in 1 2 3 4 5 6 7 8; do id >"$base/g.$i" & done; wait
is "a revoked one is replaced, by one of eight at once" "1" "$(sort -u "$base"/g.* | grep -cv "^$G$")"
G2=$(id)
is "which is the living one" "$G2|2" "$(owner "SELECT (SELECT grant_id FROM authz.grants WHERE client_id = 'robot' AND resource = '$R' AND revoked_at IS NULL),
	(SELECT count(*) FROM authz.grants WHERE client_id = 'robot' AND resource = '$R')")"

# ---- introspection ----
RS="'rs', 'client_secret_basic', $S, $S"
intro() { daemon "SELECT outcome, username, scope, client_id, subject, grantable_scope FROM authz.introspect(${2:-$RS}, '$1', '${3:-j1}')"; }
is "introspect: the client's registered scope of today" "active||logs:read deployments:read x|robot|robot|deployments:read logs:read" "$(intro "$G2")"
is "introspect: it lives on" t "$(daemon "SELECT expires_in > 3600 FROM authz.introspect($RS, '$G2', 'j1')")"
is "introspect: not of another resource server" "inactive|||||" "$(intro "$G2" "'rs2', 'client_secret_basic', $S, $S")"
is "introspect: the revoked one is dead" "inactive|||||" "$(intro "$G")"
owner "UPDATE authz.clients SET scope = 'deployments:read' WHERE client_id = 'robot'" >/dev/null
is "introspect: a narrowed registration" "active||deployments:read|robot|robot|deployments:read" "$(intro "$G2")"
owner "UPDATE authz.clients SET scope = ' ' WHERE client_id = 'robot'" >/dev/null
is "introspect: an empty registration" "inactive|||||" "$(intro "$G2")"
owner "UPDATE authz.clients SET scope = 'logs:read', grant_types = '{}' WHERE client_id = 'robot'" >/dev/null
is "introspect: the grant type was taken away" "inactive|||||" "$(intro "$G2")"
owner "UPDATE authz.clients SET grant_types = '{client_credentials}', enabled = false WHERE client_id = 'robot'" >/dev/null
is "introspect: a disabled client" "inactive|||||" "$(intro "$G2")"
is "a disabled client gets nothing" client_refused "$(own "$ROBOT" NULL NULL | cut -d'|' -f1)"
owner "UPDATE authz.clients SET enabled = true WHERE client_id = 'robot'" >/dev/null
is "revoke: one token" "done" "$(daemon "SELECT authz.revoke($ROBOT, '$G2', 'j2', extract(epoch FROM now() + interval '1 hour')::bigint)")"
is "introspect: that token is dead" "inactive|||||" "$(intro "$G2" "" j2)"
is "introspect: the others live" active "$(intro "$G2" | cut -d'|' -f1)"
is "the sweep leaves the living grant" "1" "$(daemon "SELECT authz.sweep(600)" >/dev/null; owner "SELECT count(*) FROM authz.grants WHERE grant_id = '$G2'")"
is "the client's end is the grant's" "0" "$(daemon "SELECT authz.client_delete('robot')" >/dev/null; owner "SELECT count(*) FROM authz.grants WHERE client_id = 'robot'")"

finish
