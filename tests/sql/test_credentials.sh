#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What tokens are bound to (RFC 9449), proofs that count once, and API keys. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"
is "N-3: nobody, no client and no key is there to begin with" "0 0 0 0 0" "$(owner "SELECT concat_ws(' ', (SELECT count(*) FROM authz.people), (SELECT count(*) FROM authz.clients),
	(SELECT count(*) FROM authz.admin_keys), (SELECT count(*) FROM authz.api_keys), (SELECT count(*) FROM authz.initial_access_tokens))")"

R=https://rs.example/mcp H="\$argon2id\$v=19\$m=8,t=1,p=1\$c2FsdHNhbHQ\$aGFzaGhhc2hoYXNoaGFzaA"
Z="'\\x'::bytea" S="sha256('secret')" CH=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM
K=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I O=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
operator "SELECT authz.resource_put('$R', 'Demo', true, '{\"scopes\": [{\"name\": \"logs:read\", \"title\": \"L\"},
	{\"name\": \"users:read\", \"title\": \"U\"}, {\"name\": \"tools:admin\", \"title\": \"A\"}]}')" >/dev/null
operator "SELECT authz.person_add('alice', 'Alice', '$H', '{logs:read,users:read}')" >/dev/null
alice=$(operator "SELECT person_id FROM authz.person_list() WHERE username = 'alice'")
client() { # id, method, digest, grant types, resource, key_bound, scope
	daemon "SELECT count(*) FROM authz.client_add('$1', 'admin', 'C', '$2', $3, '$4', '{https://c.example/cb}', '${7:-}', 'web',
		NULL, NULL, NULL, NULL, NULL, NULL, NULL, $5, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, $6)"
}
client pub none NULL '{authorization_code,refresh_token}' NULL false >/dev/null
client conf client_secret_basic "$S" '{authorization_code,refresh_token,client_credentials}' NULL false 'logs:read' >/dev/null
client bound none NULL '{authorization_code,refresh_token}' NULL true >/dev/null
client boundservice client_secret_basic "$S" '{client_credentials}' NULL true 'logs:read' >/dev/null
client rs client_secret_basic "$S" '{}' "'$R'" false >/dev/null
is "a client says that its tokens are bound" "f t" "$(daemon "SELECT string_agg(left(key_bound::text, 1), ' ' ORDER BY client_id DESC) FROM authz.client_list('', 9) WHERE client_id IN ('pub', 'bound')")"

# ---- codes ----
code() { # client, [key]: a code for alice
	local q b s k; q=$(uuid) b=$(uuid) s=$(uuid) k=$(uuid)
	daemon "SELECT authz.authorize('$q', '$b', NULL, '$k', '$1', '$R', 'https://c.example/cb', '{logs:read}', 'st', '$CH', NULL, NULL, NULL, 600, 60,
		${2:-NULL})" >/dev/null
	daemon "SELECT authz.sign_in('$alice', '$s', NULL, '$H', NULL, 3600, 7200, '192.0.2.9')" >/dev/null
	daemon "SELECT authz.decide('$q', '$b', '$s', 'approve', '$k', 60)" >/dev/null
	echo "$k"
}
redeem() { # client, method, secret, code, key (SQL)
	daemon "SELECT outcome, grant_id FROM authz.redeem_code('$1', '$2', $3, $3, '$4', 'https://c.example/cb', '$CH', NULL, 3600, false, $5)"
}
refresh() { # client, method, secret, grant, generation, key (SQL)
	daemon "SELECT outcome, generation FROM authz.refresh('$1', '$2', $3, $3, '$4', $5, NULL, NULL, 120, ${7:-false}, $6)"
}
C=$(code pub "'$K'")
is "a code for a key: without it" "key_mismatch|" "$(redeem pub none "$Z" "$C" NULL)"
is "a code for a key: with another" "key_mismatch|" "$(redeem pub none "$Z" "$C" "'$O'")"
got=$(redeem pub none "$Z" "$C" "'$K'")
is "a code for a key: with it, nothing was consumed" granted "${got%%|*}"
G=${got#*|}
is "its replay with another key revokes nothing" "key_mismatch| f" "$(redeem pub none "$Z" "$C" "'$O'") $(owner "SELECT revoked_at IS NOT NULL FROM authz.grants WHERE grant_id = '$G'")"
is "a public client's grant is bound" "$K" "$(owner "SELECT key_thumbprint FROM authz.grants WHERE grant_id = '$G'")"
is "a client that is bound: no key" "key_missing|" "$(redeem bound none "$Z" "$(code bound)" NULL)"
is "a client that is bound: a key" granted "$(redeem bound none "$Z" "$(code bound)" "'$K'" | cut -d'|' -f1)"
got=$(redeem conf client_secret_basic "$S" "$(code conf)" "'$K'")
G2=${got#*|}
is "a confidential client's grant is not bound" "granted " "${got%%|*} $(owner "SELECT key_thumbprint FROM authz.grants WHERE grant_id = '$G2'")"
has "what is no thumbprint is not kept" "violates check" "$(owner "UPDATE authz.grants SET key_thumbprint = 'x' WHERE grant_id = '$G'")"
is "... of requests and codes by the rules that they have, and nobody beside them" "" "$(owner "SELECT conname FROM pg_constraint
	WHERE conrelid IN ('authz.requests'::regclass, 'authz.codes'::regclass) AND pg_get_constraintdef(oid) LIKE '%key_thumbprint%'")"
has "... of a request that is made" '"requests_key_thumbprint_check"' "$(daemon "SELECT authz.authorize('$(uuid)', '$(uuid)', NULL, '$(uuid)', 'pub', '$R',
	'https://c.example/cb', '{logs:read}', 'st', '$CH', NULL, NULL, NULL, 600, 60, '$K=')")"
has "... of one that changes" '"requests_key_thumbprint_check"' "$(owner "UPDATE authz.requests SET key_thumbprint = 'x'")"
has "... of a code" '"codes_key_thumbprint_check"' "$(owner "UPDATE authz.codes SET key_thumbprint = ''")"

# ---- refresh tokens ----
is "refresh: no key" "key_mismatch|" "$(refresh pub none "$Z" "$G" 1 NULL)"
is "refresh: another key" "key_mismatch|" "$(refresh pub none "$Z" "$G" 1 "'$O'")"
is "refresh: its key" "rotated|2" "$(refresh pub none "$Z" "$G" 1 "'$K'")"
is "refresh: over the budget, another key" "key_mismatch|" "$(refresh pub none "$Z" "$G" 2 "'$O'" true)"
is "refresh: over the budget, its key" "limited|" "$(refresh pub none "$Z" "$G" 2 "'$K'" true)"
owner "UPDATE authz.grants SET recent_at = ARRAY[now() - interval '1 hour'] WHERE grant_id = '$G'" >/dev/null
is "refresh: who has an old one without the key ends nothing" "key_mismatch| t" "$(refresh pub none "$Z" "$G" 1 "'$O'") $(owner "SELECT revoked_at IS NULL FROM authz.grants WHERE grant_id = '$G'")"
is "refresh: the owner's own reuse still does" "reused|" "$(refresh pub none "$Z" "$G" 1 "'$K'")"
is "refresh: a confidential client may change its key" "rotated|2 rotated|3" "$(refresh conf client_secret_basic "$S" "$G2" 1 "'$O'") $(refresh conf client_secret_basic "$S" "$G2" 2 NULL)"
owner "UPDATE authz.clients SET key_bound = true WHERE client_id = 'conf'" >/dev/null
is "refresh: a client that became bound" "key_missing| rotated|4" "$(refresh conf client_secret_basic "$S" "$G2" 3 NULL) $(refresh conf client_secret_basic "$S" "$G2" 3 "'$K'")"
owner "UPDATE authz.clients SET key_bound = false WHERE client_id = 'conf'" >/dev/null

# ---- clients' own tokens ----
own() { daemon "SELECT outcome FROM authz.client_credentials('$1', 'client_secret_basic', $S, $S, NULL, NULL, $2)"; }
is "client_credentials: bound, without and with a key" "key_missing granted" "$(own boundservice false) $(own boundservice true)"
got=$(redeem pub none "$Z" "$(code pub)" NULL)
G3=${got#*|}
is "a grant begun without a key: refreshed with one" "rotated|2" "$(refresh pub none "$Z" "$G3" 1 "'$K'")"
is "... it is bound from then on" "$K key_mismatch|" "$(owner "SELECT key_thumbprint FROM authz.grants WHERE grant_id = '$G3'") $(refresh pub none "$Z" "$G3" 2 NULL)"
# Where the answer to the first refresh was lost, or another process of the client was faster, the first proof comes with an older generation.
later() { # $1: generation to rotate away first, $2: generation shown with a key, $3: outcome
	local got g
	got=$(redeem pub none "$Z" "$(code pub)" NULL)
	g=${got#*|}
	for n in $(seq "$1"); do refresh pub none "$Z" "$g" "$n" NULL >/dev/null; done
	echo "$(refresh pub none "$Z" "$g" "$2" "'$K'" true) $(owner "SELECT key_thumbprint FROM authz.grants WHERE grant_id = '$g'")," \
		"$(refresh pub none "$Z" "$g" "$2" "'$K'") $(owner "SELECT key_thumbprint FROM authz.grants WHERE grant_id = '$g'")," \
		"$(refresh pub none "$Z" "$g" "$2" "'$O'") $(refresh pub none "$Z" "$g" "$2" NULL) $(refresh pub none "$Z" "$g" "$(($1 + 1))" NULL)"
}
is "a refresh that is retried with a first key binds the grant, too" "limited|2 , retried|2 $K, key_mismatch| key_mismatch| key_mismatch|" "$(later 1 1)"
is "... and one that is older still" "limited|3 , stale|3 $K, key_mismatch| key_mismatch| key_mismatch|" "$(later 2 1)"
refresh conf client_secret_basic "$S" "$G2" 3 "'$K'" >/dev/null
is "... but of a client with other means none" "" "$(owner "SELECT key_thumbprint FROM authz.grants WHERE grant_id = '$G2'")"
is "client_credentials: not bound" "granted granted" "$(own conf false) $(own conf true)"

# ---- proofs ----
P="sha256('proof')"
is "a proof counts once" "t f f" "$(daemon "SELECT authz.proof_use($P, 180)") $(daemon "SELECT authz.proof_use($P, 180)") $(daemon "SELECT authz.proof_use($P, 180)")"
race=$(for _ in 1 2 3 4 5 6 7 8; do daemon "SELECT authz.proof_use(sha256('race'), 180)" & done; wait)
is "of eight at once, one" 1 "$(grep -c t <<<"$race")"
owner "UPDATE authz.used_proofs SET expires_at = now() - interval '2 minutes' WHERE digest = $P" >/dev/null
daemon "SELECT authz.sweep(600)" >/dev/null
is "what is too old is swept, and nothing else" "0 1" "$(owner "SELECT count(*) FILTER (WHERE digest = $P), count(*) FROM authz.used_proofs" | tr '|' ' ')"

# ---- API keys ----
add() { # id, name, person, client, scopes, [lifetime]
	operator "SELECT authz.api_key_add('$1', '$2', $3, $4, '$R', '$5', ${6:-3600})"
}
look() { daemon "SELECT outcome, scope, client_id, subject, username FROM authz.introspect_api_key('${2:-rs}', 'client_secret_basic', $S, $S, '$1')"; }
A=$(uuid) B=$(uuid)
is "api key: added" added "$(add "$A" laptop "'ALICE'" NULL '{logs:read,users:read}')"
is "api key: the name is taken" taken "$(add "$(uuid)" laptop "'alice'" NULL '{logs:read}')"
is "api key: nobody" no_person "$(add "$(uuid)" x "'nobody'" NULL '{logs:read}')"
is "api key: no client" no_client "$(add "$(uuid)" x NULL "'nobody'" '{logs:read}')"
is "api key: a scope of nobody" no_scope "$(add "$(uuid)" x "'alice'" NULL '{nothing}')"
is "api key: a scope of the person alone" no_scope "$(add "$(uuid)" x "'alice'" NULL '{openid}')"
is "api key: more than its owner has" scope_exceeded "$(add "$(uuid)" x "'alice'" NULL '{tools:admin}')"
has "api key: a name of other letters" "violates check" "$(add "$(uuid)" 'a b' "'alice'" NULL '{logs:read}')"
is "api key: of a client" added "$(add "$B" robot NULL "'conf'" '{logs:read}')"
is "api key: more than the client is registered for" scope_exceeded "$(add "$(uuid)" x NULL "'conf'" '{users:read}')"
is "api key: what it says" "active|logs:read users:read|api-key:laptop|$alice|alice" "$(look "$A")"
is "api key: of a client, what it says" "active|logs:read|conf|conf|" "$(look "$B")"
is "api key: unknown" "inactive||||" "$(look "$(uuid)")"
is "api key: who is no resource server" "client_refused||||" "$(look "$A" conf)"
daemon "SELECT count(*) FROM authz.client_add('rs2', 'admin', 'C', 'client_secret_basic', $S, '{}', '{}', '', 'web',
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'https://other.example/mcp', NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL)" >/dev/null
is "api key: of another resource" "inactive||||" "$(look "$A" rs2)"
operator "SELECT authz.person_set_scopes('alice', '{logs:read}')" >/dev/null
is "api key: what its owner lost" "active|logs:read|api-key:laptop|$alice|alice" "$(look "$A")"
events() { owner "SELECT string_agg(kind || ' ' || coalesce(detail, '-'), ', ' ORDER BY event_id) FROM authz.feed_events WHERE id = '$1'"; }
is "api key: the feed tells it" "claims logs:read" "$(events "$A")"
operator "SELECT authz.client_set_enabled('conf', false)" >/dev/null
is "api key: sleeps with its client" "inactive|||| claims " "$(look "$B") $(events "$B")"
operator "SELECT authz.client_set_enabled('conf', true)" >/dev/null
is "api key: and wakes" active "$(look "$B" | cut -d'|' -f1)"
is "api key: revoked, once" "t f" "$(operator "SELECT authz.api_key_revoke('robot')") $(operator "SELECT authz.api_key_revoke('robot')")"
is "api key: the feed tells that, too" "inactive|||| token -" "$(look "$B") $(events "$B" | sed 's/.*, //')"
operator "SELECT authz.person_set_enabled('alice', false)" >/dev/null
operator "SELECT authz.person_set_enabled('alice', true)" >/dev/null
is "api key: ends with its person, for good" "inactive|||| token -" "$(look "$A") $(events "$A" | sed 's/.*, //')"
is "api key: the list" "laptop|alice||revoked,robot||conf|revoked" "$(operator "SELECT string_agg(concat_ws('|', name, coalesce(person, ''), coalesce(client, ''), state), ',' ORDER BY name) FROM authz.api_key_list()")"
N=$(uuid)
operator "SELECT authz.person_set_scopes('alice', '{logs:read}')" >/dev/null
is "api key: a name is free again" added "$(add "$N" laptop "'alice'" NULL '{logs:read}')"
owner "UPDATE authz.api_keys SET expires_at = now() WHERE key_id = '$N'" >/dev/null
is "api key: expired" "inactive|||| added" "$(look "$N") $(add "$(uuid)" laptop "'alice'" NULL '{logs:read}')"
has "the daemon makes no keys" "permission denied" "$(daemon "SELECT authz.api_key_add('$(uuid)', 'x', 'alice', NULL, '$R', '{logs:read}', 60)")"
finish
