-- SPDX-License-Identifier: Apache-2.0
-- RFC 7009. A refresh token ends its grant with all its tokens; an access token only itself. A token of another client is as good as unknown.
CREATE OR REPLACE FUNCTION authz.revoke(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_grant_id uuid, p_jti text, p_token_expires_at bigint)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM 1 FROM authz.clients AS c
	WHERE c.client_id = p_client_id
	  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret);
	IF NOT FOUND THEN
		RETURN 'client_refused';
	END IF;
	IF p_jti IS NULL THEN
		UPDATE authz.grants AS g SET revoked_at = clock_timestamp(), revoked_for = 'client_asked'
		WHERE g.grant_id = p_grant_id AND g.client_id IS NOT DISTINCT FROM p_client_id AND (g.revoked_at IS NULL) IS TRUE;
	ELSE
		INSERT INTO authz.revoked_tokens (jti, grant_id, expires_at)
		SELECT p_jti, g.grant_id, to_timestamp(p_token_expires_at) FROM authz.grants AS g
		WHERE g.grant_id = p_grant_id AND g.client_id IS NOT DISTINCT FROM p_client_id AND to_timestamp(p_token_expires_at) > now()
		ON CONFLICT DO NOTHING;
	END IF;
	RETURN CASE WHEN FOUND THEN 'done' ELSE 'nothing' END;
END
$$;

-- The same proof alone: of garbage nothing else is to be asked, and nobody shall tell the two apart.
CREATE OR REPLACE FUNCTION authz.prove_client(p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_needs_resource boolean)
RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM 1 FROM authz.clients AS c
	WHERE c.client_id = p_client_id AND (NOT p_needs_resource OR c.resource IS NOT NULL)
	  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret);
	RETURN CASE WHEN FOUND THEN 'nothing' ELSE 'client_refused' END;
END
$$;
