#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Roles, groups and hierarchies of scopes, and consent: what is kept, what is remembered and when nobody is asked. Every outcome, on a PostgreSQL of
# its own, as the roles that will call the functions. TAP.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"

# ---- people from before the migration keep what they had ----
older=() newer=()
for file in "$sql"/migrations/*.sql; do
	if [[ $(basename "$file") < 0009 ]]; then older+=(-f "$file"); else newer+=(-f "$file"); fi
done
psql -U postgres -1 -f "$sql/roles.sql" -f "$sql/schema.sql" "${older[@]}" >/dev/null 2>&1
owner "INSERT INTO authz.people (username, display_name, scopes) VALUES ('old', 'Old', '{b,a}')" >/dev/null
is "migrations, functions and grants apply" "" "$(psql -U postgres -1 -c 'SET ROLE sallyport_owner' "${newer[@]}" $(printf -- '-f %s ' "$sql"/functions/*.sql) \
	-f "$sql/grants.sql" 2>&1 | grep -v NOTICE)"
is "an older person's scopes become the person's own" "{a,b,openid,profile}|{b,a}" "$(owner "SELECT scopes, own_scopes FROM authz.people WHERE username = 'old'")"

# ---- hierarchies ----
R=http://127.0.0.1:9401/mcp
scopes() { # name:implied,implied ...
	local item json=
	for item in "$@"; do
		json+=${json:+,}$(printf '{"name": "%s", "title": "T", "implies": [%s]}' "${item%%:*}" \
			"$(sed 's/[^,][^,]*/"&"/g' <<<"$(cut -s -d: -f2 <<<"$item")")")
	done
	printf '{"scopes": [%s]}' "$json"
}
put() { local uri=$1; shift; operator "SELECT authz.resource_put('$uri', 'Demo', false, '$(scopes "$@")')"; }
operator "SELECT authz.resource_put('$R', 'Demo', true, NULL)" >/dev/null
is "a hierarchy of scopes" 5 "$(put $R admin:write,audit write:read read audit alone)"
has "a scope that implies an unknown one is refused" "scope write implies nothing, which is not there" "$(put $R admin:write write:nothing)"
has "a circle is refused" "scope a implies itself in the end" "$(put $R a:b b:c c:a)"
has "a scope that implies itself is refused" "scope a implies itself in the end" "$(put $R a:a)"
is "... and nothing has changed" "admin alone audit read write" "$(operator "SELECT scope FROM authz.resource_list() WHERE uri = '$R'")"

H="\$argon2id\$v=19\$m=8,t=1,p=1\$c2FsdHNhbHQ\$aGFzaGhhc2hoYXNoaGFzaA"
is "a person has what the own scopes imply" "audit read write admin|admin" "$(operator "SELECT authz.person_add('alice', 'Alice', '$H', '{admin}')" >/dev/null
	operator "SELECT (SELECT string_agg(w, ' ' ORDER BY w = 'admin', w) FROM unnest(string_to_array(scope, ' ')) AS w), own_scope FROM authz.person_list() WHERE username = 'alice'")"
person() { operator "SELECT scope, own_scope, roles, groups FROM authz.person_list() WHERE username = '${1:-alice}'"; }
put $R admin:write write:read read audit alone >/dev/null
is "a hierarchy that changes, changes people" "admin read write|admin||" "$(person)"
put $R admin:write,audit write:read read audit alone >/dev/null
is "... and back" "admin audit read write|admin||" "$(person)"

# ---- roles and groups ----
is "person_set_scopes sets the own scopes" "t alone|alone||" "$(operator "SELECT authz.person_set_scopes('Alice', '{alone}')") $(person)"
is "role_put" added "$(operator "SELECT authz.role_put('writer', '{write}')")"
is "role_put again" changed "$(operator "SELECT authz.role_put('writer', '{write,alone}')")"
has "a role's name has no blank" "violates check" "$(operator "SELECT authz.role_put('a b', '{}')")"
is "group_put with an unknown role" "no_role|nobody" "$(operator "SELECT * FROM authz.group_put('staff', '{writer,nobody}', '{}')")"
is "... makes no group" "" "$(operator "SELECT name FROM authz.group_list()")"
is "group_put" "added|" "$(operator "SELECT * FROM authz.group_put('staff', '{writer}', '{audit}')")"
is "person_set_roles" "done|" "$(operator "SELECT * FROM authz.person_set_roles('ALICE', '{writer}')")"
is "... gives what the role has and implies" "alone read write|alone|writer|" "$(person)"
is "person_set_roles with an unknown one" "no_role|x" "$(operator "SELECT * FROM authz.person_set_roles('alice', '{x}')")"
is "person_set_roles of nobody" "no_person|" "$(operator "SELECT * FROM authz.person_set_roles('no', '{writer}')")"
is "... to none" "done| alone|alone||" "$(operator "SELECT * FROM authz.person_set_roles('alice', '{}')") $(person)"
is "person_set_groups" "done|" "$(operator "SELECT * FROM authz.person_set_groups('alice', '{staff}')")"
is "... gives what the group and its roles have" "alone audit read write|alone|writer|staff" "$(person)"
is "person_set_groups with an unknown one" "no_group|x" "$(operator "SELECT * FROM authz.person_set_groups('alice', '{staff,x}')")"
is "person_set_groups of nobody" "no_person|" "$(operator "SELECT * FROM authz.person_set_groups('no', '{}')")"
operator "SELECT authz.role_put('writer', '{admin}')" >/dev/null
is "a role that changes, changes its people at once" "admin alone audit read write|alone|writer|staff" "$(person)"
operator "SELECT * FROM authz.group_put('staff', '{}', '{audit}')" >/dev/null
is "a group that changes, too" "alone audit|alone||staff" "$(person)"
operator "SELECT * FROM authz.group_put('staff', '{writer}', '{}')" >/dev/null
is "lists" "writer|admin|staff|1 staff|writer||1" "$(operator "SELECT * FROM authz.role_list()") $(operator "SELECT * FROM authz.group_list()")"
is "role_delete takes it from everybody" "t alone|alone||staff" "$(operator "SELECT authz.role_delete('writer')") $(person)"
is "group_delete, too" "t alone|alone||" "$(operator "SELECT authz.group_delete('staff')") $(person)"
is "deletion of what is not there" "f f" "$(operator "SELECT authz.role_delete('writer')") $(operator "SELECT authz.group_delete('staff')")"
operator "SELECT authz.role_put('r', '{read}')" >/dev/null
for i in $(seq 6); do
	operator "SELECT authz.role_put('r', '{audit}')" >/dev/null &
	operator "SELECT * FROM authz.person_set_roles('alice', '{r}')" >/dev/null &
	operator "SELECT authz.person_set_scopes('alice', '{}')" >/dev/null &
done
wait
is "changes at once leave what they say together" "audit||r|" "$(person)"
is "who did not change is not written" 1 "$(before=$(owner "SELECT xmin FROM authz.people WHERE username = 'alice'")
	operator "SELECT authz.role_put('r', '{audit}')" >/dev/null
	owner "SELECT count(*) FROM authz.people WHERE username = 'alice' AND xmin = '$before'")"
operator "SELECT authz.person_set_scopes('alice', '{admin,alone}')" >/dev/null
operator "SELECT * FROM authz.person_set_roles('alice', '{}')" >/dev/null

# ---- requests ----
alice=$(operator "SELECT person_id FROM authz.person_list() WHERE username = 'alice'")
CH=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM B=$(uuid)
client() { # id, origin, method, redirect URIs, [scope]
	owner "INSERT INTO authz.clients (client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type)
		VALUES ('$1', '$2', 'Client $1', '$3', CASE '$3' WHEN 'none' THEN NULL ELSE sha256('secret') END,
		        '{authorization_code,refresh_token}', '$4', '${5:-}', 'native')"
}
L=http://localhost:5000/cb
client own dynamic none '{http://localhost/cb,http://127.0.0.1/cb,com.example.app:/cb,https://app.example/cb,https://app.example:8443/cb}'
client house admin client_secret_basic '{https://house.example/cb,http://localhost/cb}' 'write'
client public admin none '{https://public.example/cb,http://localhost/cb}'
client https://doc.example/c document none '{https://doc.example/cb,http://localhost/cb}'
A=$(uuid)
daemon "SELECT authz.sign_in('$alice', '$A', NULL, '$H', NULL, 3600, 7200, '192.0.2.9')" >/dev/null
# /authorize: client, scopes, redirect URI, where the browser came from (SQL), prompt (SQL), session (SQL), request
authorize() {
	daemon "SELECT outcome, scope, consent FROM authz.authorize('${7:-$(uuid)}', '$B', ${6:-NULL}, '$(uuid)', '$1', '$R', '${3:-$L}', '$2', 'st', '$CH', NULL,
		${5:-NULL}, ${4:-'site'}, 600, 60)"
}
# a request of nobody yet
ask() {
	local id; id=$(uuid)
	authorize "$1" "$2" "${3:-$L}" "${4:-'site'}" "${5:-NULL}" NULL "$id" >/dev/null
	echo "$id"
}
decide() { daemon "SELECT outcome, scope, consent FROM authz.decide('$1', '$B', ${4:-'$A'}, '$2', '${3:-$(uuid)}', 60)"; }
# nobody is asked: neither at /authorize nor at the page of one who has signed in since, which say the same
try() {
	local at_once; at_once=$(authorize "$1" "$2" "${3:-$L}" "${4:-'site'}" "${5:-NULL}" "'$A'")
	local later; later=$(decide "$(ask "$@")" silent)
	[ "$later" = "$at_once" ] || [ "${5:-}" = "'none'" ] || printf 'at the page: %s, ' "$later" # with prompt=none there is none
	echo "$at_once"
}
allow() { decide "$(ask "$@")" approve; }      # a person clicks
# ... and the client redeems: the grant's id
grant() {
	local c; c=$(uuid)
	decide "$(ask "$@")" approve "$c" >/dev/null
	owner "UPDATE authz.codes SET expires_at = now() + interval '1 minute' WHERE code_id = '$c'"
	local proof="'$1', 'none', '\\x', '\\x'"
	[ "$1" != house ] || proof="'house', 'client_secret_basic', sha256('secret'), sha256('secret')"
	daemon "SELECT grant_id FROM authz.redeem_code($proof, '$c', NULL, '$CH', NULL, 3600)"
}
scope_of() { owner "SELECT scopes, redirect_host FROM authz.grants WHERE grant_id = '$1'"; }
forget() { operator "SELECT * FROM authz.consent_forget('alice', ${1:-NULL}, ${2:-true})"; }

is "a scope is granted with what it implies" "approved|read write|asked" "$(allow own '{write}')"
forget >/dev/null
is "what the person may not have is left out" "approved|alone|asked" "$(operator "SELECT authz.person_set_scopes('alice', '{alone}')" >/dev/null; allow own '{write,alone}')"
operator "SELECT authz.person_set_scopes('alice', '{admin,alone}')" >/dev/null
forget >/dev/null
is "a client's limit is closed under the hierarchy" "{openid,profile,read,write}|{false,false,false,true,true,true,true}" \
	"$(daemon "SELECT array(SELECT n FROM unnest(scope_names, scope_open) AS x(n, o) WHERE o = 'true'), scope_open FROM authz.authorize_lookup('house', '$R')")"
is "... and holds at the decision" "approved|read|asked" "$(allow house '{read,audit}' https://house.example/cb)"
forget >/dev/null
is "the client's default resource" "found|https://other.example/mcp" "$(put https://other.example/mcp x >/dev/null
	owner "UPDATE authz.clients SET default_resource = 'https://other.example/mcp' WHERE client_id = 'own'"
	daemon "SELECT outcome, resource_uri FROM authz.authorize_lookup('own', NULL)")"
is "... does not hide the one that is asked for" "found|$R" "$(daemon "SELECT outcome, resource_uri FROM authz.authorize_lookup('own', '$R')")"
is "... and if it is gone, there is none" "no_resource|" "$(owner "UPDATE authz.clients SET default_resource = 'https://gone.example' WHERE client_id = 'own'"
	daemon "SELECT outcome, resource_uri FROM authz.authorize_lookup('own', NULL)")"
owner "UPDATE authz.clients SET default_resource = NULL WHERE client_id = 'own'"

# ---- the place that answers go to ----
for pair in "http://localhost:5000/cb localhost" "http://127.0.0.1/cb 127.0.0.1" "http://[::1]:1/cb [::1]" "https://App.Example/cb app.example" \
	"https://app.example:8443/cb?x app.example:8443" "https://app.example?x app.example" "com.example.app:/cb com.example.app:" \
	"cursor://anysphere/cb cursor:" "http://localhost.evil.example/cb localhost.evil.example"; do
	is "the place of ${pair% *}" "${pair#* }" "$(owner "SELECT authz.redirect_host('${pair% *}')")"
done

# ---- what is kept ----
G=$(grant own '{read,alone}')
is "a grant has its place" "{alone,read}|localhost" "$(scope_of "$G")"
is "step-up by a client that asks for the new scope only gets both" "{alone,audit,read}|localhost" "$(scope_of "$(grant own '{audit}')")"
is "... on another port of the loopback address" "approved|alone audit read|asked" "$(allow own '{audit}' http://localhost:6000/cb)"
is "the older grant lives on" "{alone,read}|localhost" "$(scope_of "$G")"
is "another place keeps nothing of it" "approved|audit|asked" "$(allow own '{audit}' https://app.example/cb)"
is "... nor another port of a web address" "approved|audit|asked" "$(allow own '{audit}' https://app.example:8443/cb)"
is "another client, too" "approved|audit|asked" "$(allow public '{audit}')"
view() { daemon "SELECT outcome, scope_names, scope_allowed, scope_kept, grantable, silent, can_remember FROM authz.page_view('$1', '$B', ${2:-'$A'})"; }
is "the page shows what is kept" "consent|{admin,alone,audit,read,write}|{true,true,true,true,true}|{false,true,true,true,false}|t||t" "$(view "$(ask own '{admin}')")"
is "the page shows nothing of it to who has not signed in" "sign_in|{admin}|{false}|{false}|f||t" \
	"$(view "$(ask own '{admin}')" NULL)"
operator "SELECT authz.person_set_scopes('alice', '{read,write}')" >/dev/null
is "what the person lost is not kept" "approved|read write|asked" "$(allow own '{write}')"
is "nothing of what is asked can be granted: what is kept is no answer" "no_scope||" "$(allow own '{admin}')"
is "... the page says so" "consent|{admin,read}|{false,true}|{false,true}|f||t" "$(view "$(ask own '{admin}')")"
is "... all of it" "consent|{alone}|{false}|{false}|f|" "$(operator "SELECT authz.person_set_scopes('alice', '{}')" >/dev/null; view "$(ask own '{alone}')" | cut -d'|' -f1-6)"
operator "SELECT authz.person_set_scopes('alice', '{admin,alone}')" >/dev/null
owner "UPDATE authz.grants SET revoked_at = now(), revoked_for = 'client_asked' WHERE client_id = 'own'"
is "of revoked grants nothing is kept" "approved|audit|asked" "$(allow own '{audit}')"
G=$(grant own '{read}')
owner "UPDATE authz.grants SET expires_at = now() WHERE grant_id = '$G'"
is "nor of expired ones" "approved|audit|asked" "$(allow own '{audit}')"

# ---- what is remembered ----
forget >/dev/null
is "nothing is remembered: the page is shown" "ask||" "$(try own '{read}')"
is "... and the request is still there" "ask approved" "$(Q=$(ask own '{read}'); echo $(decide "$Q" silent | cut -d'|' -f1; decide "$Q" approve | cut -d'|' -f1))"
is "a second time nobody is asked" "approved|read|remembered" "$(try own '{read}')"
is "... on any port" "approved|read|remembered" "$(try own '{read}' http://localhost:7/cb)"
is "... the page knows" "remembered" "$(view "$(ask own '{read}')" | cut -d'|' -f6)"
is "... who sends the browser matters" "ask||" "$(try own '{read}' $L NULL)"
is "... and what the client says" "ask||" "$(try own '{read}' $L "'site'" "'consent'")"
is "... that somebody else is to sign in" "no_session||" "$(try own '{read}' $L "'site'" "'select_account consent'")"
is "... prompt=none is answered" "approved|read|remembered" "$(try own '{read}' $L "'site'" "'none'")"
is "... to nobody without a session" "no_session||" "$(authorize own '{read}' $L "'site'" "'none'")"
is "more scope is asked for" "ask||" "$(try own '{read,audit}')"
is "what it implies counts" "ask||" "$(try own '{write}')"
is "another place is asked for" "ask||" "$(try own '{read}' http://127.0.0.1:5000/cb)"
is "approval adds to what is remembered" "approved|audit read|remembered" "$(allow own '{audit}' >/dev/null; try own '{read,audit}')"
is "less than that is covered" "approved|audit|remembered" "$(try own '{audit}')"
is "what the person may not have need not be covered" "approved|read|remembered" \
	"$(operator "SELECT authz.person_set_scopes('alice', '{read}')" >/dev/null; try own '{read,admin}')"
is "... until the person may" "ask||" "$(operator "SELECT authz.person_set_scopes('alice', '{admin,alone}')" >/dev/null; try own '{read,admin}')"
is "nothing grantable is asked about" "ask||" "$(operator "SELECT authz.person_set_scopes('alice', '{alone}')" >/dev/null; try own '{read}')"
operator "SELECT authz.person_set_scopes('alice', '{admin,alone}')" >/dev/null
is "another person is asked" "ask||" "$(operator "SELECT authz.person_add('bob', 'Bob', '$H', '{read}')" >/dev/null
	bob=$(operator "SELECT person_id FROM authz.person_list() WHERE username = 'bob'"); S=$(uuid)
	daemon "SELECT authz.sign_in('$bob', '$S', NULL, '$H', NULL, 3600, 7200, '192.0.2.9')" >/dev/null
	decide "$(ask own '{read}')" silent '' "'$S'")"
is "a denial is no approval" "denied|| approved|read|remembered" "$(decide "$(ask own '{read}')" deny) $(try own '{read}')"
is "decided once: a silent one, too" "approved no_request" "$(Q=$(ask own '{read}'); echo $(decide "$Q" silent | cut -d'|' -f1; decide "$Q" silent | cut -d'|' -f1))"
Q=$(ask own '{read}')
for i in 1 2 3 4 5 6; do decide "$Q" silent >"$base/s.$i" & done; wait
is "... six at once" "1 5" "$(cat "$base"/s.* | cut -d'|' -f1 | sort | uniq -c | awk '{printf "%s%s", s, $1; s = " "}')"
is "a silent answer keeps what lives" "approved|audit read|remembered" "$(grant own '{read}' >/dev/null; grant own '{audit}' >/dev/null; try own '{read}')"

# ---- what changes while /authorize is at it ----
# /authorize begins behind a change that is not committed yet, and waits for it
behind() { # statement
	rm -f "$base/in"; mkfifo "$base/in"
	psql -U postgres <"$base/in" >"$base/out" 2>&1 &
	exec 7>"$base/in"
	echo "BEGIN; $1; \\echo done" >&7
	until grep -q done "$base/out"; do read -rt 0.05 <> <(:) || :; done
	authorize own '{read}' $L "'site'" NULL "'$A'" >"$base/answer" &
	until [ "$(owner "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")" = 1 ] || ! kill -0 $! 2>/dev/null; do read -rt 0.05 <> <(:) || :; done
	echo "COMMIT;" >&7
	exec 7>&-
	wait
	cat "$base/answer"
}
is "a consent that is withdrawn counts no more" "ask||" "$(behind "SELECT authz.consent_forget('alice', 'own', false)")"
allow own '{audit,read}' >/dev/null
is "what the person loses is not given" "ask||" "$(behind "SELECT authz.person_set_scopes('alice', '{alone}')")"
operator "SELECT authz.person_set_scopes('alice', '{admin,alone}')" >/dev/null
is "a person who is disabled is nobody" "no_session||" "$(behind "UPDATE authz.people SET enabled = false WHERE username = 'alice'")"
owner "UPDATE authz.people SET enabled = true WHERE username = 'alice'"

# ---- who can pose as the client ----
owner "UPDATE authz.clients SET shared = true WHERE client_id = 'own'"
is "an id that two installations have is asked for at a loopback address" "ask||" "$(try own '{read}')"
is "... and the page says nothing of remembering" "f" "$(view "$(ask own '{read}')" | cut -d'|' -f7)"
is "... and under a scheme" "ask||" "$(allow own '{read}' com.example.app:/cb >/dev/null; try own '{read}' com.example.app:/cb)"
is "... not at a web address" "approved|read|remembered" "$(allow own '{read}' https://app.example/cb >/dev/null; try own '{read}' https://app.example/cb)"
owner "UPDATE authz.clients SET shared = false WHERE client_id = 'own'"
is "an id of one installation is remembered under its scheme" "approved|read|remembered" "$(try own '{read}' com.example.app:/cb)"
is "a browser that came by itself counts for an id of one installation" "approved|audit read|remembered" "$(try own '{read}' $L "'itself'")"
is "... not at a web address" "ask||" "$(try own '{read}' https://app.example/cb "'itself'")"
is "... and not once a second one has the id" "ask||" "$(owner "UPDATE authz.clients SET shared = true WHERE client_id = 'own'"
	try own '{read}' $L "'itself'"; owner "UPDATE authz.clients SET shared = false WHERE client_id = 'own'")"
is "... nor for an administrator's client" "ask||" "$(allow house '{read}' >/dev/null; try house '{read}' $L "'itself'")"
is "a public client that an administrator made is asked for at a loopback address" "ask||" "$(allow public '{read}' >/dev/null; try public '{read}')"
is "a document's client, too" "ask||" "$(allow https://doc.example/c '{read}' >/dev/null; try https://doc.example/c '{read}')"
D=https://doc.example/cb
is "... not at a web address" "approved|read|remembered" "$(allow https://doc.example/c '{read}' $D >/dev/null; try https://doc.example/c '{read}' $D)"
is "a client with a secret is remembered at a loopback address" "approved|read|remembered" "$(allow house '{read}' >/dev/null; try house '{read}')"

# ---- the document ----
document() { # what its site says now
	owner "INSERT INTO authz.client_documents VALUES ('https://doc.example/c', sha256('$1'), false, false, NULL, NULL, now(), now(), now())
		ON CONFLICT (client_id) DO UPDATE SET digest = excluded.digest"
}
document one
is "a document that has changed is asked for" "ask||" "$(try https://doc.example/c '{read}' $D)"
is "... and then remembered" "approved|audit read|remembered" "$(allow https://doc.example/c '{read,audit}' $D >/dev/null; try https://doc.example/c '{read,audit}' $D)"
document two
is "a new document starts from nothing" "approved|read|asked ask||" "$(allow https://doc.example/c '{read}' $D) $(try https://doc.example/c '{audit}' $D)"
is "a client without one is what it registered" "remembered ask" "$(try own '{read}' | cut -d'|' -f3) $(
	owner "UPDATE authz.clients SET name = 'Another' WHERE client_id = 'own'"; try own '{read}' | cut -d'|' -f1)"
owner "UPDATE authz.clients SET name = 'Client own' WHERE client_id = 'own'"

# ---- applications of the house ----
has "only the administrator's clients can be of the house" "implicit_consent_is_the_administrators" \
	"$(owner "UPDATE authz.clients SET consent = 'implicit' WHERE client_id = 'own'")"
forget >/dev/null
owner "UPDATE authz.clients SET consent = 'implicit' WHERE client_id IN ('house', 'public')"
is "an application of the house asks nobody, wherever the browser comes from" "approved|read|implicit" "$(try house '{read}' https://house.example/cb NULL)"
is "... nor with prompt=consent" "approved|read|implicit" "$(try house '{read}' https://house.example/cb NULL "'consent'")"
is "... and nothing is remembered of it" "" "$(operator "SELECT * FROM authz.consent_list('alice')")"
is "... without a session there is no answer" "no_session||" "$(decide "$(ask house '{read}' https://house.example/cb)" silent '' NULL)"
is "one that anybody can pose as is asked for" "ask||" "$(try public '{read}' $L)"
is "... not at its web address" "approved|read|implicit" "$(try public '{read}' https://public.example/cb)"
owner "UPDATE authz.clients SET consent = 'explicit'"

# ---- the operator ----
allow own '{read}' >/dev/null; allow house '{read}' https://house.example/cb >/dev/null
is "consent_list" "house|Client house|house.example|$R|read own|Client own|localhost|$R|read" \
	"$(echo $(operator "SELECT client_id, client_name, redirect_host, resource, scope FROM authz.consent_list('Alice')"))"
G=$(grant own '{read}')
is "consent_forget of one client" "done|1|0 ask|| alive" "$(forget "'own'" false) $(try own '{read}') $(owner "SELECT coalesce(revoked_for::text, 'alive') FROM authz.grants WHERE grant_id = '$G'")"
C=$(uuid); decide "$(ask own '{read}')" approve "$C" >/dev/null
is "... with its grants and codes" "done|1|1 operator 0" "$(forget "'own'") $(owner "SELECT revoked_for FROM authz.grants WHERE grant_id = '$G'") $(owner "SELECT count(*) FROM authz.codes WHERE code_id = '$C'")"
is "... of all" "done|1|0" "$(forget)"
is "... of nobody" "no_person||" "$(operator "SELECT * FROM authz.consent_forget('no', NULL, true)")"
allow own '{read}' >/dev/null
is "a disabled person's consents end for good" "0" "$(operator "SELECT authz.person_set_enabled('alice', false)" >/dev/null; operator "SELECT authz.person_set_enabled('alice', true)" >/dev/null
	owner "SELECT count(*) FROM authz.consents WHERE person_id = '$alice'")"

# ---- roles and groups in tokens ----
A=$(uuid)
daemon "SELECT authz.sign_in('$alice', '$A', NULL, '$H', NULL, 3600, 7200, '192.0.2.9')" >/dev/null
operator "SELECT authz.role_put('writer', '{write}')" >/dev/null
operator "SELECT * FROM authz.group_put('staff', '{writer}', '{}')" >/dev/null
operator "SELECT * FROM authz.person_set_groups('alice', '{staff}')" >/dev/null
operator "SELECT * FROM authz.person_set_roles('alice', '{r}')" >/dev/null
owner "INSERT INTO authz.clients (client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type, resource)
	VALUES ('rs', 'admin', 'RS', 'client_secret_basic', sha256('secret'), '{}', '{}', '', 'web', '$R')"
C=$(uuid); decide "$(ask own '{read}')" approve "$C" >/dev/null
is "redeem_code gives roles and groups" "granted|{r,writer}|{staff}" "$(daemon "SELECT outcome, roles, groups FROM authz.redeem_code('own', 'none', '\x', '\x', '$C', NULL, '$CH', NULL, 3600)")"
G=$(owner "SELECT grant_id FROM authz.codes WHERE code_id = '$C'")
refresh() { daemon "SELECT outcome, roles, groups FROM authz.refresh('own', 'none', '\x', '\x', '$G', $1, NULL, NULL, 120)"; }
is "refresh gives them" "rotated|{r,writer}|{staff} retried|{r,writer}|{staff}" "$(refresh 1) $(refresh 1)"
operator "SELECT * FROM authz.person_set_roles('alice', '{}')" >/dev/null
is "... of today" "rotated|{writer}|{staff}" "$(refresh 2)"
is "introspect gives them" "active|{writer}|{staff}" "$(daemon "SELECT outcome, roles, groups FROM authz.introspect('rs', 'client_secret_basic', sha256('secret'), sha256('secret'), '$G', 'j')")"

finish
