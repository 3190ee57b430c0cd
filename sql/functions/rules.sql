-- SPDX-License-Identifier: Apache-2.0
-- What holds of every client, request and code, whoever writes it. These are CHECK constraints in all but their form: PostgreSQL reads and plans the
-- CHECKs of a table anew for every statement that writes to it, and forty of them were half of what a registration cost, while the plans of a
-- trigger are kept. As with a CHECK, what is unknown (NULL) breaks no rule, and whoever breaks one is told its name. What a frequent UPDATE changes
-- (a code's redemption, a request's decision) is still under CHECKs, so that these triggers need not look at it.
-- They fire under whoever writes, on his search_path, and depend on nothing of it: what they name is named with its schema, or found in pg_catalog
-- first (an operator of exactly its operands' types). A search_path of their own, set for each row, would cost as much as all that they look at.

CREATE OR REPLACE FUNCTION authz.rule_broken(p_table text, p_rule text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE check_violation USING MESSAGE = pg_catalog.format('new row for relation "%s" violates check constraint "%s"', p_table, p_rule),
		SCHEMA = 'authz', TABLE = p_table, CONSTRAINT = p_rule;
END
$$;

CREATE OR REPLACE FUNCTION authz.client_rules()
RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	v_by_keys boolean := NEW.auth_method IN ('private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth');
	v_broken text;
BEGIN
	-- What the verdicts compare for these methods is a digest of the key material itself, made here, so that no way to write a client can forget it.
	-- A shared secret's digest comes from the daemon: only its sealed form, which is another one each time, is kept.
	IF v_by_keys THEN
		NEW.secret_digest := pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.jsonb_build_array(
			NEW.auth_method, NEW.assertion_algorithm, NEW.jwks, NEW.jwks_uri, NEW.tls_subject_kind, NEW.tls_subject)::text, 'UTF8'));
	END IF;

	v_broken := CASE
		WHEN NOT NEW.origin IN ('dynamic', 'admin', 'document') THEN 'clients_origin_check'
		WHEN NOT CASE NEW.origin WHEN 'document' THEN NEW.client_id ~ '^https://[!-~]+$' AND pg_catalog.length(NEW.client_id) <= 1024
		                         ELSE NEW.client_id ~ '^[A-Za-z0-9._~-]{1,128}$' END THEN 'clients_client_id_check'
		WHEN NOT pg_catalog.length(NEW.name) <= 256 THEN 'clients_name_check'
		WHEN NOT NEW.auth_method IN ('none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt',
		                             'tls_client_auth', 'self_signed_tls_client_auth') THEN 'clients_auth_method_check'
		WHEN NOT (NEW.auth_method = 'none') = (NEW.secret_digest IS NULL) THEN 'secret_if_and_only_if_confidential'
		WHEN NOT pg_catalog.octet_length(NEW.secret_digest) = 32 THEN 'clients_secret_digest_check'
		WHEN NOT (NEW.origin <> 'document' OR NEW.auth_method NOT IN ('client_secret_basic', 'client_secret_post', 'client_secret_jwt'))
			THEN 'document_has_no_shared_secret'
		WHEN NOT NEW.grant_types OPERATOR(pg_catalog.<@) ARRAY['authorization_code', 'refresh_token', 'client_credentials']
			THEN 'clients_grant_types_check'
		WHEN NOT (NOT 'client_credentials' = ANY (NEW.grant_types) OR NEW.auth_method <> 'none') THEN 'service_is_confidential'
		WHEN NOT (NOT 'authorization_code' = ANY (NEW.grant_types) OR pg_catalog.cardinality(NEW.redirect_uris) > 0) THEN 'code_needs_redirect_uri'
		WHEN NOT (pg_catalog.cardinality(NEW.redirect_uris) <= 32 AND pg_catalog.array_position(NEW.redirect_uris, NULL) IS NULL
		          AND pg_catalog.array_to_string(NEW.redirect_uris, '') ~ '^[!-~]*$') THEN 'clients_redirect_uris_check'
		WHEN NOT pg_catalog.length(NEW.scope) <= 16384 THEN 'clients_scope_check'
		WHEN NOT NEW.application_type IN ('native', 'web') THEN 'clients_application_type_check'
		WHEN NOT NEW.consent IN ('explicit', 'implicit') THEN 'clients_consent_check'
		WHEN NOT (NEW.consent = 'explicit' OR NEW.origin = 'admin') THEN 'implicit_consent_is_the_administrators'
		WHEN NOT pg_catalog.octet_length(NEW.metadata_digest) = 32 THEN 'clients_metadata_digest_check'
	END;
	-- What most clients do not say, and where nothing is said, nothing can be wrong.
	IF v_broken IS NULL AND pg_catalog.num_nonnulls(NEW.client_uri, NEW.logo_uri, NEW.tos_uri, NEW.policy_uri, NEW.software_id, NEW.software_version,
	                                                NEW.contacts, NEW.resource, NEW.default_resource) > 0 THEN
		v_broken := CASE
			WHEN NOT pg_catalog.length(NEW.client_uri) <= 2048 THEN 'clients_client_uri_check'
			WHEN NOT pg_catalog.length(NEW.logo_uri) <= 2048 THEN 'clients_logo_uri_check'
			WHEN NOT pg_catalog.length(NEW.tos_uri) <= 2048 THEN 'clients_tos_uri_check'
			WHEN NOT pg_catalog.length(NEW.policy_uri) <= 2048 THEN 'clients_policy_uri_check'
			WHEN NOT pg_catalog.length(NEW.software_id) <= 256 THEN 'clients_software_id_check'
			WHEN NOT pg_catalog.length(NEW.software_version) <= 256 THEN 'clients_software_version_check'
			WHEN NOT pg_catalog.jsonb_typeof(NEW.contacts) = 'array' THEN 'clients_contacts_check'
			WHEN NOT pg_catalog.length(NEW.resource) <= 2048 THEN 'clients_resource_check'
			WHEN NOT (NEW.resource IS NULL OR NEW.auth_method <> 'none') THEN 'resource_server_is_confidential'
			WHEN NOT pg_catalog.length(NEW.default_resource) <= 2048 THEN 'clients_default_resource_check'
		END;
	END IF;
	IF v_broken IS NULL AND (v_by_keys OR NEW.auth_method = 'client_secret_jwt'
	                         OR pg_catalog.num_nonnulls(NEW.jwks, NEW.jwks_uri, NEW.assertion_algorithm, NEW.sealed_secret, NEW.sealed_with,
	                                                    NEW.tls_subject_kind, NEW.tls_subject) > 0) THEN
		v_broken := CASE
			WHEN NOT pg_catalog.jsonb_typeof(NEW.jwks) = 'object' THEN 'clients_jwks_check'
			WHEN NOT (NEW.jwks_uri ~ '^https://[!-~]+$' AND pg_catalog.length(NEW.jwks_uri) <= 2048) THEN 'clients_jwks_uri_check'
			WHEN NOT (NEW.jwks IS NULL OR NEW.jwks_uri IS NULL) THEN 'keys_in_one_place'
			WHEN NOT (NEW.auth_method NOT IN ('private_key_jwt', 'self_signed_tls_client_auth') OR NEW.jwks IS NOT NULL
			          OR NEW.jwks_uri IS NOT NULL) THEN 'keys_for_signatures'
			WHEN NOT NEW.assertion_algorithm IN ('HS256', 'ES256', 'RS256', 'PS256', 'EdDSA') THEN 'clients_assertion_algorithm_check'
			WHEN NOT pg_catalog.octet_length(NEW.sealed_secret) BETWEEN 28 AND 512 THEN 'clients_sealed_secret_check'
			WHEN NOT NEW.sealed_with BETWEEN 0 AND 255 THEN 'clients_sealed_with_check'
			WHEN NOT (NEW.sealed_secret IS NULL) = (NEW.sealed_with IS NULL) THEN 'sealed_with_a_secret'
			WHEN NOT (NEW.auth_method = 'client_secret_jwt') = (NEW.sealed_secret IS NOT NULL) THEN 'sealed_for_jwt_only'
			WHEN NOT NEW.tls_subject_kind IN ('subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email') THEN 'clients_tls_subject_kind_check'
			WHEN NOT pg_catalog.length(NEW.tls_subject) BETWEEN 1 AND 1024 THEN 'clients_tls_subject_check'
			WHEN NOT (NEW.tls_subject IS NULL) = (NEW.tls_subject_kind IS NULL) THEN 'subject_of_a_kind'
			WHEN NOT (NEW.auth_method = 'tls_client_auth') = (NEW.tls_subject IS NOT NULL) THEN 'subject_for_certificates'
		END;
	END IF;
	IF v_broken IS NOT NULL THEN
		PERFORM authz.rule_broken('clients', v_broken);
	END IF;
	RETURN NEW;
END
$$;
-- Of all columns that a rule speaks of. The stamps of a client's use, and what registration notes beside it, are free of them.
CREATE OR REPLACE TRIGGER client_rules BEFORE INSERT OR UPDATE OF
	client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type, client_uri, logo_uri, tos_uri,
	policy_uri, software_id, software_version, contacts, resource, jwks, jwks_uri, assertion_algorithm, sealed_secret, sealed_with,
	tls_subject_kind, tls_subject, metadata_digest, consent, default_resource ON authz.clients
FOR EACH ROW EXECUTE FUNCTION authz.client_rules();

CREATE OR REPLACE FUNCTION authz.request_rules()
RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	v_broken text := CASE
		WHEN NOT (NEW.redirect_uri ~ '^[!-~]+$' AND pg_catalog.length(NEW.redirect_uri) <= 2048) THEN 'requests_redirect_uri_check'
		WHEN NOT (pg_catalog.cardinality(NEW.scopes) BETWEEN 1 AND 100 AND pg_catalog.array_position(NEW.scopes, NULL) IS NULL) THEN 'requests_scopes_check'
		WHEN NOT NEW.code_challenge ~ '^[A-Za-z0-9_-]{43}$' THEN 'requests_code_challenge_check' -- RFC 7636, S256
		WHEN NOT pg_catalog.octet_length(NEW.state) <= 4096 THEN 'requests_state_check'
		WHEN NOT pg_catalog.length(NEW.prompt) <= 256 THEN 'requests_prompt_check'
		WHEN NOT pg_catalog.octet_length(NEW.nonce) <= 1024 THEN 'requests_nonce_check'
		WHEN NOT NEW.key_thumbprint ~ '^[A-Za-z0-9_-]{43}$' THEN 'requests_key_thumbprint_check' -- RFC 7638, SHA-256
	END;
BEGIN
	IF v_broken IS NOT NULL THEN
		PERFORM authz.rule_broken('requests', v_broken);
	END IF;
	RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER request_rules BEFORE INSERT OR UPDATE OF
	redirect_uri, scopes, code_challenge, state, prompt, nonce, key_thumbprint ON authz.requests
FOR EACH ROW EXECUTE FUNCTION authz.request_rules();

CREATE OR REPLACE FUNCTION authz.code_rules()
RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	v_broken text := CASE
		WHEN NOT pg_catalog.cardinality(NEW.scopes) > 0 THEN 'codes_scopes_check'
		WHEN NOT NEW.code_challenge ~ '^[A-Za-z0-9_-]{43}$' THEN 'codes_code_challenge_check'
		WHEN NOT pg_catalog.octet_length(NEW.nonce) <= 1024 THEN 'codes_nonce_check'
		WHEN NOT NEW.key_thumbprint ~ '^[A-Za-z0-9_-]{43}$' THEN 'codes_key_thumbprint_check'
	END;
BEGIN
	IF v_broken IS NOT NULL THEN
		PERFORM authz.rule_broken('codes', v_broken);
	END IF;
	RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER code_rules BEFORE INSERT OR UPDATE OF scopes, code_challenge, nonce, key_thumbprint ON authz.codes
FOR EACH ROW EXECUTE FUNCTION authz.code_rules();
