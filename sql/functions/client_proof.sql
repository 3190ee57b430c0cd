-- SPDX-License-Identifier: Apache-2.0
-- How clients prove themselves with keys and certificates (RFC 7523, RFC 8705): what the daemon verifies against, and that an assertion counts once.

-- What a proof is verified against. No row: unknown or disabled.
CREATE OR REPLACE FUNCTION authz.client_keys(
	p_client_id text,
	OUT auth_method text, OUT key_digest bytea, OUT jwks text, OUT jwks_uri text, OUT assertion_algorithm text, OUT sealed_secret bytea,
	OUT sealed_with integer, OUT tls_subject_kind text, OUT tls_subject text, OUT certificate_bound boolean)
RETURNS SETOF record LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT c.auth_method, c.secret_digest, c.jwks::text, c.jwks_uri, c.assertion_algorithm, c.sealed_secret, c.sealed_with,
	                    c.tls_subject_kind, c.tls_subject, c.certificate_bound
	             FROM authz.clients AS c WHERE c.client_id = p_client_id AND c.enabled;
END
$$;

-- RFC 7523, 3: true for the first use. Whoever comes at the same time waits for the other's transaction and gets false.
-- An assertion that the database's clock takes for expired is not used any more: its row may be swept.
CREATE OR REPLACE FUNCTION authz.assertion_use(p_client_id text, p_jti_digest bytea, p_expires_at bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	IF to_timestamp(p_expires_at) <= clock_timestamp() THEN
		RETURN false;
	END IF;
	INSERT INTO authz.used_assertions (client_id, jti_digest, expires_at)
	VALUES (p_client_id, p_jti_digest, to_timestamp(p_expires_at)) ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;
