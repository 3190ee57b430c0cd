-- SPDX-License-Identifier: Apache-2.0
-- The operator's functions for resources. `p_scopes` (NULL: the scopes stay as they are) is the JSON that `sallyport-mcp scopes` writes:
-- {"scopes": [{"name", "title", "implies": ["name"], "tools": [{"name", "title", "tier"}]}]}; scopes that it does not name are forgotten, but
-- for those that speak of the person. A scope that
-- implies one that is not there, or in the end itself, is refused: then nothing has changed.
CREATE OR REPLACE FUNCTION authz.resource_put(p_uri text, p_name text, p_default boolean, p_scopes jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.people_lock();
	IF p_default THEN
		UPDATE authz.resources AS r SET is_default = false WHERE r.is_default AND r.uri <> p_uri;
	END IF;
	INSERT INTO authz.resources AS r (uri, name, is_default) VALUES (p_uri, p_name, p_default)
	ON CONFLICT (uri) DO UPDATE SET name = p_name, is_default = r.is_default OR p_default;
	INSERT INTO authz.scopes (resource, name, title) VALUES (p_uri, 'openid', 'Know that it is you'), (p_uri, 'profile', 'See your name')
	ON CONFLICT DO NOTHING;
	IF p_scopes IS NOT NULL THEN
		DELETE FROM authz.scopes AS s WHERE s.resource = p_uri AND NOT authz.is_of_person(s.name);
		INSERT INTO authz.scopes (resource, name, title, tools, implies)
		SELECT p_uri, x.name, x.title, coalesce(x.tools, '[]'), ARRAY(SELECT jsonb_array_elements_text(coalesce(x.implies, '[]')))
		FROM jsonb_to_recordset(p_scopes -> 'scopes') AS x (name text, title text, tools jsonb, implies jsonb)
		WHERE NOT authz.is_of_person(x.name);
		PERFORM authz.scopes_check(p_uri);
		PERFORM authz.people_recompute(NULL);
	END IF;
	RETURN (SELECT count(*) FROM authz.scopes AS s WHERE s.resource = p_uri AND NOT authz.is_of_person(s.name));
END
$$;

CREATE OR REPLACE FUNCTION authz.scopes_check(p_uri text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_name text;
	v_other text;
BEGIN
	SELECT s.name, i.name INTO v_name, v_other FROM authz.scopes AS s CROSS JOIN unnest(s.implies) AS i(name)
	WHERE s.resource = p_uri AND NOT EXISTS (SELECT 1 FROM authz.scopes AS o WHERE o.resource = p_uri AND o.name = i.name)
	ORDER BY s.name, i.name LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'scope % implies %, which is not there', v_name, v_other USING ERRCODE = 'foreign_key_violation';
	END IF;
	WITH RECURSIVE reached(name, other) AS (
		SELECT s.name::text, i.name FROM authz.scopes AS s CROSS JOIN unnest(s.implies) AS i(name) WHERE s.resource = p_uri
		UNION
		SELECT r.name, i.name FROM reached AS r JOIN authz.scopes AS s ON s.resource = p_uri AND s.name = r.other CROSS JOIN unnest(s.implies) AS i(name))
	SELECT min(r.name) INTO v_name FROM reached AS r WHERE r.name = r.other;
	IF v_name IS NOT NULL THEN
		RAISE EXCEPTION 'scope % implies itself in the end', v_name USING ERRCODE = 'check_violation';
	END IF;
END
$$;

CREATE OR REPLACE FUNCTION authz.resource_list()
RETURNS TABLE (uri text, name text, is_default boolean, scope text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT r.uri::text, r.name, r.is_default,
	       coalesce((SELECT string_agg(s.name, ' ' ORDER BY s.name) FROM authz.scopes AS s
	                 WHERE s.resource = r.uri AND NOT authz.is_of_person(s.name)), '')
	FROM authz.resources AS r ORDER BY r.uri;
END
$$;
