-- SPDX-License-Identifier: Apache-2.0
-- Registration and administration of clients (RFC 7591, admin REST, operator's verbs).

-- For client_add and client_register, on their search_path. What it returns is the client's row of authz.client_details, without a second look for it.
-- An id that is taken is a unique_violation.
CREATE OR REPLACE FUNCTION authz.client_insert(
	p_client_id text, p_origin text, p_name text, p_auth_method text, p_secret_digest bytea, p_grant_types text[], p_redirect_uris text[],
	p_scope text, p_application_type text, p_client_uri text, p_logo_uri text, p_tos_uri text, p_policy_uri text, p_software_id text,
	p_software_version text, p_contacts jsonb, p_resource text, p_jwks jsonb, p_jwks_uri text, p_assertion_algorithm text,
	p_tls_subject_kind text, p_tls_subject text, p_certificate_bound boolean, p_sealed_secret bytea, p_sealed_with integer,
	p_metadata_digest bytea, p_registration_id uuid, p_initial_access uuid, p_lease bigint, p_consent text, p_default_resource text,
	p_key_bound boolean)
RETURNS authz.client_details LANGUAGE plpgsql AS $$
DECLARE
	v_client authz.client_details;
BEGIN
	INSERT INTO authz.clients AS c (client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type,
	                                client_uri, logo_uri, tos_uri, policy_uri, software_id, software_version, contacts, resource, jwks, jwks_uri,
	                                assertion_algorithm, tls_subject_kind, tls_subject, certificate_bound, sealed_secret, sealed_with,
	                                metadata_digest, registration_id, initial_access, lease_due_at, consent, default_resource,
	                                key_bound)
	VALUES (p_client_id, p_origin, p_name, p_auth_method, p_secret_digest, p_grant_types, p_redirect_uris, p_scope, p_application_type,
	        p_client_uri, p_logo_uri, p_tos_uri, p_policy_uri, p_software_id, p_software_version, p_contacts, p_resource, p_jwks, p_jwks_uri,
	        p_assertion_algorithm, p_tls_subject_kind, p_tls_subject, p_certificate_bound, p_sealed_secret, p_sealed_with,
	        p_metadata_digest, p_registration_id, p_initial_access, now() + p_lease * interval '1 second', p_consent, p_default_resource,
	        p_key_bound)
	RETURNING c.client_id, c.origin, c.enabled, c.name, c.auth_method, c.grant_types, c.redirect_uris, c.scope, c.application_type,
	          c.client_uri, c.logo_uri, c.tos_uri, c.policy_uri, c.software_id, c.software_version, c.contacts, c.resource,
	          floor(extract(epoch FROM c.created_at)), NULL, c.jwks, c.jwks_uri, c.assertion_algorithm, c.tls_subject_kind,
	          c.tls_subject, c.certificate_bound, c.registration_id, c.shared, NULL, c.consent, c.default_resource, c.key_bound
	INTO v_client;
	RETURN v_client;
END
$$;

-- No row: the id is taken.
CREATE OR REPLACE FUNCTION authz.client_add(
	p_client_id text, p_origin text, p_name text, p_auth_method text, p_secret_digest bytea, p_grant_types text[], p_redirect_uris text[],
	p_scope text, p_application_type text, p_client_uri text, p_logo_uri text, p_tos_uri text, p_policy_uri text, p_software_id text,
	p_software_version text, p_contacts jsonb, p_resource text, p_jwks jsonb, p_jwks_uri text, p_assertion_algorithm text,
	p_tls_subject_kind text, p_tls_subject text, p_certificate_bound boolean, p_sealed_secret bytea, p_sealed_with integer,
	p_metadata_digest bytea, p_registration_id uuid, p_initial_access uuid DEFAULT NULL, p_lease bigint DEFAULT NULL,
	p_consent text DEFAULT NULL, p_default_resource text DEFAULT NULL, p_key_bound boolean DEFAULT false)
RETURNS SETOF authz.client_details LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN NEXT authz.client_insert(
		p_client_id, p_origin, p_name, p_auth_method, p_secret_digest, p_grant_types, p_redirect_uris, p_scope, p_application_type, p_client_uri,
		p_logo_uri, p_tos_uri, p_policy_uri, p_software_id, p_software_version, p_contacts, p_resource, p_jwks, p_jwks_uri,
		p_assertion_algorithm, p_tls_subject_kind, p_tls_subject, p_certificate_bound, p_sealed_secret, p_sealed_with, p_metadata_digest,
		p_registration_id, p_initial_access, p_lease, coalesce(p_consent, 'explicit'), p_default_resource, p_key_bound);
EXCEPTION WHEN unique_violation THEN
	RETURN;
END
$$;

CREATE OR REPLACE FUNCTION authz.client_get(p_client_id text)
RETURNS SETOF authz.client_details LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT d.* FROM authz.client_details AS d WHERE d.client_id = p_client_id;
END
$$;

CREATE OR REPLACE FUNCTION authz.client_list(p_after text, p_limit bigint)
RETURNS SETOF authz.client_details LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT d.* FROM authz.client_details AS d
	             WHERE d.client_id > p_after ORDER BY d.client_id LIMIT greatest(p_limit, 0);
END
$$;

-- Everything but id, origin, method and shared secret; p_consent NULL: it and the default resource stay, too. What its verdicts compare follows the
-- key material by itself (rules.sql). Switching off ends what is under way; the grants live again when it is switched on.
CREATE OR REPLACE FUNCTION authz.client_update(
	p_client_id text, p_name text, p_grant_types text[], p_redirect_uris text[], p_scope text, p_application_type text, p_client_uri text,
	p_logo_uri text, p_tos_uri text, p_policy_uri text, p_software_id text, p_software_version text, p_contacts jsonb, p_resource text,
	p_jwks jsonb, p_jwks_uri text, p_assertion_algorithm text, p_tls_subject_kind text, p_tls_subject text, p_certificate_bound boolean,
	p_enabled boolean, p_consent text, p_default_resource text, p_key_bound boolean DEFAULT false)
RETURNS SETOF authz.client_details LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.clients AS c
	SET name = p_name, grant_types = p_grant_types, redirect_uris = p_redirect_uris, scope = p_scope, application_type = p_application_type,
	    client_uri = p_client_uri, logo_uri = p_logo_uri, tos_uri = p_tos_uri, policy_uri = p_policy_uri, software_id = p_software_id,
	    software_version = p_software_version, contacts = p_contacts, resource = p_resource, jwks = p_jwks, jwks_uri = p_jwks_uri,
	    assertion_algorithm = p_assertion_algorithm, tls_subject_kind = p_tls_subject_kind, tls_subject = p_tls_subject,
	    certificate_bound = p_certificate_bound, key_bound = p_key_bound, enabled = p_enabled, consent = coalesce(p_consent, c.consent),
	    default_resource = CASE WHEN p_consent IS NULL THEN c.default_resource ELSE p_default_resource END
	WHERE c.client_id = p_client_id;
	RETURN QUERY SELECT d.* FROM authz.client_details AS d WHERE d.client_id = p_client_id;
END
$$;

-- Switching off ends what is under way; the grants live again when it is switched on.
CREATE OR REPLACE FUNCTION authz.client_set_enabled(p_client_id text, p_enabled boolean)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.clients AS c SET enabled = p_enabled WHERE c.client_id = p_client_id;
	RETURN FOUND;
END
$$;

-- Its requests, codes and grants go with it (foreign keys): unknown is as dead as revoked.
CREATE OR REPLACE FUNCTION authz.client_delete(p_client_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	DELETE FROM authz.clients AS c WHERE c.client_id = p_client_id;
	RETURN FOUND;
END
$$;
