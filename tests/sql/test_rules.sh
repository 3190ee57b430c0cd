#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The rules that triggers keep (sql/functions/rules.sql) were CHECK constraints until migration 16. Each of the old ones is broken here by rows that
# break nothing else, inserted and updated by the owner himself: at the schema of then, whose CHECKs say what is right, and at today's, which must
# refuse the same rows and name the same rule. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"
psql -U postgres -d postgres -c 'CREATE DATABASE before'
before() { psql -U postgres -d before "$@" 2>&1; }
is "the schema of then applies" "" "$(before -1 -f "$sql/roles.sql" -f "$sql/schema.sql" $(printf -- '-f %s ' "$sql"/migrations/00{0[1-9],1[0-5]}_*.sql))"

cat >"$base/rules.sql" <<'SQL'
INSERT INTO authz.clients (client_id, origin, name, auth_method, grant_types, redirect_uris, scope, application_type)
VALUES ('c', 'admin', 'C', 'none', '{}', '{}', '', 'web') ON CONFLICT DO NOTHING;
INSERT INTO authz.resources (uri, name) VALUES ('http://r.example', 'R') ON CONFLICT DO NOTHING;
INSERT INTO authz.people (person_id, username, display_name, scopes) VALUES ('00000000-0000-4000-8000-000000000001', 'p', 'P', '{}')
ON CONFLICT DO NOTHING;

-- A row of each kind that keeps every rule.
CREATE TEMPORARY TABLE kinds (kind text PRIMARY KEY, of_table regclass, content jsonb);
INSERT INTO kinds VALUES
	('request', 'authz.requests', '{"request_id": "00000000-0000-4000-8000-000000000002", "browser_id": "00000000-0000-4000-8000-000000000003",
		"client_id": "c", "resource": "http://r.example", "redirect_uri": "https://c.example/", "scopes": ["a"], "state": "s", "prompt": "login",
		"nonce": "n", "created_at": "2026-01-01", "expires_at": "2026-01-02", "direct": false}'
		|| jsonb_build_object('code_challenge', repeat('-', 43))),
	('code', 'authz.codes', '{"code_id": "00000000-0000-4000-8000-000000000002", "person_id": "00000000-0000-4000-8000-000000000001",
		"client_id": "c", "resource": "http://r.example", "redirect_uri": "https://c.example/", "redirect_host": "c.example", "scopes": ["a"],
		"nonce": "n", "auth_time": "2026-01-01", "created_at": "2026-01-01", "expires_at": "2026-01-02"}'
		|| jsonb_build_object('code_challenge', repeat('_', 43))),
	('public', 'authz.clients', '{"client_id": "x", "origin": "dynamic", "enabled": true, "name": "X", "auth_method": "none",
		"grant_types": ["authorization_code", "refresh_token"], "redirect_uris": ["https://x.example/"], "scope": "a b", "application_type": "web",
		"created_at": "2026-01-01", "certificate_bound": false, "key_bound": false, "shared": false, "consent": "explicit"}');
INSERT INTO kinds
SELECT k.kind, p.of_table, p.content || k.other
FROM kinds AS p CROSS JOIN (VALUES
	('secret', jsonb_build_object('auth_method', 'client_secret_basic', 'secret_digest', sha256('s'))),
	('service', jsonb_build_object('auth_method', 'client_secret_post', 'secret_digest', sha256('s'), 'grant_types', ARRAY['client_credentials'],
	                               'redirect_uris', ARRAY[]::text[])),
	('assertion', jsonb_build_object('auth_method', 'client_secret_jwt', 'secret_digest', sha256('s'), 'sealed_with', 0,
	                                 'sealed_secret', convert_to(repeat('s', 28), 'UTF8'), 'assertion_algorithm', 'HS256')),
	('keys', jsonb_build_object('auth_method', 'private_key_jwt', 'secret_digest', sha256('s'), 'jwks', '{}'::jsonb)),
	('keys elsewhere', jsonb_build_object('auth_method', 'self_signed_tls_client_auth', 'secret_digest', sha256('s'),
	                                      'jwks_uri', 'https://x.example/jwks')),
	('certificate', jsonb_build_object('auth_method', 'tls_client_auth', 'secret_digest', sha256('s'), 'tls_subject_kind', 'san_dns',
	                                   'tls_subject', 'x.example')),
	('document', jsonb_build_object('origin', 'document', 'client_id', 'https://x.example/client')),
	('wordy', jsonb_build_object('origin', 'admin', 'auth_method', 'client_secret_basic', 'secret_digest', sha256('s'),
	                             'name', repeat('ü', 256), 'scope', repeat('s', 16384), 'client_uri', repeat('u', 2048), 'logo_uri', repeat('u', 2048),
	                             'tos_uri', repeat('u', 2048), 'policy_uri', repeat('u', 2048), 'software_id', repeat('s', 256),
	                             'software_version', repeat('s', 256), 'contacts', '[]'::jsonb, 'resource', repeat('r', 2048),
	                             'default_resource', repeat('r', 2048), 'consent', 'implicit', 'metadata_digest', sha256('m')))
) AS k (kind, other) WHERE p.kind = 'public';

-- What breaks each rule, and no other one.
CREATE TEMPORARY TABLE broken (nr serial, rule text, kind text, change jsonb);
INSERT INTO broken (rule, kind, change) VALUES
	('clients_origin_check', 'public', '{"origin": "other"}'),
	('clients_client_id_check', 'public', '{"client_id": ""}'),
	('clients_client_id_check', 'public', '{"client_id": "x y"}'),
	('clients_client_id_check', 'public', jsonb_build_object('client_id', repeat('x', 129))),
	('clients_client_id_check', 'public', '{"client_id": "https://x.example/client"}'),
	('clients_client_id_check', 'document', '{"client_id": "x"}'),
	('clients_client_id_check', 'document', '{"client_id": "https://x.example/ client"}'),
	('clients_client_id_check', 'document', jsonb_build_object('client_id', 'https://x.example/' || repeat('x', 1007))),
	('clients_name_check', 'public', jsonb_build_object('name', repeat('x', 257))),
	('clients_auth_method_check', 'secret', '{"auth_method": "other"}'),
	('clients_auth_method_check', 'secret', '{"auth_method": ""}'),
	('secret_if_and_only_if_confidential', 'public', jsonb_build_object('secret_digest', sha256('s'))),
	('secret_if_and_only_if_confidential', 'secret', '{"auth_method": "none"}'),
	('secret_if_and_only_if_confidential', 'secret', '{"secret_digest": null}'),
	('secret_if_and_only_if_confidential', 'service', '{"secret_digest": null}'),
	('secret_if_and_only_if_confidential', 'assertion', '{"secret_digest": null}'),
	('clients_secret_digest_check', 'secret', '{"secret_digest": "\\x00"}'),
	('clients_secret_digest_check', 'secret', '{"secret_digest": "\\x"}'),
	('document_has_no_shared_secret', 'document', jsonb_build_object('auth_method', 'client_secret_basic', 'secret_digest', sha256('s'))),
	('document_has_no_shared_secret', 'document', jsonb_build_object('auth_method', 'client_secret_post', 'secret_digest', sha256('s'))),
	('document_has_no_shared_secret', 'assertion', '{"origin": "document", "client_id": "https://x.example/client"}'),
	('clients_grant_types_check', 'public', '{"grant_types": ["password"]}'),
	('clients_grant_types_check', 'public', '{"grant_types": ["authorization_code", null]}'),
	('service_is_confidential', 'public', '{"grant_types": ["client_credentials"]}'),
	('service_is_confidential', 'service', '{"auth_method": "none", "secret_digest": null}'),
	('code_needs_redirect_uri', 'public', '{"redirect_uris": []}'),
	('code_needs_redirect_uri', 'service', '{"grant_types": ["authorization_code"]}'),
	('clients_redirect_uris_check', 'public', jsonb_build_object('redirect_uris', array_fill('https://x.example/'::text, ARRAY[33]))),
	('clients_redirect_uris_check', 'public', '{"redirect_uris": ["https://x.example/", null]}'),
	('clients_redirect_uris_check', 'public', '{"redirect_uris": ["https://x.example/", "https://x.example/ "]}'),
	('clients_redirect_uris_check', 'public', '{"redirect_uris": ["https://x.example/\u00fc"]}'),
	('clients_scope_check', 'public', jsonb_build_object('scope', repeat('x', 16385))),
	('clients_application_type_check', 'public', '{"application_type": "other"}'),
	('clients_consent_check', 'wordy', '{"consent": "other"}'),
	('implicit_consent_is_the_administrators', 'public', '{"consent": "implicit"}'),
	('implicit_consent_is_the_administrators', 'wordy', '{"origin": "dynamic"}'),
	('clients_metadata_digest_check', 'service', '{"metadata_digest": "\\x00"}'),
	('clients_client_uri_check', 'public', jsonb_build_object('client_uri', repeat('x', 2049))),
	('clients_logo_uri_check', 'public', jsonb_build_object('logo_uri', repeat('x', 2049))),
	('clients_tos_uri_check', 'public', jsonb_build_object('tos_uri', repeat('x', 2049))),
	('clients_policy_uri_check', 'public', jsonb_build_object('policy_uri', repeat('x', 2049))),
	('clients_software_id_check', 'public', jsonb_build_object('software_id', repeat('x', 257))),
	('clients_software_version_check', 'public', jsonb_build_object('software_version', repeat('x', 257))),
	('clients_contacts_check', 'public', '{"contacts": {}}'),
	('clients_resource_check', 'secret', jsonb_build_object('resource', repeat('x', 2049))),
	('resource_server_is_confidential', 'public', '{"resource": "http://r.example"}'),
	('resource_server_is_confidential', 'wordy', '{"auth_method": "none", "secret_digest": null}'),
	('clients_default_resource_check', 'public', jsonb_build_object('default_resource', repeat('x', 2049))),
	('clients_jwks_check', 'public', '{"jwks": []}'),
	('clients_jwks_check', 'keys', '{"jwks": "x"}'),
	('clients_jwks_uri_check', 'public', '{"jwks_uri": "http://x.example/"}'),
	('clients_jwks_uri_check', 'keys elsewhere', '{"jwks_uri": "https://x.example/ "}'),
	('clients_jwks_uri_check', 'keys elsewhere', jsonb_build_object('jwks_uri', 'https://x.example/' || repeat('x', 2031))),
	('keys_in_one_place', 'keys', '{"jwks_uri": "https://x.example/"}'),
	('keys_in_one_place', 'public', '{"jwks": {}, "jwks_uri": "https://x.example/"}'),
	('keys_for_signatures', 'keys', '{"jwks": null}'),
	('keys_for_signatures', 'keys elsewhere', '{"jwks_uri": null}'),
	('keys_for_signatures', 'secret', '{"auth_method": "private_key_jwt"}'),
	('clients_assertion_algorithm_check', 'public', '{"assertion_algorithm": "none"}'),
	('clients_sealed_secret_check', 'assertion', '{"sealed_secret": "\\x00"}'),
	('clients_sealed_secret_check', 'assertion', jsonb_build_object('sealed_secret', convert_to(repeat('s', 513), 'UTF8'))),
	('clients_sealed_with_check', 'assertion', '{"sealed_with": 256}'),
	('clients_sealed_with_check', 'assertion', '{"sealed_with": -1}'),
	('sealed_with_a_secret', 'public', '{"sealed_with": 1}'),
	('sealed_with_a_secret', 'assertion', '{"sealed_with": null}'),
	('sealed_for_jwt_only', 'secret', '{"auth_method": "client_secret_jwt"}'),
	('sealed_for_jwt_only', 'assertion', '{"auth_method": "client_secret_basic"}'),
	('sealed_for_jwt_only', 'public', jsonb_build_object('sealed_with', 1, 'sealed_secret', convert_to(repeat('s', 28), 'UTF8'))),
	('clients_tls_subject_kind_check', 'certificate', '{"tls_subject_kind": "other"}'),
	('clients_tls_subject_check', 'certificate', '{"tls_subject": ""}'),
	('clients_tls_subject_check', 'certificate', jsonb_build_object('tls_subject', repeat('x', 1025))),
	('subject_of_a_kind', 'certificate', '{"tls_subject_kind": null}'),
	('subject_of_a_kind', 'public', '{"tls_subject_kind": "san_ip"}'),
	('subject_for_certificates', 'secret', '{"auth_method": "tls_client_auth"}'),
	('subject_for_certificates', 'certificate', '{"auth_method": "client_secret_post"}'),
	('subject_for_certificates', 'public', '{"tls_subject": "x", "tls_subject_kind": "san_dns"}'),
	('requests_redirect_uri_check', 'request', '{"redirect_uri": ""}'),
	('requests_redirect_uri_check', 'request', '{"redirect_uri": "https://x.example/ "}'),
	('requests_redirect_uri_check', 'request', jsonb_build_object('redirect_uri', repeat('x', 2049))),
	('requests_scopes_check', 'request', '{"scopes": []}'),
	('requests_scopes_check', 'request', '{"scopes": ["a", null]}'),
	('requests_scopes_check', 'request', jsonb_build_object('scopes', array_fill('a'::text, ARRAY[101]))),
	('requests_state_check', 'request', jsonb_build_object('state', repeat('ü', 2049))),
	('requests_code_challenge_check', 'request', '{"code_challenge": "short"}'),
	('requests_code_challenge_check', 'request', jsonb_build_object('code_challenge', repeat('=', 43))),
	('requests_prompt_check', 'request', jsonb_build_object('prompt', repeat('x', 257))),
	('requests_nonce_check', 'request', jsonb_build_object('nonce', repeat('ü', 513))),
	('requests_decision_check', 'request', '{"decision": "other", "decided_at": "2026-01-01"}'),
	('decided_once', 'request', '{"decision": "denied"}'),
	('decided_once', 'request', '{"decided_at": "2026-01-01"}'),
	('codes_scopes_check', 'code', '{"scopes": []}'),
	('codes_code_challenge_check', 'code', '{"code_challenge": "short"}'),
	('codes_code_challenge_check', 'code', jsonb_build_object('code_challenge', repeat('=', 43))),
	('codes_nonce_check', 'code', jsonb_build_object('nonce', repeat('ü', 513))),
	('redeemed_for_a_grant', 'code', '{"redeemed_at": "2026-01-01"}');

-- Who refused: the rule's table and name, and who says so; '' if nobody did.
CREATE FUNCTION pg_temp.verdict(p_statements text[], p_row jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_statement text;
	v_schema text;
	v_table text;
	v_rule text;
	v_message text;
BEGIN
	FOREACH v_statement IN ARRAY p_statements LOOP
		EXECUTE v_statement USING p_row;
	END LOOP;
	RAISE SQLSTATE '57U01'; -- nothing of it stays
EXCEPTION
	WHEN SQLSTATE '57U01' THEN
		RETURN '';
	WHEN check_violation THEN
		GET STACKED DIAGNOSTICS v_schema = SCHEMA_NAME, v_table = TABLE_NAME, v_rule = CONSTRAINT_NAME, v_message = MESSAGE_TEXT;
		RETURN concat_ws(' ', v_schema, v_table, v_rule, v_message);
END
$$;
CREATE FUNCTION pg_temp.inserting(p_table regclass, p_values text) RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$
	SELECT format('INSERT INTO %s SELECT * FROM jsonb_populate_record(NULL::%s, %s)', p_table, p_table, p_values)
$$;
CREATE FUNCTION pg_temp.updating(p_table regclass, p_change jsonb) RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$
	SELECT format('UPDATE %s AS t SET %s FROM jsonb_populate_record(NULL::%s, $1) AS r WHERE t.%s', p_table,
	              (SELECT string_agg(format('%I = r.%I', k, k), ', ') FROM jsonb_object_keys(p_change) AS k
	               WHERE EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = p_table AND a.attname = k)), p_table,
	              CASE p_table::text WHEN 'authz.clients' THEN 'client_id <> ''c''' ELSE 'client_id = ''c''' END)
$$;
SET search_path = :path;
SELECT 'kind', k.kind, pg_temp.verdict(ARRAY[pg_temp.inserting(k.of_table, '$1')], k.content),
       pg_temp.verdict(ARRAY[pg_temp.inserting(k.of_table, '$1'), pg_temp.updating(k.of_table, k.content)], k.content)
FROM kinds AS k ORDER BY k.kind;
SELECT 'broken', b.nr, b.rule, pg_temp.verdict(ARRAY[pg_temp.inserting(k.of_table, '$1')], k.content || b.change),
       pg_temp.verdict(ARRAY[pg_temp.inserting(k.of_table, quote_literal(k.content)), pg_temp.updating(k.of_table, b.change)], b.change)
FROM broken AS b JOIN kinds AS k ON k.kind = b.kind ORDER BY b.nr;
SQL
before -v path=DEFAULT -c 'SET ROLE sallyport_owner' -f "$base/rules.sql" >"$base/then"
psql -U postgres -v path=DEFAULT -c 'SET ROLE sallyport_owner' -f "$base/rules.sql" >"$base/now" 2>&1

# A writer whose search_path holds traps: whatever a rule calls without saying whose it is, and PostgreSQL may find a better match for.
owner "CREATE SCHEMA traps" >/dev/null
for f in 'cardinality(text[]) RETURNS integer' 'array_position(text[], text) RETURNS integer' 'array_to_string(text[], text) RETURNS text' \
	'num_nonnulls(VARIADIC text[]) RETURNS integer' 'jsonb_build_array(VARIADIC text[]) RETURNS jsonb' 'jsonb_typeof(jsonb) RETURNS text' \
	'octet_length(bytea) RETURNS integer' 'octet_length(text) RETURNS integer' 'length(text) RETURNS integer' 'sha256(bytea) RETURNS bytea' \
	'convert_to(text, text) RETURNS bytea' 'format(text, text, text) RETURNS text'; do
	owner "CREATE FUNCTION traps.$f LANGUAGE sql AS 'SELECT NULL::${f##* }'"
done
owner "CREATE FUNCTION traps.contained(text[], text[]) RETURNS boolean LANGUAGE sql AS 'SELECT true'" >/dev/null
owner "CREATE OPERATOR traps.<@ (LEFTARG = text[], RIGHTARG = text[], FUNCTION = traps.contained)" >/dev/null
psql -U postgres -v path='traps, public' -f "$base/rules.sql" >"$base/trapped" 2>&1
is "every rule was looked at" "$(grep -c '^broken' "$base/then")" "$(grep -c "^	('[a-z_]*', '[a-z ]*', .*[{(]" "$base/rules.sql")"
is "rows of every kind are written" "" "$(grep '^kind' "$base/now" | grep -v '||$')"
while IFS='|' read -r _ nr rule inserted updated; do
	is "$rule ($nr): INSERT" "${inserted:?}" "$(sed -n "s/^broken|$nr|$rule|\(.*\)|.*/\1/p" "$base/now")"
	is "$rule ($nr): UPDATE" "${updated:?}" "$(sed -n "s/^broken|$nr|$rule|.*|\(.*\)/\1/p" "$base/now")"
	has "$rule ($nr): is what the row breaks" " $rule new row for relation" "$inserted"
done < <(grep '^broken' "$base/then")
is "the writer's search_path does not matter" "" "$(diff "$base/now" "$base/trapped")"
is "no rule was lost" "$(before -c "SELECT conname FROM pg_constraint WHERE contype = 'c'
	AND conrelid IN ('authz.clients'::regclass, 'authz.requests'::regclass, 'authz.codes'::regclass) ORDER BY conname COLLATE \"C\"")" \
	"$(grep '^broken' "$base/now" | cut -d'|' -f3 | sort -u)"
constraints() {
	psql -U postgres -d "$1" -c "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
		WHERE connamespace = 'authz'::regnamespace AND (contype <> 'c' OR conname IN ('decided_once', 'requests_decision_check', 'redeemed_for_a_grant')
		OR conrelid NOT IN ('authz.clients'::regclass, 'authz.requests'::regclass, 'authz.codes'::regclass))" | sort
}
is "what was a constraint of another kind, or elsewhere, still is" "" "$(comm -23 <(constraints before) <(constraints sallyport))"
finish
