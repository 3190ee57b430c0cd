#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the operator says of people: who is told, that names of tokens' own are refused, and that a change is told as one of roles is.
# On a PostgreSQL of its own, as the roles that will call. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

R=https://r.example/mcp
S="sha256('secret')" W="sha256('wrong')"
alice=a0000000-0000-0000-0000-000000000001
G=$(uuid)
owner "
SELECT authz.resource_put('$R', 'R', true, '{\"scopes\": [{\"name\": \"a\", \"title\": \"A\"}]}');
INSERT INTO authz.people (person_id, username, display_name, scopes, own_scopes) VALUES ('$alice', 'alice', 'Alice', '{a,openid}', '{a}');
INSERT INTO authz.clients (client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type, resource) VALUES
	('rs', 'admin', 'R', 'client_secret_basic', $S, '{}', '{}', '', 'web', '$R'),
	('pub', 'dynamic', 'P', 'none', NULL, '{authorization_code,refresh_token}', '{http://localhost/cb}', '', 'native', NULL);
INSERT INTO authz.grants (grant_id, person_id, client_id, resource, scopes, auth_time, expires_at, generation)
VALUES ('$G', '$alice', 'pub', '$R', '{a}', now(), now() + interval '1 day', 1)" >/dev/null

claims() { operator "SELECT authz.person_set_claims('$1', '$2')"; }
introspect() { daemon "SELECT outcome, claims FROM authz.introspect('rs', 'client_secret_basic', ${1:-$S}, ${1:-$S}, '$G', 'j')"; }
is "nothing is said at first" "active|{}" "$(introspect)"
is "claims are kept as written" "done active|{\"repos\":[\"a/b\"],\"n\":1.50}" "$(claims ALICE '{"repos":["a/b"],"n":1.50}') $(introspect)"
is "nobody else is told" "client_refused|" "$(introspect "$W")"
is "of nobody" "no_person" "$(claims no '{}')"
for name in acr act active amr aud auth_time authorization_details azp client_id cnf entitlements exp grant_id grantable_scope groups iat iss jti \
	may_act nbf nonce roles scope sid sub token_type typ username; do
	is "a name of tokens' own: $name" "refused" "$(claims alice "{\"x\":1,\"$name\":1}")"
done
is "no object" "refused" "$(claims alice '[1]')"
is "too long" "refused" "$(claims alice "{\"x\":\"$(printf '%4096s')\"}")"
is "what was refused changed nothing" "active|{\"repos\":[\"a/b\"],\"n\":1.50}" "$(introspect)"
is "person_show" "{\"sub\" : \"$alice\", \"username\" : \"alice\", \"display_name\" : \"Alice\", \"enabled\" : true, \"scope\" : \"a\", \
\"own_scope\" : \"a\", \"roles\" : [], \"groups\" : [], \"claims\" : {\"repos\":[\"a/b\"],\"n\":1.50}}" "$(operator "SELECT authz.person_show('Alice')")"
is "person_show of nobody" "" "$(operator "SELECT authz.person_show('no')")"
is "the daemon cannot set them" "denied" "$(daemon "SELECT authz.person_set_claims('alice', '{}')" 2>&1 | grep -q 'permission denied' && echo denied)"

# ---- a change is told ----
poll() { daemon "SELECT $2 FROM authz.feed_poll('rs', 'client_secret_basic', $S, $S, $1, 1000) AS e"; }
P=$(poll "NULL, NULL, NULL, 0" "format('''%s'', ''%s'', NULL, 0', timeline, base)")
claims alice '{"repos":[]}' >/dev/null
is "changed claims are told of each grant" "event claims $G a" "$(poll "$P" "concat_ws(' ', outcome, kind, id, detail)")"
P=$(poll "NULL, NULL, NULL, 0" "format('''%s'', ''%s'', NULL, 0', timeline, base)")
claims alice '{"repos":[]}' >/dev/null
is "the same claims are no news" "nothing" "$(poll "$P" "concat_ws(' ', outcome, kind, id, detail)")"

# ---- API keys ----
K=$(uuid)
operator "SELECT authz.api_key_add('$K', 'k', 'alice', NULL, '$R', '{a}', 3600)" >/dev/null
key() { daemon "SELECT outcome, claims FROM authz.introspect_api_key('rs', 'client_secret_basic', $S, $S, '$K')"; }
is "a key of hers tells them too" "active|{\"repos\":[]}" "$(key)"
P=$(poll "NULL, NULL, NULL, 0" "format('''%s'', ''%s'', NULL, 0', timeline, base)")
claims alice '{}' >/dev/null
is "... and hears of changes" "$(printf 'event claims %s a\n' "$G" "$K" | sort)" "$(poll "$P" "concat_ws(' ', outcome, kind, id, detail)" | sort)"

finish
