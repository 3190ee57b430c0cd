-- SPDX-License-Identifier: Apache-2.0
-- The operator's functions for resources. `p_scopes` (NULL: the scopes stay as they are) is the JSON that `sallyport-mcp scopes` writes:
-- {"scopes": [{"name", "title", "tools": [{"name", "title", "tier"}]}]}; scopes that it does not name are forgotten.
CREATE OR REPLACE FUNCTION authz.resource_put(p_uri text, p_name text, p_default boolean, p_scopes jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	IF p_default THEN
		UPDATE authz.resources AS r SET is_default = false WHERE r.is_default AND r.uri <> p_uri;
	END IF;
	INSERT INTO authz.resources AS r (uri, name, is_default) VALUES (p_uri, p_name, p_default)
	ON CONFLICT (uri) DO UPDATE SET name = p_name, is_default = r.is_default OR p_default;
	IF p_scopes IS NOT NULL THEN
		DELETE FROM authz.scopes AS s WHERE s.resource = p_uri;
		INSERT INTO authz.scopes (resource, name, title, tools)
		SELECT p_uri, x.name, x.title, coalesce(x.tools, '[]') FROM jsonb_to_recordset(p_scopes -> 'scopes') AS x (name text, title text, tools jsonb);
	END IF;
	RETURN (SELECT count(*) FROM authz.scopes AS s WHERE s.resource = p_uri);
END
$$;

CREATE OR REPLACE FUNCTION authz.resource_list()
RETURNS TABLE (uri text, name text, is_default boolean, scope text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT r.uri::text, r.name, r.is_default,
	       coalesce((SELECT string_agg(s.name, ' ' ORDER BY s.name) FROM authz.scopes AS s WHERE s.resource = r.uri), '')
	FROM authz.resources AS r ORDER BY r.uri;
END
$$;
