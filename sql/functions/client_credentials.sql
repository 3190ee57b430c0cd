-- SPDX-License-Identifier: Apache-2.0
-- A client's own token (OAuth 2.1, 4.2). It gets what it is registered for, asked for and what the resource knows; to ask for more than it is
-- registered for is an error. The grant behind all its tokens for a resource is made at the first one; revoked, it stays so, and the next token
-- comes from a new one. It sleeps while the client is disabled; it ends when the client loses the grant type.
CREATE OR REPLACE FUNCTION authz.client_credentials(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_scopes text[], p_resource text, p_has_key boolean DEFAULT false,
	OUT outcome text, OUT grant_id uuid, OUT generation bigint, OUT subject text, OUT client_id text, OUT resource text, OUT scope text,
	OUT auth_time bigint, OUT now bigint, OUT roles text[], OUT groups text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_now timestamptz := clock_timestamp();
	v_client record;
	v_resource text;
	v_registered text[];
	v_scopes text[];
BEGIN
	SELECT c.grant_types, c.scope, c.default_resource, c.last_used_at, c.key_bound INTO v_client FROM authz.clients AS c
	WHERE c.client_id = p_client_id
	  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret);
	IF NOT FOUND THEN
		outcome := 'client_refused';
		RETURN;
	END IF;
	IF NOT 'client_credentials' = ANY (v_client.grant_types) OR p_method = 'none' THEN
		outcome := 'unauthorized_client';
		RETURN;
	END IF;
	IF v_client.key_bound AND NOT p_has_key THEN
		outcome := 'key_missing';
		RETURN;
	END IF;
	SELECT r.uri INTO v_resource FROM authz.resources AS r
	WHERE CASE WHEN coalesce(p_resource, v_client.default_resource) IS NULL THEN r.is_default
	           ELSE r.uri = coalesce(p_resource, v_client.default_resource) END;
	IF NOT FOUND THEN
		outcome := 'target_unknown';
		RETURN;
	END IF;
	v_registered := array_remove(string_to_array(v_client.scope, ' '), '');
	SELECT array_agg(s.name ORDER BY s.name) INTO v_scopes FROM authz.scopes AS s
	WHERE s.resource = v_resource AND s.name = ANY (v_registered) AND (p_scopes IS NULL OR s.name = ANY (p_scopes));
	IF v_scopes IS NULL OR NOT p_scopes <@ v_scopes THEN
		outcome := 'scope_exceeded';
		RETURN;
	END IF;

	FOR attempt IN 1 .. 3 LOOP
		SELECT g.grant_id INTO grant_id FROM authz.grants AS g
		WHERE g.client_id = p_client_id AND g.resource = v_resource AND g.person_id IS NULL AND g.revoked_at IS NULL;
		EXIT WHEN FOUND;
		-- Of two first tokens at once, one makes the grant and the other one waits for it and finds it.
		INSERT INTO authz.grants (client_id, resource, scopes, auth_time, expires_at, generation)
		VALUES (p_client_id, v_resource, v_registered, v_now, 'infinity', 0)
		ON CONFLICT DO NOTHING RETURNING grants.grant_id INTO grant_id;
		EXIT WHEN FOUND;
	END LOOP;
	IF grant_id IS NULL THEN
		RAISE EXCEPTION 'a grant changed three times while it was looked for' USING ERRCODE = 'serialization_failure';
	END IF;
	IF v_client.last_used_at IS NULL OR v_client.last_used_at < v_now - interval '1 hour' THEN -- a coarse clock: no write a token
		UPDATE authz.clients AS c SET last_used_at = v_now WHERE c.client_id = p_client_id;
	END IF;
	outcome := 'granted';
	generation := 0;
	subject := p_client_id;
	client_id := p_client_id;
	resource := v_resource;
	scope := array_to_string(v_scopes, ' ');
	now := floor(extract(epoch FROM v_now));
END
$$;
