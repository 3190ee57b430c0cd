-- SPDX-License-Identifier: Apache-2.0
-- RFC 7662. Whoever may not introspect is refused; of everything that is not a living token for the caller's own resource, the answer is one and the same.
CREATE OR REPLACE FUNCTION authz.introspect(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_grant_id uuid, p_jti text,
	OUT outcome text, OUT username text, OUT scope text, OUT client_id text, OUT subject uuid, OUT grantable_scope text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_resource text;
	v_grant record;
BEGIN
	SELECT c.resource INTO v_resource FROM authz.clients AS c
	WHERE c.client_id = p_client_id AND c.resource IS NOT NULL
	  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret);
	IF NOT FOUND THEN
		outcome := 'client_refused';
		RETURN;
	END IF;
	SELECT p.username, g.scopes, p.scopes AS allowed, g.client_id, g.person_id INTO v_grant
	FROM authz.grants AS g
	JOIN authz.people AS p ON p.person_id = g.person_id AND p.enabled
	JOIN authz.clients AS c ON c.client_id = g.client_id AND c.enabled
	WHERE g.grant_id = p_grant_id AND g.resource = v_resource AND g.revoked_at IS NULL AND g.expires_at > clock_timestamp()
	  AND g.scopes && p.scopes
	  AND NOT EXISTS (SELECT 1 FROM authz.revoked_tokens AS t WHERE t.jti = p_jti);
	IF NOT FOUND THEN
		outcome := 'inactive';
		RETURN;
	END IF;
	outcome := 'active';
	username := v_grant.username;
	client_id := v_grant.client_id;
	subject := v_grant.person_id;
	-- What was granted and the person may still have; a token that was narrowed has less, which its own claims say.
	scope := array_to_string(CASE WHEN v_grant.scopes <@ v_grant.allowed THEN v_grant.scopes
	                              ELSE authz.scopes_common(v_grant.scopes, v_grant.allowed) END, ' ');
	SELECT coalesce(string_agg(s.name, ' ' ORDER BY s.name), '') INTO grantable_scope
	FROM authz.scopes AS s WHERE s.resource = v_resource AND s.name = ANY (v_grant.allowed);
END
$$;
