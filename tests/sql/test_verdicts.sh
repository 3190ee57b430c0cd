#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every outcome of every function in sql/functions, on a PostgreSQL of its own, as the roles that will call them. TAP on standard output.
# With --bench: a figure for refresh by pgbench, as a comment.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
bench=${1:-}
is "migrations, functions and grants apply" "" "$(apply)"
is "functions and grants apply again" "" "$(apply_functions)"

owner "SET ROLE sallyport_owner; CREATE FUNCTION authz.sign_out(uuid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'" >/dev/null
owner "SET ROLE sallyport_owner; DROP FUNCTION authz.sign_out(uuid); CREATE FUNCTION authz.sign_out(uuid) RETURNS text LANGUAGE sql AS 'SELECT NULL'" >/dev/null
is "functions of an older form give way" "" "$(apply_functions)"
is "and no function has a namesake" "0" "$(owner "
	SELECT count(*) FROM (SELECT FROM pg_proc WHERE pronamespace = 'authz'::regnamespace GROUP BY proname HAVING count(*) > 1) AS x")"

# ---- who may do what ----
is "every function that a role may execute, or that a trigger is, has a fixed search path, unless it depends on none" \
	"client_rules code_rules request_rules" "$(owner "
	SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'authz'::regnamespace AND proconfig IS NULL
	AND (prorettype = 'trigger'::regtype OR has_function_privilege('sallyport_authz', oid, 'execute')
	     OR has_function_privilege('sallyport_admin', oid, 'execute'))")"
is "every function that a role may execute is a definer's" "0" "$(owner "
	SELECT count(*) FROM pg_proc WHERE pronamespace = 'authz'::regnamespace AND NOT prosecdef
	AND (has_function_privilege('sallyport_authz', oid, 'execute') OR has_function_privilege('sallyport_admin', oid, 'execute'))")"
is "no function is for everybody" "0" "$(owner "
	SELECT count(*) FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a
	WHERE pronamespace = 'authz'::regnamespace AND a.grantee = 0")"
is "everything belongs to the owner, who cannot sign in" "sallyport_owner|f" "$(owner "
	SELECT DISTINCT pg_get_userbyid(o), rolcanlogin FROM (SELECT relowner AS o FROM pg_class WHERE relnamespace = 'authz'::regnamespace
	UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'authz'::regnamespace) AS x JOIN pg_roles ON pg_roles.oid = o")"
for table in $(owner "SELECT relname FROM pg_class WHERE relnamespace = 'authz'::regnamespace AND relkind IN ('r', 'v')"); do
	has "the daemon cannot read $table" "permission denied" "$(daemon "SELECT * FROM authz.$table")"
done
has "the daemon cannot add people" "permission denied" "$(daemon "SELECT authz.person_set_scopes('alice', '{x}')")"
has "the operator cannot refresh" "permission denied" "$(operator "SELECT authz.sweep(600)")"
has "tools cannot see the schema" "permission denied for schema" \
	"$(psql -U sallyport_tools_read -c "SELECT authz.client_get('x')" 2>&1)"
has "tools that read cannot write" "read-only transaction" "$(psql -U sallyport_tools_read -c "CREATE TABLE public.t (a int)" 2>&1)"

# ---- resources, people, clients ----
R=http://127.0.0.1:9401/mcp
is "resource_put counts its scopes" 3 "$(operator "SELECT authz.resource_put('$R', 'Demo', true, '{\"scopes\": [
	{\"name\": \"logs:read\", \"title\": \"Search logs\", \"tools\": [{\"name\": \"query_logs\", \"title\": \"Q\", \"tier\": \"read\"}]},
	{\"name\": \"deployments:read\", \"title\": \"See deployments\"}, {\"name\": \"tools:admin\", \"title\": \"Administer\"}]}')")"
is "resource_put without scopes keeps them" 3 "$(operator "SELECT authz.resource_put('$R', 'Demo 2', false, NULL)")"
is "a new default takes the place of the old one" "$R|f|https://other.example/mcp|t" "$(operator "
	SELECT authz.resource_put('https://other.example/mcp', 'Other', true, '{\"scopes\": [{\"name\": \"x\", \"title\": \"X\"}]}')" >/dev/null
	operator "SELECT string_agg(uri || '|' || left(is_default::text, 1), '|' ORDER BY uri) FROM authz.resource_list()")"
operator "SELECT authz.resource_put('$R', 'Demo', true, NULL)" >/dev/null
has "a scope name outside RFC 6749 is refused" "violates check" "$(operator "SELECT authz.resource_put('$R', 'Demo', true, '{\"scopes\": [{\"name\": \"a b\", \"title\": \"X\"}]}')")"
H="\$argon2id\$v=19\$m=8,t=1,p=1\$c2FsdHNhbHQ\$aGFzaGhhc2hoYXNoaGFzaA"
is "person_add" t "$(operator "SELECT authz.person_add('Alice', 'Alice', '$H', '{logs:read,deployments:read}')")"
is "person_add of the same name in another spelling" f "$(operator "SELECT authz.person_add('ALICE', 'Alice', '$H', '{}')")"
is "person_add of a second person" t "$(operator "SELECT authz.person_add('bob', 'Bob', '$H', '{logs:read}')")"
has "a name of other letters is refused" "violates check" "$(operator "SELECT authz.person_add('al ice', 'A', '$H', '{}')")"
alice=$(operator "SELECT person_id FROM authz.person_list() WHERE username = 'alice'")
bob=$(operator "SELECT person_id FROM authz.person_list() WHERE username = 'bob'")

S="sha256('secret')" W="sha256('wrong')" Z="'\\x'::bytea"
client() { # id, method, digest, grant types, redirect URIs, resource, [origin]
	daemon "SELECT count(*) FROM authz.client_add('$1', '${7:-dynamic}', 'Client $1', '$2', $3, '$4', '$5', '', 'native',
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, $6, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL)"
}
is "client_add" 1 "$(client pub none NULL '{authorization_code,refresh_token}' '{http://localhost/cb,http://127.0.0.1:7/cb}' NULL)"
is "client_add of a taken id" 0 "$(client pub none NULL '{authorization_code}' '{http://localhost/cb}' NULL)"
is "client_add with a secret" 1 "$(client conf client_secret_basic "$S" '{authorization_code}' '{https://c.example/cb}' NULL)"
is "client_add of a resource server" 1 "$(client rs client_secret_basic "$S" '{}' '{}' "'$R'" admin)"
is "client_add of another resource server" 1 "$(client rs2 client_secret_post "$S" '{}' '{}' "'https://other.example/mcp'" admin)"
is "client_add of another public client" 1 "$(client pub2 none NULL '{authorization_code,refresh_token}' '{https://p.example/cb}' NULL)"
has "a public client with a secret cannot be" "secret_if_and_only_if" "$(client bad none "$S" '{}' '{}' NULL)"
has "a confidential client without a secret cannot be" "secret_if_and_only_if" "$(client bad client_secret_post NULL '{}' '{}' NULL)"
has "a public resource server cannot be" "resource_server_is_confidential" "$(client bad none NULL '{}' '{}' "'$R'")"
has "a client of the code flow without redirect URI cannot be" "code_needs_redirect_uri" "$(client bad none NULL '{authorization_code}' '{}' NULL)"
has "an unknown grant type cannot be" "violates check" "$(client bad none NULL '{password}' '{}' NULL)"
is "client_get" "pub|none|t" "$(daemon "SELECT client_id, auth_method, enabled FROM authz.client_get('pub')")"
is "client_get of nobody" "" "$(daemon "SELECT client_id FROM authz.client_get('nobody')")"
is "client_list goes on behind a name" "pub pub2" "$(daemon "SELECT string_agg(client_id, ' ') FROM authz.client_list('conf', 2)")"
upd() { daemon "SELECT name, enabled FROM authz.client_update('$1', '$2', '{authorization_code,refresh_token}', '$3', '', 'native',
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, $4, NULL, NULL)"; }
is "client_update" "New name|t" "$(upd pub 'New name' '{http://localhost/cb,http://127.0.0.1:7/cb}' true)"
is "client_update of nobody" "" "$(upd nobody x '{http://localhost/cb}' true)"
is "client_set_enabled" "t f" "$(operator "SELECT authz.client_set_enabled('pub', false)") $(daemon "SELECT enabled FROM authz.client_get('pub')")"
is "client_set_enabled, back" t "$(operator "SELECT authz.client_set_enabled('pub', true)")"
is "client_set_enabled of nobody" f "$(operator "SELECT authz.client_set_enabled('nobody', false)")"
is "client_delete of nobody" f "$(daemon "SELECT authz.client_delete('nobody')")"

# ---- proof of the client ----
prove() { daemon "SELECT authz.prove_client($1)"; }
is "prove: public" nothing "$(prove "'pub', 'none', $Z, $Z, false")"
is "prove: unknown" client_refused "$(prove "'nobody', 'none', $Z, $Z, false")"
is "prove: right secret" nothing "$(prove "'conf', 'client_secret_basic', $S, $S, false")"
is "prove: right secret, not form-encoded" nothing "$(prove "'conf', 'client_secret_basic', $W, $S, false")"
is "prove: wrong secret" client_refused "$(prove "'conf', 'client_secret_basic', $W, $W, false")"
is "prove: another method" client_refused "$(prove "'conf', 'client_secret_post', $S, $S, false")"
is "prove: no method for a confidential client" client_refused "$(prove "'conf', 'none', $Z, $Z, false")"
is "prove: a secret for a public client" client_refused "$(prove "'pub', 'client_secret_post', $S, $S, false")"
is "prove: no resource server" client_refused "$(prove "'conf', 'client_secret_basic', $S, $S, true")"
is "prove: resource server" nothing "$(prove "'rs', 'client_secret_basic', $S, $S, true")"

# ---- plans, where the tables have no rows and no statistics yet ----
G='gen_random_uuid()' explained="LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
	SET plan_cache_mode = force_generic_plan; SET client_min_messages = log;"
indexes() { owner "$explained SELECT * FROM authz.$1" | grep -oE '(Scan on|using) (codes|grants)[a-z_]*' | sort -u | xargs; }
is "a code is found by its key" "using codes_pkey" "$(indexes "redeem_code('pub', 'none', $Z, $Z, $G, 'u', 'c', '$R', 60)")"
is "a grant is: refresh" "using grants_pkey" "$(indexes "refresh('pub', 'none', $Z, $Z, $G, 1, NULL, NULL, 60)")"
is "refresh over its budget" "using grants_pkey" "$(indexes "refresh('pub', 'none', $Z, $Z, $G, 1, NULL, NULL, 60, true)")"
is "introspect" "using grants_pkey" "$(indexes "introspect('rs', 'client_secret_basic', $S, $S, $G, 'j')")"
is "revoke" "using grants_pkey" "$(indexes "revoke('pub', 'none', $Z, $Z, $G, NULL, 1)")"
is "revoke of one token" "using grants_pkey" "$(indexes "revoke('pub', 'none', $Z, $Z, $G, 'j', 1)")"
is "userinfo" "using grants_pkey" "$(indexes "userinfo($G, 'j', '{openid}')")"

# ---- the authorization request ----
is "lookup: unknown client" no_client "$(daemon "SELECT outcome FROM authz.authorize_lookup('nobody', NULL)")"
is "lookup: unknown resource" "no_resource|t" "$(daemon "SELECT outcome, may_use_codes FROM authz.authorize_lookup('pub', 'https://x.example')")"
is "lookup: default resource" "found|$R|{deployments:read,logs:read,openid,profile,tools:admin}" \
	"$(daemon "SELECT outcome, resource_uri, scope_names FROM authz.authorize_lookup('pub', NULL)")"
owner "UPDATE authz.clients SET enabled = false WHERE client_id = 'pub2'" >/dev/null
is "lookup: disabled client" no_client "$(daemon "SELECT outcome FROM authz.authorize_lookup('pub2', NULL)")"
is "prove: disabled client" client_refused "$(prove "'pub2', 'none', $Z, $Z, false")"
owner "UPDATE authz.clients SET enabled = true WHERE client_id = 'pub2'" >/dev/null

CH=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
B=$(uuid)
# /authorize by `pub` of browser $B; $1: scopes, $2: session (SQL), $3: prompt (SQL), $4: lifetime, $5: redirect URI, $6: request, $7: code
authorize() {
	daemon "SELECT * FROM authz.authorize('${6:-$(uuid)}', '$B', $2, '${7:-$(uuid)}', 'pub', '$R', '${5:-http://localhost:5000/cb}', '$1', 'st', '$CH', NULL,
		${3:-NULL}, 'site', ${4:-600}, 60)"
}
# a request of nobody yet; $1: scopes, $2: prompt (SQL), $3: lifetime
ask() {
	local id; id=$(uuid)
	authorize "$1" NULL "${2:-NULL}" "${3:-600}" '' "$id" >/dev/null
	echo "$id"
}
# a session of a person
session() {
	local id; id=$(uuid)
	daemon "SELECT authz.sign_in('$1', '$id', NULL, '$H', NULL, ${2:-3600}, ${3:-7200}, '192.0.2.9')" >/dev/null
	echo "$id"
}
view() { daemon "SELECT outcome, username, scope_names, scope_allowed FROM authz.page_view('$1', '$2', $3)"; }
Q=$(ask '{logs:read,tools:admin,gone}')
is "page: unknown request" "no_request|||" "$(view "$(uuid)" "$B" NULL)"
is "page: another browser's request" "no_request|||" "$(view "$Q" "$(uuid)" NULL)"
is "page: without session" "sign_in||{logs:read,tools:admin}|{false,false}" "$(view "$Q" "$B" NULL)"
A=$(session "$alice")
is "page: with session" "consent|alice|{logs:read,tools:admin}|{true,false}" "$(view "$Q" "$B" "'$A'")"
is "page: loopback only" "t" "$(daemon "SELECT loopback_only FROM authz.page_view('$Q', '$B', NULL)")"
is "page: unknown session" "sign_in||{logs:read,tools:admin}|{false,false}" "$(view "$Q" "$B" "'$(uuid)'")"
Q2=$(ask '{logs:read}' "'login'")
is "page: prompt=login wants a fresh session" "sign_in||{logs:read}|{false}" "$(view "$Q2" "$B" "'$A'")"
A2=$(session "$alice")
is "page: a session made since is fresh" "consent|alice|{logs:read}|{true}" "$(view "$Q2" "$B" "'$A2'")"
is "page: an expired request" "no_request|||" "$(view "$(ask '{logs:read}' NULL 0)" "$B" "'$A'")"
owner "UPDATE authz.sessions SET last_seen_at = now() - idle WHERE session_id = '$A2'" >/dev/null
is "page: a session that was idle too long" "sign_in||{logs:read,tools:admin}|{false,false}" "$(view "$Q" "$B" "'$A2'")"

# how old a sign-in may be: at the start, at the page and at the decision
signed_in() { owner "UPDATE authz.sessions SET created_at = now() - interval '$2' WHERE session_id = '$1'" >/dev/null; }
fresh() { # max_age, [request]: at /authorize, of a session that stands in the request's browser
	daemon "SELECT outcome FROM authz.authorize('${2:-$(uuid)}', '$B', '$AS', '$(uuid)', 'pub', '$R', 'http://localhost:5000/cb', '{logs:read}', 'st', '$CH', NULL,
		NULL, 'site', 600, 60, NULL, $1)"
}
AS=$(session "$alice")
signed_in "$AS" '5 minutes'
is "max_age: of a sign-in that is too old" "no_session" "$(fresh 299)"
is "max_age: of one that is new enough" "ask" "$(fresh 310)"
is "max_age=0: no sign-in is new enough" "no_session" "$(fresh 0)"
is "max_age: none" "ask" "$(fresh NULL)"
has "max_age: is not negative" "requests_max_age_check" "$(fresh -1)"
Q2=$(uuid)
fresh 299 "$Q2" >/dev/null
is "max_age: the page asks for a sign-in" "sign_in||{logs:read}|{false}" "$(view "$Q2" "$B" "'$AS'")"
is "max_age: the decision, too" "no_session|" "$(daemon "SELECT outcome, scope FROM authz.decide('$Q2', '$B', '$AS', 'approve', '$(uuid)', 60)")"
Q5=$(uuid)
fresh 310 "$Q5" >/dev/null
owner "UPDATE authz.requests SET created_at = created_at - interval '1 second' WHERE request_id = '$Q5'" >/dev/null
signed_in "$AS" '311 seconds'
is "max_age: what was new enough at the start is too old at the finish" "no_session|" \
	"$(daemon "SELECT outcome, scope FROM authz.decide('$Q5', '$B', '$AS', 'approve', '$(uuid)', 60)")"
A3=$(session "$alice")
Q5=$(uuid)
fresh 0 "$Q5" >/dev/null
is "max_age=0: a sign-in before the request is no answer" "no_session|" "$(daemon "SELECT outcome, scope FROM authz.decide('$Q5', '$B', '$A3', 'approve', '$(uuid)', 60)")"
owner "UPDATE authz.requests SET created_at = now() - interval '9 minutes' WHERE request_id = '$Q5'" >/dev/null
signed_in "$A3" '8 minutes'
is "max_age: a sign-in for this request is fresh, however slow the reader" "approved|logs:read" \
	"$(daemon "SELECT outcome, scope FROM authz.decide('$Q5', '$B', '$A3', 'approve', '$(uuid)', 60)")"

decide() { # request, browser, session (SQL), how, [code]
	daemon "SELECT outcome, redirect_uri, state, client_id FROM authz.decide('$1', '$2', $3, '$4', '${5:-$(uuid)}', ${6:-60})"
}
D="http://localhost:5000/cb|st|pub"
is "decide: unknown" "no_request|||" "$(decide "$(uuid)" "$B" "'$A'" approve)"
is "decide: another browser" "no_request|||" "$(decide "$Q" "$(uuid)" "'$A'" approve)"
is "decide: no session" "no_session|||" "$(decide "$Q" "$B" NULL approve)"
is "decide: a dead session" "no_session|||" "$(decide "$Q" "$B" "'$A2'" approve)"
is "decide: expired" "no_request|||" "$(decide "$(ask '{logs:read}' NULL 0)" "$B" "'$A'" approve)"
is "decide: a redirect URI that is no longer registered" "no_request||| no_request|||" "$(echo $(Q3=$(ask '{logs:read}')
	owner "UPDATE authz.clients SET redirect_uris = '{http://localhost/other}' WHERE client_id = 'pub'"
	decide "$Q3" "$B" "'$A'" approve; view "$Q3" "$B" "'$A'"
	owner "UPDATE authz.clients SET redirect_uris = '{http://localhost/cb}' WHERE client_id = 'pub'"))"
is "decide: nothing that the person may have" "no_scope|$D" "$(decide "$(ask '{tools:admin}')" "$B" "'$A'" approve)"
is "decide: denied" "denied|$D" "$(Q3=$(ask '{logs:read}'); decide "$Q3" "$B" "'$A'" deny)"
is "decide: denied without session" "denied|$D" "$(decide "$(ask '{logs:read}')" "$B" NULL deny)"
C=$(uuid)
is "decide: approved" "approved|$D" "$(decide "$Q" "$B" "'$A'" approve "$C")"
is "decide: again" "no_request|||" "$(decide "$Q" "$B" "'$A'" approve)"
is "decide: the code has what was asked, known and allowed" "{logs:read}" "$(owner "SELECT scopes FROM authz.codes WHERE code_id = '$C'")"
Q4=$(ask '{logs:read}')
for i in 1 2 3 4 5 6 7 8; do decide "$Q4" "$B" "'$A'" approve >"$base/d.$i" & done; wait
is "decide: eight clicks at once are one decision" "1 7" "$(cat "$base"/d.* | cut -d'|' -f1 | sort | uniq -c | awk '{printf "%s%s", s, $1; s = " "}')"

# ---- the decision at /authorize ----
rows() { owner "SELECT (SELECT count(*) FROM authz.requests WHERE request_id = '$1'), (SELECT count(*) FROM authz.codes WHERE code_id = '$2')"; }
Q=$(uuid) K=$(uuid)
is "authorize: nobody is signed in" "no_session|||" "$(authorize '{logs:read}' NULL '' '' '' "$Q" "$K")"
is "... the request is kept" "1|0" "$(rows "$Q" "$K")"
is "authorize: a session that was idle too long" "no_session|||" "$(authorize '{logs:read}' "'$A2'")"
is "authorize: prompt=login wants a sign-in since" "no_session|||" "$(authorize '{logs:read}' "'$A'" "'login'")"
Q=$(uuid)
is "authorize: signed in, and remembered" "approved|alice|logs:read|remembered" "$(authorize '{logs:read}' "'$A'" '' '' '' "$Q" "$K")"
is "... nothing is left that could be decided again" "0|1" "$(rows "$Q" "$K")"
is "... the code is bound to all of it" "t|http://localhost:5000/cb|localhost|{logs:read}|$CH" \
	"$(owner "SELECT person_id = '$alice', redirect_uri, redirect_host, scopes, code_challenge FROM authz.codes WHERE code_id = '$K'")"
has "... and is made once" "codes_pkey" "$(authorize '{logs:read}' "'$A'" '' '' '' "$Q" "$K")"
is "authorize: more is asked for" "ask|||" "$(authorize '{logs:read,deployments:read}' "'$A'" '' '' '' "$Q" "$(uuid)")"
is "... the request is kept, and decided once" "approved|$D no_request|||" "$(decide "$Q" "$B" "'$A'" approve) $(decide "$Q" "$B" "'$A'" silent)"
Q=$(uuid) K=$(uuid)
is "authorize: prompt=none keeps nothing" "no_session|||0|0 ask|||0|0" "$(echo $(authorize '{logs:read}' NULL "'none'" '' '' "$Q" "$K")$(rows "$Q" "$K") \
	$(authorize '{tools:admin}' "'$A'" "'none'" '' '' "$Q" "$K")$(rows "$Q" "$K"))"
is "authorize: prompt=none is answered" "approved|alice|logs:read|remembered" "$(authorize '{logs:read}' "'$A'" "'none'")"
is "authorize: a redirect URI that is not registered" "gone|||0|0" "$(authorize '{logs:read}' "'$A'" '' '' http://localhost:5000/other "$Q" "$K")$(rows "$Q" "$K")"
is "authorize: a disabled client" "gone|||0|0" "$(owner "UPDATE authz.clients SET enabled = false WHERE client_id = 'pub'"
	authorize '{logs:read}' "'$A'" '' '' '' "$Q" "$K"; owner "UPDATE authz.clients SET enabled = true WHERE client_id = 'pub'")$(rows "$Q" "$K")"
is "authorize: a resource that went" "gone|||" "$(R=https://gone.example/mcp; authorize '{logs:read}' "'$A'")"
is "authorize: a person who is disabled" "no_session|||" "$(psql -U postgres 2>&1 <<-X
	BEGIN;
	UPDATE authz.people SET enabled = false WHERE person_id = '$alice';
	SELECT * FROM authz.authorize('$(uuid)', '$B', '$A', '$(uuid)', 'pub', '$R', 'http://localhost:5000/cb', '{logs:read}', 'st', '$CH', NULL, NULL, 'site', 600, 60);
	ROLLBACK;
	X
)"

# ---- the approval of a call ----
approving() { # [request], [details (SQL)], [prompt (SQL)]: of scopes that are remembered
	daemon "SELECT outcome FROM authz.authorize('${1:-$(uuid)}', '$B', '$A', '$(uuid)', 'pub', '$R', 'http://localhost:5000/cb', '{logs:read}', 'st', '$CH', NULL,
		${3:-NULL}, 'site', 600, 60, NULL, NULL, ${2:-"'{\"tool\":\"wipe\"}'"}, '[{\"type\":\"mcp_approval\"}]')"
}
Q=$(uuid) K=$(uuid)
is "approval: the person is asked, though the scopes are remembered" "ask approved" "$(approving "$Q") $(authorize '{logs:read}' "'$A'" | cut -d'|' -f1)"
is "approval: with prompt=none, too" "ask" "$(approving '' '' "'none'")"
is "approval: the page shows what was asked for, and is not silent" "{\"tool\":\"wipe\"}|" "$(daemon "SELECT details, silent FROM authz.page_view('$Q', '$B', '$A')")"
is "approval: nor is the decision" "ask|||" "$(decide "$Q" "$B" "'$A'" silent)"
has "approval: what is shown comes with what the token gets" "approved_as_shown" "$(approving '' NULL "'consent'")"
is "approval: a person decides" "approved|$D" "$(decide "$Q" "$B" "'$A'" approve "$K")"
is "approval: it goes with the code, and what was shown does not" "[{\"type\":\"mcp_approval\"}]" "$(owner "SELECT approval FROM authz.codes WHERE code_id = '$K'")"
is "approval: it goes into the token that the code gives" "granted|[{\"type\":\"mcp_approval\"}]" \
	"$(daemon "SELECT outcome, approval FROM authz.redeem_code('pub', 'none', $Z, $Z, '$K', 'http://localhost:5000/cb', '$CH', NULL, 3600)")"
is "approval: a replay gives none" "replayed|" \
	"$(daemon "SELECT outcome, approval FROM authz.redeem_code('pub', 'none', $Z, $Z, '$K', 'http://localhost:5000/cb', '$CH', NULL, 3600)")"
is "approval: the next request is asked again" "ask" "$(approving)"

# ---- codes ----
redeem() { # proof (SQL), code, redirect (SQL), challenge, resource (SQL)
	daemon "SELECT outcome, generation, subject, scope, resource FROM authz.redeem_code($1, '$2', $3, '$4', $5, 3600)"
}
PUB="'pub', 'none', $Z, $Z"
code() { local c; c=$(uuid); decide "$(ask "${1:-{logs:read,deployments:read\}}")" "$B" "'$A'" approve "$c" "${2:-60}" >/dev/null; echo "$c"; }
U="'http://localhost:5000/cb'"
is "redeem: refused client" "client_refused||||" "$(redeem "'conf', 'client_secret_basic', $W, $W" "$C" "$U" $CH NULL)"
is "redeem: grant type not registered" "unauthorized_client||||" "$(redeem "'rs', 'client_secret_basic', $S, $S" "$C" "$U" $CH NULL)"
is "redeem: another client's code" "invalid||||" "$(redeem "'conf', 'client_secret_basic', $S, $S" "$C" "$U" $CH NULL)"
is "redeem: unknown" "invalid||||" "$(redeem "$PUB" "$(uuid)" "$U" $CH NULL)"
is "redeem: another redirect URI" "redirect_mismatch||||" "$(redeem "$PUB" "$C" "'http://localhost/cb'" $CH NULL)"
is "redeem: another verifier" "verifier_mismatch||||" "$(redeem "$PUB" "$C" "$U" "${CH%M}N" NULL)"
is "redeem: another resource" "target_mismatch||||" "$(redeem "$PUB" "$C" "$U" $CH "'https://other.example/mcp'")"
is "redeem: expired" "invalid||||" "$(redeem "$PUB" "$(code '' 0)" "$U" $CH NULL)"
is "redeem: all those failures consumed nothing" "granted|1|$alice|logs:read|$R" "$(redeem "$PUB" "$C" "$U" $CH "'$R'")"
grant_of() { owner "SELECT grant_id FROM authz.codes WHERE code_id = '$1'"; }
state() { owner "SELECT coalesce(revoked_for::text, 'alive') FROM authz.grants WHERE grant_id = '$1'"; }
G=$(grant_of "$C")
is "replay with another verifier" "verifier_mismatch||||" "$(redeem "$PUB" "$C" "$U" "${CH%M}N" NULL)"
is "replay with another redirect URI" "redirect_mismatch||||" "$(redeem "$PUB" "$C" "'http://localhost/cb'" $CH NULL)"
is "replay by another client" "invalid||||" "$(redeem "'pub2', 'none', $Z, $Z" "$C" "$U" $CH NULL)"
is "... revokes nothing" alive "$(state "$G")"
is "replay that is otherwise valid" "replayed||||" "$(redeem "$PUB" "$C" "$U" $CH NULL)"
is "... revokes the grant" code_replayed "$(state "$G")"
C=$(code)
is "redeem: without redirect URI and resource" "granted|1|$alice|deployments:read logs:read|$R" "$(redeem "$PUB" "$C" NULL $CH NULL)"
C=$(code)
owner "UPDATE authz.people SET enabled = false WHERE username = 'alice'" >/dev/null
is "redeem: person disabled meanwhile" "invalid||||" "$(redeem "$PUB" "$C" "$U" $CH NULL)"
owner "UPDATE authz.people SET enabled = true, scopes = '{logs:read}' WHERE username = 'alice'" >/dev/null
is "redeem: person lost a scope meanwhile" "granted|1|$alice|logs:read|$R" "$(redeem "$PUB" "$C" "$U" $CH NULL)"
operator "SELECT authz.person_set_scopes('alice', '{logs:read,deployments:read}')" >/dev/null
owner "UPDATE authz.clients SET grant_types = '{authorization_code}' WHERE client_id = 'pub'" >/dev/null
is "redeem: no refresh token for a client without that grant type" "granted|0|$alice|deployments:read logs:read|$R" "$(redeem "$PUB" "$(code)" "$U" $CH NULL)"
owner "UPDATE authz.clients SET grant_types = '{authorization_code,refresh_token}' WHERE client_id = 'pub'" >/dev/null
C=$(code)
for i in $(seq 12); do redeem "$PUB" "$C" "$U" $CH NULL >"$base/r.$i" & done; wait
is "redeem: twelve at once are one grant and eleven replays" "1 granted 11 replayed" \
	"$(cat "$base"/r.* | cut -d'|' -f1 | sort | uniq -c | awk '{printf "%s%s %s", s, $1, $2; s = " "}')"
is "... which revoke it" code_replayed "$(state "$(grant_of "$C")")"

# ---- refresh ----
grant() { local c; c=$(code); redeem "$PUB" "$c" "$U" $CH NULL >/dev/null; grant_of "$c"; }
refresh() { # grant, generation, [window, scopes (SQL), resource (SQL), proof (SQL)]
	daemon "SELECT outcome, generation, scope FROM authz.refresh(${6:-$PUB}, '$1', $2, ${4:-NULL}, ${5:-NULL}, ${3:-120})"
}
# moves all rotations of a grant into the past
age() { owner "UPDATE authz.grants SET recent_at = (SELECT array_agg(t - interval '$2 seconds' ORDER BY t) FROM unnest(recent_at) AS t)
	WHERE grant_id = '$1'" >/dev/null; }
ALL="deployments:read logs:read"
G=$(grant)
is "refresh: refused client" "client_refused||" "$(refresh "$G" 1 120 NULL NULL "'conf', 'client_secret_basic', $W, $W")"
is "refresh: grant type not registered" "unauthorized_client||" "$(refresh "$G" 1 120 NULL NULL "'conf', 'client_secret_basic', $S, $S")"
is "refresh: another client's" "invalid||" "$(refresh "$G" 1 120 NULL NULL "'pub2', 'none', $Z, $Z")"
is "refresh: unknown" "invalid||" "$(refresh "$(uuid)" 1)"
is "refresh: a generation that was never given" "invalid||" "$(refresh "$G" 2)"
is "refresh: generation 0" "invalid||" "$(refresh "$G" 0)"
is "refresh: another resource" "target_mismatch||" "$(refresh "$G" 1 120 NULL "'https://other.example/mcp'")"
is "refresh: more scope" "scope_exceeded||" "$(refresh "$G" 1 120 "'{logs:read,tools:admin}'")"
is "refresh: n gives n+1, after all those failures" "rotated|2|$ALL" "$(refresh "$G" 1)"
is "refresh: less scope, for the access token only" "rotated|3|logs:read" "$(refresh "$G" 2 120 "'{logs:read}'" "'$R'")"
is "refresh: n-1 inside the window gives n again" "retried|3|$ALL" "$(refresh "$G" 2)"
is "refresh: n-1 twice" "retried|3|$ALL" "$(refresh "$G" 2)"
is "refresh: older inside its window gives n again" "stale|3|$ALL" "$(refresh "$G" 1)"
is "refresh: nothing was revoked" alive "$(state "$G")"
is "refresh: the newest still rotates" "rotated|4|$ALL" "$(refresh "$G" 3)"
age "$G" 60; refresh "$G" 4 >/dev/null; age "$G" 61
is "refresh: n-1 and the window of its own rotation" "retried|5|$ALL" "$(refresh "$G" 4)"
is "refresh: more scope with an old generation changes nothing" "scope_exceeded||" "$(refresh "$G" 3 120 "'{tools:admin}'")"
is "refresh: ... still alive" alive "$(state "$G")"
is "refresh: older than its window" "reused||" "$(refresh "$G" 3)"
is "refresh: ... revokes the grant" refresh_reused "$(state "$G")"
is "refresh: a revoked grant is invalid, newest or not" "invalid||invalid||" "$(refresh "$G" 5)$(refresh "$G" 4)"
G=$(grant); refresh "$G" 1 >/dev/null; age "$G" 121
is "refresh: n-1 outside the window" "reused||" "$(refresh "$G" 1)"
G=$(grant); refresh "$G" 1 0 >/dev/null
is "refresh: a window of nothing" "reused||" "$(refresh "$G" 1 0)"
G=$(grant); owner "UPDATE authz.grants SET expires_at = now() WHERE grant_id = '$G'" >/dev/null
is "refresh: expired" "invalid||" "$(refresh "$G" 1)"
G=$(grant)
owner "UPDATE authz.people SET enabled = false WHERE username = 'alice'" >/dev/null
is "refresh: person disabled" "invalid||" "$(refresh "$G" 1)"
owner "UPDATE authz.people SET enabled = true WHERE username = 'alice'; UPDATE authz.clients SET enabled = false WHERE client_id = 'pub'" >/dev/null
is "refresh: client disabled" "client_refused||" "$(refresh "$G" 1)"
owner "UPDATE authz.clients SET enabled = true WHERE client_id = 'pub'" >/dev/null
operator "SELECT authz.person_set_scopes('alice', '{logs:read,tools:admin}')" >/dev/null
is "refresh: the person's scopes of today" "rotated|2|logs:read" "$(refresh "$G" 1)"
is "refresh: ... for a retry too" "retried|2|logs:read" "$(refresh "$G" 1)"
is "refresh: a scope that the person lost" "invalid||" "$(refresh "$G" 2 120 "'{deployments:read}'")"
operator "SELECT authz.person_set_scopes('alice', '{}')" >/dev/null
is "refresh: a person without any scope" "invalid||" "$(refresh "$G" 2)"
operator "SELECT authz.person_set_scopes('alice', '{logs:read,deployments:read}')" >/dev/null
is "refresh: ... consumed nothing" "rotated|3|$ALL" "$(refresh "$G" 2)"
G=$(grant)
for i in $(seq 24); do refresh "$G" 1 >"$base/f.$i" & done; wait
is "refresh: 24 at once are one rotation and 23 retries of the same generation" "23 retried|2 1 rotated|2" \
	"$(cat "$base"/f.* | cut -d'|' -f1,2 | sort | uniq -c | awk '{printf "%s%s %s", s, $1, $2; s = " "}')"
# A client in a hurry: hundreds of rotations inside one window must neither be forgotten nor fill the row.
owner "DO \$\$ BEGIN FOR i IN 2 .. 600 LOOP PERFORM authz.refresh($PUB, '$G', i, NULL, NULL, 120); END LOOP; END \$\$" >/dev/null
is "refresh: 600 rotations inside the window are remembered in a small row" "601|t|t" "$(owner "
	SELECT generation, cardinality(recent_at) < 40, pg_column_size(g.*) < 1500 FROM authz.grants AS g WHERE grant_id = '$G'")"
is "refresh: the first of them is inside its window" "stale|601|$ALL" "$(refresh "$G" 1)"
age "$G" 121
is "refresh: after the window the newest rotates and the rest is forgotten" "rotated|602|$ALL 1" \
	"$(refresh "$G" 601) $(owner "SELECT cardinality(recent_at) FROM authz.grants WHERE grant_id = '$G'")"
is "refresh: the one before is inside, those before are not" "retried|602|$ALL reused||" "$(refresh "$G" 601) $(refresh "$G" 600)"
# Of up to 32 rotations inside a window, each is remembered by itself, however quick they were.
G=$(grant)
owner "DO \$\$ BEGIN FOR i IN 1 .. 32 LOOP PERFORM authz.refresh($PUB, '$G', i, NULL, NULL, 120); END LOOP; END \$\$" >/dev/null
is "refresh: 32 quick rotations have an entry each" t "$(owner "
	SELECT recent_from = (SELECT array_agg(i::bigint) FROM generate_series(1, 32) AS i) FROM authz.grants WHERE grant_id = '$G'")"
owner "DO \$\$ BEGIN FOR i IN 33 .. 40 LOOP PERFORM authz.refresh($PUB, '$G', i, NULL, NULL, 120); END LOOP; END \$\$" >/dev/null
is "refresh: those after them share one" "32|32" "$(owner "SELECT cardinality(recent_from), recent_from[32] FROM authz.grants WHERE grant_id = '$G'")"
owner "UPDATE authz.grants SET recent_at[1] = recent_at[1] - interval '121 seconds', recent_at[2] = recent_at[2] - interval '90 seconds'
	WHERE grant_id = '$G'" >/dev/null
is "refresh: each leaves the window by itself" "stale|41|$ALL reused||" "$(refresh "$G" 2) $(refresh "$G" 1)"
# Rotations spread over the window: entries stay few and in order.
G=$(grant)
for i in $(seq 60); do refresh "$G" "$i" >/dev/null; age "$G" 3; done
is "refresh: rotations every 3 s leave few entries, ascending" "t|t" "$(owner "
	SELECT cardinality(recent_at) <= 34, recent_at = (SELECT array_agg(t ORDER BY t) FROM unnest(recent_at) AS t) FROM authz.grants WHERE grant_id = '$G'")"
is "refresh: a generation of 99 s ago is inside" "stale|61|$ALL" "$(refresh "$G" 28)"
is "refresh: one of 150 s ago is not" "reused||" "$(refresh "$G" 10)"

# ---- introspection ----
RS="'rs', 'client_secret_basic', $S, $S"
look() { daemon "SELECT outcome, username, scope, client_id, grantable_scope FROM authz.introspect($1, '$2', $3)"; }
G=$(grant)
is "introspect: refused" "client_refused||||" "$(look "'rs', 'client_secret_basic', $W, $W" "$G" "'j1'")"
is "introspect: a client that is no resource server" "client_refused||||" "$(look "'conf', 'client_secret_basic', $S, $S" "$G" "'j1'")"
is "introspect: active" "active|alice|$ALL|pub|$ALL" "$(look "$RS" "$G" "'j1'")"
is "introspect: a refresh token" "active|alice|$ALL|pub|$ALL" "$(look "$RS" "$G" NULL)"
is "introspect: another resource's server" "inactive||||" "$(look "'rs2', 'client_secret_post', $S, $S" "$G" "'j1'")"
is "introspect: unknown" "inactive||||" "$(look "$RS" "$(uuid)" "'j1'")"
operator "SELECT authz.person_set_scopes('alice', '{logs:read,tools:admin}')" >/dev/null
is "introspect: the person's scopes of today" "active|alice|logs:read|pub|logs:read tools:admin" "$(look "$RS" "$G" "'j1'")"
operator "SELECT authz.person_set_scopes('alice', '{logs:read,deployments:read}')" >/dev/null

# ---- revocation ----
soon=$(($(date +%s) + 600))
revoke() { daemon "SELECT authz.revoke($1, '$2', $3, ${4:-NULL})"; }
is "revoke: refused" client_refused "$(revoke "'pub', 'client_secret_post', $S, $S" "$G" NULL)"
is "revoke: another client's refresh token" nothing "$(revoke "'pub2', 'none', $Z, $Z" "$G" NULL)"
is "revoke: another client's access token" nothing "$(revoke "'pub2', 'none', $Z, $Z" "$G" "'j1'" "$soon")"
is "revoke: unknown" nothing "$(revoke "$PUB" "$(uuid)" NULL)"
is "revoke: an access token that has expired" nothing "$(revoke "$PUB" "$G" "'j0'" 1000)"
is "revoke: an access token" done "$(revoke "$PUB" "$G" "'j1'" "$soon")"
is "revoke: only itself" "inactive||||active|alice|$ALL|pub|$ALL" "$(look "$RS" "$G" "'j1'")$(look "$RS" "$G" "'j2'")"
is "revoke: a refresh token" done "$(revoke "$PUB" "$G" NULL)"
is "revoke: again" nothing "$(revoke "$PUB" "$G" NULL)"
is "revoke: ends the grant" "inactive||||invalid||" "$(look "$RS" "$G" "'j2'")$(refresh "$G" 1)"

# ---- signing in ----
try() { daemon "SELECT person_id, password_hash IS NOT NULL, throttled FROM authz.person_for_sign_in('$1', '$2')"; }
is "sign-in: known, any spelling" "$alice|t|f" "$(try ALICE 198.51.100.1)"
is "sign-in: unknown" "|f|f" "$(try nobody 198.51.100.1)"
for i in 1 2 3 4; do try alice 198.51.100.1 >/dev/null; done
is "sign-in: the sixth attempt at once is throttled" "|f|t" "$(try alice 198.51.100.1)"
is "sign-in: not so from elsewhere" "$alice|t|f" "$(try alice 198.51.100.2)"
owner "UPDATE authz.sign_in_attempts SET last_at = last_at - interval '2 seconds'" >/dev/null
is "sign-in: the delay is over by itself" "$alice|t|f" "$(try alice 198.51.100.1)"
is "sign-in: and doubles" "|f|t" "$(owner "UPDATE authz.sign_in_attempts SET last_at = last_at - interval '1 second'" >/dev/null; try alice 198.51.100.1)"
owner "UPDATE authz.sign_in_attempts SET last_at = last_at - interval '2 hours'" >/dev/null
for i in $(seq 10); do try alice 198.51.100.1 >"$base/t.$i" & done; wait
is "sign-in: parallel guesses are counted before they are compared" 5 "$(cat "$base"/t.* | grep -c '|f$')"
is "sign-in: unknown names are throttled alike" "|f|t" "$(for i in 1 2 3 4 5; do try nobody 198.51.100.9 >/dev/null; done; try nobody 198.51.100.9)"
X=$(session "$alice")
is "sign-in: a session starts" 1 "$(owner "SELECT count(*) FROM authz.sessions WHERE session_id = '$X'")"
Y=$(uuid)
is "sign-in: a new session ends the old one" "t 0" "$(daemon "SELECT authz.sign_in('$alice', '$Y', '$X', '$H', '$H', 60, 60, '198.51.100.1')") \
$(owner "SELECT count(*) FROM authz.sessions WHERE session_id = '$X'")"
is "sign-in: with a password that was changed between, no session and no old hash" "f $H" \
	"$(daemon "SELECT authz.sign_in('$alice', '$(uuid)', NULL, '\$argon2id\$old', '\$argon2id\$old again', 60, 60, '198.51.100.1')") \
$(owner "SELECT password_hash FROM authz.people WHERE username = 'alice'")"
is "sign-in: a right password takes its failures back" "$alice|t|f" "$(try alice 198.51.100.1)"
# One's own account must not pay for guesses at others' from the same address.
owner "INSERT INTO authz.sign_in_attempts VALUES ('address', sha256('198.51.100.1'), 49, clock_timestamp())
	ON CONFLICT (counter, key) DO UPDATE SET attempts = 49, last_at = clock_timestamp()" >/dev/null
for i in 1 2 3; do
	try alice 198.51.100.1 >/dev/null
	daemon "SELECT authz.sign_in('$alice', '$(uuid)', NULL, '$H', NULL, 60, 60, '198.51.100.1')" >/dev/null
done
is "sign-in: a known address's sign-ins leave the count of the address alone" 49 \
	"$(owner "SELECT attempts FROM authz.sign_in_attempts WHERE counter = 'address' AND key = sha256('198.51.100.1')")"
owner "DELETE FROM authz.sign_in_attempts WHERE counter = 'address'" >/dev/null
owner "INSERT INTO authz.sign_in_attempts VALUES ('person', sha256('alice'), 60, clock_timestamp())
	ON CONFLICT (counter, key) DO UPDATE SET attempts = 60, last_at = clock_timestamp()" >/dev/null
is "sign-in: guessed from many addresses, a new address waits" "|f|t" "$(try alice 203.0.113.1)"
is "sign-in: ... a known address does not" "$alice|t|f" "$(try alice 198.51.100.1)"
owner "UPDATE authz.sign_in_attempts SET attempts = 1000000, last_at = clock_timestamp() - interval '61 seconds' WHERE counter = 'person'" >/dev/null
is "sign-in: ... nor anybody for more than a minute" "$alice|t|f" "$(try alice 203.0.113.7)"
for i in 1 2 3 4 5; do try carol "2001:db8:1:2::$i" >/dev/null; done
is "sign-in: an IPv6 customer's /64 is one guesser" "|f|t" "$(try carol 2001:db8:1:2:ffff::1)"
is "sign-in: another /64 is not" "|f|f" "$(try carol 2001:db8:1:3::1)"
is "sign-in: an address that is none" "|f|f" "$(try carol 'unix')"
owner "UPDATE authz.people SET enabled = false WHERE username = 'bob'" >/dev/null
is "sign-in: disabled" "|f|f" "$(try bob 198.51.100.3)"
is "sign-in: disabled between" f "$(daemon "SELECT authz.sign_in('$bob', '$(uuid)', NULL, '$H', NULL, 60, 60, '198.51.100.3')")"
owner "UPDATE authz.people SET enabled = true WHERE username = 'bob'" >/dev/null
daemon "SELECT authz.sign_out('$Y')" >/dev/null
is "sign-out" 0 "$(owner "SELECT count(*) FROM authz.sessions WHERE session_id = '$Y'")"

# ---- the operator ----
A=$(session "$alice"); G=$(grant); X=$(session "$alice")
is "person_set_password" t "$(operator "SELECT authz.person_set_password('Alice', '$H')")"
is "... ends sessions, not grants" "0 alive" "$(owner "SELECT count(*) FROM authz.sessions WHERE person_id = '$alice'") $(state "$G")"
is "person_set_enabled" t "$(operator "SELECT authz.person_set_enabled('alice', false)")"
is "... ends grants for good" "person_disabled" "$(operator "SELECT authz.person_set_enabled('alice', true)" >/dev/null; state "$G")"
is "verbs for nobody" "f f f" "$(echo $(operator "SELECT authz.person_set_enabled('no', true)") $(operator "SELECT authz.person_set_password('no', '$H')") \
	$(operator "SELECT authz.person_set_scopes('no', '{}')"))"
is "client_delete takes its grants along" "t 0" "$(daemon "SELECT authz.client_delete('pub')") $(owner "SELECT count(*) FROM authz.grants WHERE client_id = 'pub'")"

K=$(uuid)
is "admin_key_add" t "$(operator "SELECT authz.admin_key_add('$K', 'ci', '{admin:clients}', 3600)")"
is "admin_key_add of a living name" f "$(operator "SELECT authz.admin_key_add('$(uuid)', 'ci', '{admin:clients}', 3600)")"
is "admin_key" "ci|{admin:clients}" "$(daemon "SELECT name, scopes FROM authz.admin_key('$K')")"
is "admin_key: unknown" "" "$(daemon "SELECT name FROM authz.admin_key('$(uuid)')")"
is "admin_key_revoke" "t f" "$(echo $(operator "SELECT authz.admin_key_revoke('ci')") $(operator "SELECT authz.admin_key_revoke('ci')"))"
is "admin_key: revoked" "" "$(daemon "SELECT name FROM authz.admin_key('$K')")"
K=$(uuid); operator "SELECT authz.admin_key_add('$K', 'ci', '{admin:clients}', 0)" >/dev/null
is "admin_key: expired" "" "$(daemon "SELECT name FROM authz.admin_key('$K')")"
is "admin_key_add of an expired name" t "$(operator "SELECT authz.admin_key_add('$(uuid)', 'ci', '{admin:clients}', 3600)")"

keys() { daemon "SELECT string_agg(kid || ' ' || signs, ', ' ORDER BY kid) FROM authz.signing_keys(600)"; }
SEALED="decode(repeat('00', 64), 'hex')"
for i in 1 2 3 4; do daemon "SELECT authz.signing_key_add_first('k1', 'ES256', $SEALED, 1)" >"$base/k.$i" & done; wait
is "signing keys: four daemons make one first key" 1 "$(cat "$base"/k.* | grep -c t)"
is "signing keys: which signs" "k1 true" "$(keys)"
operator "SELECT authz.signing_key_add('k2', 'ES256', $SEALED, 1, 300)" >/dev/null
is "signing keys: a new one is published first" "k1 true, k2 false" "$(keys)"
operator "SELECT authz.signing_key_add('k3', 'ES256', $SEALED, 1, 300)" >/dev/null
is "signing keys: ... until its time has come" "k1 true, k2 false, k3 false" "$(keys)"
operator "SELECT authz.signing_key_add('k4', 'ES256', $SEALED, 1, 0)" >/dev/null
is "signing keys: at once, and those that waited are gone" "k1 false, k4 true" "$(keys)"
owner "UPDATE authz.signing_keys SET created_at = created_at - interval '661 seconds', signs_from = signs_from - interval '661 seconds'" >/dev/null
is "signing keys: an old one goes with its last token" "k4 true" "$(keys)"

# ---- sweep ----
owner "UPDATE authz.requests SET expires_at = now() - interval '2 days'; UPDATE authz.codes SET expires_at = now() - interval '2 days';
	UPDATE authz.sign_in_attempts SET last_at = now() - interval '2 hours';
	UPDATE authz.clients SET created_at = now() - interval '40 days', lease_due_at = now() WHERE client_id IN ('pub2', 'rs')" >/dev/null
daemon "SELECT authz.sweep(600), authz.sweep_clients(604800, 500)" >/dev/null
is "sweep" "0|0|0|conf rs rs2|k4" "$(owner "SELECT (SELECT count(*) FROM authz.requests), (SELECT count(*) FROM authz.codes),
	(SELECT count(*) FROM authz.sign_in_attempts), (SELECT string_agg(client_id, ' ' ORDER BY client_id) FROM authz.clients),
	(SELECT string_agg(kid, ' ') FROM authz.signing_keys)")"

if [ "$bench" = --bench ]; then
	client pub none NULL '{authorization_code,refresh_token}' '{http://localhost/cb}' NULL >/dev/null
	owner "INSERT INTO authz.grants (grant_id, person_id, client_id, resource, scopes, auth_time, expires_at, generation)
		SELECT md5(i::text)::uuid, '$alice', 'pub', '$R', '{deployments:read,logs:read}', now(), now() + interval '1 day', 1
		FROM generate_series(1, 20000) AS i; ANALYZE" >/dev/null
	# Each connection goes round 2,500 grants of its own, always with the newest generation: the common case.
	cat >"$base/refresh.sql" <<-'SQL'
		\set n :n + 1
		\set i :client_id * 2500 + mod(:n, 2500) + 1
		SELECT * FROM authz.refresh('pub', 'none', '', '', md5((:i)::text)::uuid, :n / 2500 + 1, NULL, NULL, 120);
	SQL
	cat >"$base/plain.sql" <<-'SQL'
		\set i random(1, 20000)
		UPDATE authz.grants SET generation = generation + 1 WHERE grant_id = md5((:i)::text)::uuid RETURNING generation;
	SQL
	chmod 644 "$base"/*.sql
	for script in refresh plain refresh; do
		owner "UPDATE authz.grants SET generation = 1, recent_from = '{}', recent_at = '{}', revoked_at = NULL, revoked_for = NULL" >/dev/null
		role=sallyport_authz; [ $script = plain ] && role=postgres
		"$bindir/pgbench" -n -M prepared -c 8 -j 1 -T 5 -D n=-1 -U $role -f "$base/$script.sql" sallyport 2>&1 |
			sed -n "s/^tps = \([0-9]*\).*/# pgbench $script, 8 connections, durable: \1\/s/p"
		owner "SELECT sum(generation - 1), count(*) FILTER (WHERE revoked_at IS NOT NULL) FROM authz.grants" | sed 's/^/# rotations|revoked: /'
	done
fi
finish
