#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Registration by the clients themselves, its management, initial access tokens, leases, and verdicts over a budget: every outcome of
# sql/functions/registration.sql, on a PostgreSQL of its own, as the roles that will call them. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

S="sha256('secret')" W="sha256('wrong')" Z="'\\x'::bytea"
register() { # id, metadata (anything), method, digest (SQL), registration id, [initial access (SQL), [same within, [lease]]]
	daemon "SELECT outcome, (client).client_id, (client).shared, (client).registration_id = '$5' FROM authz.client_register(${6:-NULL}, ${7:-300},
		${8:-604800}, '$1', 'dynamic', 'Name $2', '$3', $4, '{authorization_code,refresh_token}', '{http://localhost/cb}', '', 'native', NULL, NULL, NULL,
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, sha256('$2'), '$5')"
}

# ---- twins ----
A=$(uuid)
is "register" "added|a|f|t" "$(register a one none NULL "$A")"
is "register: other metadata is another client" "added|b|f|t" "$(register b two none NULL "$(uuid)")"
B=$(owner "SELECT registration_id FROM authz.clients WHERE client_id = 'b'")
is "register: the same metadata within minutes is the same client" "known|a|t|f" "$(register a2 one none NULL "$(uuid)")"
is "... and again" "known|a|t|f" "$(register a3 one none NULL "$(uuid)")"
is "... whose row is one" "1|$A" "$(owner "SELECT count(*), min(registration_id::text) FROM authz.clients WHERE name = 'Name one'")"
is "register: not when the minutes are over" "added|a4|f|t" "$(owner "UPDATE authz.clients SET created_at = now() - interval '6 minutes' WHERE client_id = 'a'"
	register a4 one none NULL "$(uuid)")"
is "register: never a client with a secret" "added|c1|f|t added|c2|f|t" "$(register c1 three client_secret_basic "$S" "$(uuid)") $(register c2 three client_secret_basic "$S" "$(uuid)")"
is "register: never when nothing may be the same" "added|n1|f|t added|n2|f|t" "$(register n1 none none NULL "$(uuid)" NULL 0) $(register n2 none none NULL "$(uuid)" NULL 0)"
for i in $(seq 24); do register "t$i" twins none NULL "$(uuid)" >"$base/t.$i" & done; wait
is "register: 24 twins at once are one client" "1 1|1 added|23 known" "$(owner "SELECT count(*) FROM authz.clients WHERE name = 'Name twins'") $(cat "$base"/t.* | cut -d'|' -f2 | sort -u | wc -l)|$(
	cat "$base"/t.* | cut -d'|' -f1 | sort | uniq -c | awk '{printf "%s%s %s", s, $1, $2; s = "|"}')"
owner "UPDATE authz.clients SET enabled = false WHERE client_id = 'b'" >/dev/null
is "register: a disabled client is not handed out" "added|b2|f|t" "$(register b2 two none NULL "$(uuid)")"
owner "UPDATE authz.clients SET enabled = true WHERE client_id = 'b'" >/dev/null

full=$(daemon "SELECT (client).* FROM authz.client_register(NULL, 300, 604800, 'full', 'dynamic', 'Full', 'client_secret_jwt', $S,
	'{authorization_code,refresh_token}', '{https://full.example/cb}', 'a b', 'web', 'https://full.example/', 'https://full.example/logo',
	'https://full.example/tos', 'https://full.example/policy', 'full', '1', '[\"x\"]', 'http://r.example', NULL, 'https://full.example/jwks', 'HS256', NULL,
	NULL, true, sha256('sealed'), 1, NULL, '$(uuid)')")
is "register: the answer is what the client is from then on" "$full" "$(daemon "SELECT * FROM authz.client_get('full')")"
has "... with all of it" "full|dynamic|t|Full|client_secret_jwt|" "$full"

# ---- management ----
shown() { daemon "SELECT client_id, name FROM authz.client_registered('$1', '$2')"; }
replace() { # registration id, client id, [method, digest (SQL)]
	daemon "SELECT outcome, (client).name FROM authz.client_replace('$1', '$2', '${3:-none}', ${4:-NULL}, 'New', '{authorization_code}', '{http://localhost/new}', '', 'native',
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false)"
}
unregister() { daemon "SELECT authz.client_unregister('$1', '$2')"; }
is "registered: the token's own client" "b|Name two" "$(shown "$B" b)"
is "registered: another client" "" "$(shown "$B" b2)"
is "registered: an unknown token" "" "$(shown "$(uuid)" b)"
is "registered: a shared client can be read" "a|Name one" "$(shown "$A" a)"
is "replace: a shared client cannot be changed" "shared|" "$(replace "$A" a)"
is "unregister: nor deleted" "shared" "$(unregister "$A" a)"
is "replace: another client's token" "unknown|" "$(replace "$B" b2)"
is "unregister: another client's token" "unknown" "$(unregister "$B" b2)"
is "replace: another method" "method_differs|" "$(replace "$B" b client_secret_basic)"
is "replace: a secret where there is none" "secret_differs|" "$(replace "$B" b none "$S")"
C=$(owner "SELECT registration_id FROM authz.clients WHERE client_id = 'c1'")
is "replace: a wrong secret" "secret_differs|" "$(replace "$C" c1 client_secret_basic "$W")"
is "replace: the right secret" "replaced|New" "$(replace "$C" c1 client_secret_basic "$S")"
is "... which stays" t "$(owner "SELECT secret_digest = $S FROM authz.clients WHERE client_id = 'c1'")"
owner "UPDATE authz.clients SET enabled = false WHERE client_id = 'b'" >/dev/null
is "a disabled client: read" "" "$(shown "$B" b)"
is "a disabled client: replace" "unknown|" "$(replace "$B" b)"
is "a disabled client: unregister" "unknown" "$(unregister "$B" b)"
is "... is still disabled, and as it was" "f|Name two" "$(owner "SELECT enabled, name FROM authz.clients WHERE client_id = 'b'")"
owner "UPDATE authz.clients SET enabled = true WHERE client_id = 'b'" >/dev/null
is "replace" "replaced|New" "$(replace "$B" b)"
is "unregister" "deleted" "$(unregister "$B" b)"
is "unregister: again" "unknown" "$(unregister "$B" b)"
is "a client of the administrator has no such token" "" "$(owner "UPDATE authz.clients SET origin = 'admin' WHERE client_id = 'c2'"; shown "$(owner "SELECT registration_id FROM authz.clients WHERE client_id = 'c2'")" c2)"

# A stranger registers first what somebody else is about to register, and changes it meanwhile: whoever comes then gets a client of his own.
X=$(uuid)
is "stranger first: registers" "added|x|f|t" "$(register x victim none NULL "$X")"
is "stranger first: changes it" "replaced|New" "$(replace "$X" x)"
is "stranger first: the other one gets his own" "added|y|f|t" "$(register y victim none NULL "$(uuid)")"
is "stranger first: also what was changed back is not handed out" "added|z|f|t" "$(register z new none NULL "$(uuid)")"
# The same in one moment: whichever wins, nobody holds an id whose metadata somebody else changed.
for round in 1 2 3 4 5 6 7 8; do
	X=$(uuid)
	register "r$round" "race $round" none NULL "$X" >/dev/null
	replace "$X" "r$round" >"$base/p" &
	register "s$round" "race $round" none NULL "$(uuid)" >"$base/q" &
	wait
	case "$(cut -d'|' -f1 "$base/p") $(cut -d'|' -f1,2 "$base/q")" in
	"shared known|r$round" | "replaced added|s$round") : ;;
	*) is "change against twin, round $round" "shared known or replaced added" "$(cat "$base/p" "$base/q")" ;;
	esac
	X=$(uuid)
	register "u$round" "gone $round" none NULL "$X" >/dev/null
	unregister "$X" "u$round" >"$base/p" &
	register "v$round" "gone $round" none NULL "$(uuid)" >"$base/q" &
	wait
	case "$(cat "$base/p") $(cut -d'|' -f1,2 "$base/q")" in
	"shared known|u$round" | "deleted added|v$round") : ;;
	*) is "deletion against twin, round $round" "shared known or deleted added" "$(cat "$base/p" "$base/q")" ;;
	esac
done
is "change and deletion against twins, at the same moment" t t
is "an administrator's change is not handed out either" "added|o2|f|t" "$(register o1 ops none NULL "$(uuid)" >/dev/null
	daemon "SELECT count(*) FROM authz.client_update('o1', 'Other', '{authorization_code}', '{http://localhost/o}', '', 'native', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		NULL, NULL, NULL, NULL, NULL, NULL, false, true, NULL, NULL)" >/dev/null
	register o2 ops none NULL "$(uuid)")"

# ---- initial access tokens ----
T=$(uuid) T2=$(uuid)
is "initial_access_add" t "$(operator "SELECT authz.initial_access_add('$T', 'partners', 3600, 2)")"
is "initial_access_add: a living token has the name" f "$(operator "SELECT authz.initial_access_add('$(uuid)', 'partners', 3600, NULL)")"
is "initial_access_add without end of uses" t "$(operator "SELECT authz.initial_access_add('$T2', 'everybody', 3600, NULL)")"
has "the daemon makes none" "permission denied" "$(daemon "SELECT authz.initial_access_add('$(uuid)', 'x', 3600, 2)")"
is "register with a token" "added|i1|f|t" "$(register i1 with none NULL "$(uuid)" "'$T'")"
is "register: a twin takes no use" "known|i1|t|f" "$(register i2 with none NULL "$(uuid)" "'$T'")"
is "register: a twin with another token, or none, is no twin" "added|i3|f|t added|i4|f|t" "$(register i3 with none NULL "$(uuid)" "'$T2'") $(register i4 with none NULL "$(uuid)")"
is "register: the token is recorded" "$T" "$(owner "SELECT initial_access FROM authz.clients WHERE client_id = 'i1'")"
for i in $(seq 12); do register "w$i" "many $i" none NULL "$(uuid)" "'$T'" >"$base/w.$i" & done; wait
is "register: uses are counted one by one" "1 added 11 token_refused" "$(cat "$base"/w.* | cut -d'|' -f1 | sort | uniq -c | awk '{printf "%s%s %s", s, $1, $2; s = " "}')"
is "register: used up, a twin still is one" "known|i1|t|f" "$(register i5 with none NULL "$(uuid)" "'$T'")"
is "initial_access_list" "everybody||1|alive partners|0|2|used up" "$(operator "SELECT string_agg(name || '|' || coalesce(uses_left::text, '') || '|' || used || '|' || state, ' ' ORDER BY name) FROM authz.initial_access_list()")"
is "register: an unknown token" "token_refused|||" "$(register i6 x none NULL "$(uuid)" "'$(uuid)'")"
is "initial_access_revoke" "t f" "$(operator "SELECT authz.initial_access_revoke('everybody')") $(operator "SELECT authz.initial_access_revoke('everybody')")"
is "register: a revoked token" "token_refused|||" "$(register i7 y none NULL "$(uuid)" "'$T2'")"
is "a name is free again once its token is dead" "t t" "$(operator "SELECT authz.initial_access_add('$(uuid)', 'partners', 0, NULL)") $(operator "SELECT authz.initial_access_add('$(uuid)', 'partners', 3600, NULL)")"
T3=$(owner "SELECT token_id FROM authz.initial_access_tokens WHERE name = 'partners' AND revoked_at IS NULL")
is "register: an expired token" "token_refused|||" "$(owner "UPDATE authz.initial_access_tokens SET expires_at = now() WHERE token_id = '$T3'"; register i8 z none NULL "$(uuid)" "'$T3'")"

# ---- leases ----
R=http://127.0.0.1:9401/mcp
operator "SELECT authz.resource_put('$R', 'Demo', true, '{\"scopes\": [{\"name\": \"x\", \"title\": \"X\"}]}')" >/dev/null
H="\$argon2id\$v=19\$m=8,t=1,p=1\$c2FsdHNhbHQ\$aGFzaGhhc2hoYXNoaGFzaA"
operator "SELECT authz.person_add('alice', 'Alice', '$H', '{x}')" >/dev/null
alice=$(operator "SELECT person_id FROM authz.person_list() WHERE username = 'alice'")
sweep() { daemon "SELECT authz.sweep_clients(604800, ${1:-500})"; }
owner "DELETE FROM authz.clients" >/dev/null
for c in new old live dead89 dead91 asked; do register $c "lease $c" none NULL "$(uuid)" >/dev/null; done
owner "INSERT INTO authz.clients (client_id, origin, name, auth_method, grant_types, redirect_uris, scope, application_type, created_at)
	VALUES ('admins', 'admin', 'A', 'none', '{}', '{}', '', 'web', now() - interval '9 years')" >/dev/null
past() { owner "UPDATE authz.clients SET created_at = created_at - interval '$2', lease_due_at = lease_due_at - interval '$2',
	last_alive_at = last_alive_at - interval '$2', last_granted_at = last_granted_at - interval '$2' WHERE client_id = '$1'" >/dev/null; }
grant() { # client, seconds until its end, revoked (SQL)
	owner "INSERT INTO authz.grants (person_id, client_id, resource, scopes, auth_time, created_at, expires_at, generation, revoked_at, revoked_for)
		VALUES ('$alice', '$1', '$R', '{x}', now(), now() - interval '200 days', now() + $2 * interval '1 second', 1, $3, CASE WHEN $3 IS NULL THEN NULL ELSE 'operator'::authz.revocation END)" >/dev/null
}
is "a fresh lease is not looked at" 0 "$(sweep)"
past old '8 days'; past live '400 days'; past asked '8 days'
grant live 3600 NULL
owner "INSERT INTO authz.requests (request_id, browser_id, client_id, resource, redirect_uri, scopes, code_challenge, expires_at)
	VALUES (gen_random_uuid(), gen_random_uuid(), 'asked', '$R', 'http://localhost/cb', '{x}', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', now() + interval '10 minutes')" >/dev/null
is "a client that never got consent goes after its lease" 1 "$(sweep)"
clients() { owner "SELECT string_agg(client_id, ' ' ORDER BY client_id) FROM authz.clients"; }
is "... and no other one" "admins asked dead89 dead91 live new" "$(clients)"
is "... but is invalid at once" client_refused "$(daemon "SELECT authz.prove_client('old', 'none', $Z, $Z, false)")"
owner "UPDATE authz.requests SET expires_at = now() - interval '1 second'" >/dev/null; past asked '2 days'
is "one that was asked for in vain goes later" 1 "$(sweep)"
# Both lost their grant 20 days ago; the sweep sees that, and forgets the grants after a month.
for c in dead89 dead91; do past $c '300 days'; grant $c 3600 "now() - interval '20 days'"; done
is "dead grants keep a client for 90 days" 0 "$(sweep)"
owner "DELETE FROM authz.grants WHERE revoked_at IS NOT NULL" >/dev/null
past dead89 '69 days'; past dead91 '71 days'
is "... and not longer" 1 "$(sweep)"
is "... by the time of their death" "admins dead89 live new" "$(clients)"
past live '1000 days'
is "a client with a living grant never goes" 0 "$(sweep)"
owner "UPDATE authz.grants SET expires_at = now()" >/dev/null; past live '2 days'
is "... nor on the day when it died" 0 "$(sweep)"
for i in $(seq 30); do register "bulk$i" "bulk $i" none NULL "$(uuid)" >/dev/null; past "bulk$i" '8 days'; done
is "the sweep goes in bounded steps" "10 10 10 0" "$(sweep 10) $(sweep 10) $(sweep 10) $(sweep 10)"
# A grant that comes while the sweep is deleting its client: either it fails, or the client stays.
for round in 1 2 3 4 5 6; do
	register "late$round" "late $round" none NULL "$(uuid)" >/dev/null; past "late$round" '8 days'
	sweep >/dev/null &
	owner "INSERT INTO authz.grants (person_id, client_id, resource, scopes, auth_time, expires_at, generation)
		VALUES ('$alice', 'late$round', '$R', '{x}', now(), now() + interval '1 hour', 1) RETURNING 'made'" >"$base/g" &
	wait
	if grep -q made "$base/g"; then expected="late$round 1"; else expected="||"; fi
	got=$(owner "SELECT c.client_id || ' ' || count(g) FROM authz.clients AS c LEFT JOIN authz.grants AS g USING (client_id) WHERE c.client_id = 'late$round' GROUP BY c.client_id")
	[ "${got:-||}" = "$expected" ] || is "a grant at the moment of the sweep, round $round" "$expected" "$got"
done
is "a grant that comes at the moment of the sweep is not lost with its client" t t
has "the operator does not sweep" "permission denied" "$(operator "SELECT authz.sweep_clients(1, 1)")"

# ---- over a budget ----
register pub "budget" none NULL "$(uuid)" >/dev/null
owner "DELETE FROM authz.grants" >/dev/null
CH=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
PUB="'pub', 'none', $Z, $Z"
code() { local c; c=$(uuid); owner "INSERT INTO authz.codes (code_id, person_id, client_id, resource, redirect_uri, scopes, code_challenge, auth_time, expires_at)
	VALUES ('$c', '$alice', 'pub', '$R', 'http://localhost/cb', '{x}', '$CH', now(), now() + interval '${1:-60} seconds')" >/dev/null; echo "$c"; }
redeem() { daemon "SELECT outcome FROM authz.redeem_code(${4:-$PUB}, '$1', NULL, '${3:-$CH}', NULL, 3600, $2)"; }
refresh() { daemon "SELECT outcome FROM authz.refresh(${4:-$PUB}, '$1', $2, NULL, NULL, 120, $3)"; }
K=$(code)
is "redeem over the budget: limited" limited "$(redeem "$K" true)"
is "redeem over the budget: what is terminal is told" "invalid verifier_mismatch client_refused invalid" \
	"$(redeem "$(uuid)" true) $(redeem "$K" true "${CH%M}N") $(redeem "$K" true $CH "'nobody', 'none', $Z, $Z") $(redeem "$(code 0)" true)"
is "... and consumed nothing" granted "$(redeem "$K" false)"
G=$(owner "SELECT grant_id FROM authz.codes WHERE code_id = '$K'")
is "refresh over the budget: limited" "limited limited" "$(refresh "$G" 1 true) $(refresh "$G" 1 true)"
is "refresh over the budget: what is terminal is told" "invalid invalid client_refused" "$(refresh "$(uuid)" 1 true) $(refresh "$G" 2 true) $(refresh "$G" 1 true "'nobody', 'none', $Z, $Z")"
is "... and changed nothing" "rotated retried" "$(refresh "$G" 1 false) $(refresh "$G" 1 false)"
is "refresh over the budget: a retry is limited too" limited "$(refresh "$G" 1 true)"
owner "UPDATE authz.grants SET recent_at = (SELECT array_agg(t - interval '1 hour') FROM unnest(recent_at) AS t) WHERE grant_id = '$G'" >/dev/null
is "refresh over the budget: a replay is known as one" "reused refresh_reused" "$(refresh "$G" 1 true) $(owner "SELECT revoked_for FROM authz.grants WHERE grant_id = '$G'")"
is "... and the grant is dead, limited or not" "invalid invalid" "$(refresh "$G" 2 true) $(refresh "$G" 2 false)"
K=$(code); redeem "$K" false >/dev/null
is "redeem over the budget: a replay revokes" "replayed code_replayed" "$(redeem "$K" true) $(owner "SELECT revoked_for FROM authz.grants AS g JOIN authz.codes AS k USING (grant_id) WHERE code_id = '$K'")"

finish
