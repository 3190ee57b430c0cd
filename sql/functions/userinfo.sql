-- SPDX-License-Identifier: Apache-2.0
-- OpenID Connect Core, 5.3: of whom a living token of scope openid speaks. No row for any other; names only for the scope profile.
CREATE OR REPLACE FUNCTION authz.userinfo(p_grant_id uuid, p_jti text, p_scopes text[])
RETURNS TABLE (subject uuid, username text, display_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT p.person_id,
	       CASE WHEN v.scopes @> ARRAY['profile'] THEN p.username::text END, CASE WHEN v.scopes @> ARRAY['profile'] THEN p.display_name END
	FROM authz.grants AS g
	JOIN authz.people AS p ON p.person_id = g.person_id AND p.enabled
	JOIN authz.clients AS c ON c.client_id = g.client_id AND c.enabled
	CROSS JOIN LATERAL (SELECT authz.scopes_common(authz.scopes_common(g.scopes, p.scopes), p_scopes) AS scopes) AS v
	WHERE g.grant_id = p_grant_id AND (g.revoked_at IS NULL) IS TRUE AND g.expires_at > clock_timestamp() AND v.scopes @> ARRAY['openid']
	  AND NOT EXISTS (SELECT 1 FROM authz.revoked_tokens AS t WHERE t.jti = p_jti);
END
$$;
