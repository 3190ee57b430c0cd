-- SPDX-License-Identifier: Apache-2.0
-- Roles and groups, and what a person may have by all of them. Every change takes the same lock and recomputes inside its own transaction, so that
-- two changes at once cannot leave a person with what neither of them says.
CREATE OR REPLACE FUNCTION authz.people_lock()
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtext('authz.people_recompute'));
END
$$;

-- Own scopes, those of roles, those of groups and of the groups' roles, and whatever these imply at any resource: names are shared by all
-- resources. NULL: everybody. Rows that stay as they are, are not written.
CREATE OR REPLACE FUNCTION authz.people_recompute(p_person_ids uuid[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp SET jit = off AS $$
BEGIN
	WITH RECURSIVE reached(name, other) AS (
		SELECT s.name::text, i.name FROM authz.scopes AS s CROSS JOIN unnest(s.implies) AS i(name)
		UNION
		SELECT r.name, i.name FROM reached AS r JOIN authz.scopes AS s ON s.name = r.other CROSS JOIN unnest(s.implies) AS i(name)),
	who AS (
		SELECT p.person_id, p.own_scopes FROM authz.people AS p WHERE p_person_ids IS NULL OR p.person_id = ANY (p_person_ids)),
	has_role AS (
		SELECT w.person_id, m.role_name FROM who AS w JOIN authz.person_roles AS m USING (person_id)
		UNION
		SELECT w.person_id, b.role_name FROM who AS w JOIN authz.person_groups AS m USING (person_id)
		JOIN authz.group_roles AS b USING (group_name)),
	given AS (
		SELECT w.person_id, s.name FROM who AS w CROSS JOIN unnest(w.own_scopes || ARRAY['openid', 'profile']) AS s(name)
		UNION
		SELECT h.person_id, s.name FROM has_role AS h JOIN authz.roles AS r ON r.name = h.role_name CROSS JOIN unnest(r.scopes) AS s(name)
		UNION
		SELECT w.person_id, s.name FROM who AS w JOIN authz.person_groups AS m USING (person_id)
		JOIN authz.groups AS g ON g.name = m.group_name CROSS JOIN unnest(g.scopes) AS s(name)),
	effective AS (
		SELECT g.person_id, g.name FROM given AS g
		UNION
		SELECT g.person_id, r.other FROM given AS g JOIN reached AS r ON r.name = g.name),
	total AS (
		SELECT w.person_id,
		       coalesce((SELECT array_agg(e.name ORDER BY e.name COLLATE "C") FROM effective AS e WHERE e.person_id = w.person_id), '{}') AS scopes,
		       coalesce((SELECT array_agg(h.role_name::text ORDER BY h.role_name) FROM has_role AS h WHERE h.person_id = w.person_id), '{}') AS roles,
		       coalesce((SELECT array_agg(m.group_name::text ORDER BY m.group_name) FROM authz.person_groups AS m
		                 WHERE m.person_id = w.person_id), '{}') AS groups
		FROM who AS w)
	UPDATE authz.people AS p SET scopes = t.scopes, roles = t.roles, groups = t.groups FROM total AS t
	WHERE p.person_id = t.person_id AND (p.scopes, p.roles, p.groups) IS DISTINCT FROM (t.scopes, t.roles, t.groups);
END
$$;

-- 'added' or 'changed'.
CREATE OR REPLACE FUNCTION authz.role_put(p_name text, p_scopes text[])
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.people_lock();
	UPDATE authz.roles AS r SET scopes = p_scopes WHERE r.name = p_name;
	IF NOT FOUND THEN
		INSERT INTO authz.roles (name, scopes) VALUES (p_name, p_scopes);
		RETURN 'added';
	END IF;
	PERFORM authz.people_recompute(NULL);
	RETURN 'changed';
END
$$;

CREATE OR REPLACE FUNCTION authz.role_list()
RETURNS TABLE (name text, scope text, groups text, people bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT r.name::text, array_to_string(r.scopes, ' '),
	       coalesce((SELECT string_agg(b.group_name, ' ' ORDER BY b.group_name) FROM authz.group_roles AS b WHERE b.role_name = r.name), ''),
	       (SELECT count(*) FROM authz.people AS p WHERE r.name = ANY (p.roles))
	FROM authz.roles AS r ORDER BY r.name;
END
$$;

CREATE OR REPLACE FUNCTION authz.role_delete(p_name text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.people_lock();
	DELETE FROM authz.roles AS r WHERE r.name = p_name;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM authz.people_recompute(NULL);
	RETURN true;
END
$$;

-- 'added', 'changed', or 'no_role' with the name that nobody knows; then nothing has changed.
CREATE OR REPLACE FUNCTION authz.group_put(p_name text, p_roles text[], p_scopes text[], OUT outcome text, OUT unknown text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.people_lock();
	SELECT min(n) INTO unknown FROM unnest(p_roles) AS n WHERE NOT EXISTS (SELECT 1 FROM authz.roles AS r WHERE r.name = n);
	IF unknown IS NOT NULL THEN
		outcome := 'no_role';
		RETURN;
	END IF;
	outcome := CASE WHEN EXISTS (SELECT 1 FROM authz.groups AS g WHERE g.name = p_name) THEN 'changed' ELSE 'added' END;
	INSERT INTO authz.groups AS g (name, scopes) VALUES (p_name, p_scopes) ON CONFLICT (name) DO UPDATE SET scopes = p_scopes;
	DELETE FROM authz.group_roles AS b WHERE b.group_name = p_name AND b.role_name <> ALL (p_roles);
	INSERT INTO authz.group_roles (group_name, role_name) SELECT p_name, n FROM unnest(p_roles) AS n ON CONFLICT DO NOTHING;
	PERFORM authz.people_recompute(NULL);
END
$$;

CREATE OR REPLACE FUNCTION authz.group_list()
RETURNS TABLE (name text, roles text, scope text, people bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT g.name::text,
	       coalesce((SELECT string_agg(b.role_name, ' ' ORDER BY b.role_name) FROM authz.group_roles AS b WHERE b.group_name = g.name), ''),
	       array_to_string(g.scopes, ' '),
	       (SELECT count(*) FROM authz.person_groups AS m WHERE m.group_name = g.name)
	FROM authz.groups AS g ORDER BY g.name;
END
$$;

CREATE OR REPLACE FUNCTION authz.group_delete(p_name text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.people_lock();
	DELETE FROM authz.groups AS g WHERE g.name = p_name;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM authz.people_recompute(NULL);
	RETURN true;
END
$$;

-- The person's roles beside those of his groups: 'done', 'no_person', or 'no_role' with the name that nobody knows.
CREATE OR REPLACE FUNCTION authz.person_set_roles(p_username text, p_roles text[], OUT outcome text, OUT unknown text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person_id uuid;
BEGIN
	PERFORM authz.people_lock();
	SELECT p.person_id INTO v_person_id FROM authz.people AS p WHERE p.username = lower(p_username COLLATE "C");
	SELECT min(n) INTO unknown FROM unnest(p_roles) AS n WHERE NOT EXISTS (SELECT 1 FROM authz.roles AS r WHERE r.name = n);
	outcome := CASE WHEN v_person_id IS NULL THEN 'no_person' WHEN unknown IS NOT NULL THEN 'no_role' ELSE 'done' END;
	IF outcome = 'done' THEN
		DELETE FROM authz.person_roles AS m WHERE m.person_id = v_person_id AND m.role_name <> ALL (p_roles);
		INSERT INTO authz.person_roles (person_id, role_name) SELECT v_person_id, n FROM unnest(p_roles) AS n ON CONFLICT DO NOTHING;
		PERFORM authz.people_recompute(ARRAY[v_person_id]);
	END IF;
END
$$;

-- 'done', 'no_person', or 'no_group' with the name that nobody knows.
CREATE OR REPLACE FUNCTION authz.person_set_groups(p_username text, p_groups text[], OUT outcome text, OUT unknown text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person_id uuid;
BEGIN
	PERFORM authz.people_lock();
	SELECT p.person_id INTO v_person_id FROM authz.people AS p WHERE p.username = lower(p_username COLLATE "C");
	SELECT min(n) INTO unknown FROM unnest(p_groups) AS n WHERE NOT EXISTS (SELECT 1 FROM authz.groups AS g WHERE g.name = n);
	outcome := CASE WHEN v_person_id IS NULL THEN 'no_person' WHEN unknown IS NOT NULL THEN 'no_group' ELSE 'done' END;
	IF outcome = 'done' THEN
		DELETE FROM authz.person_groups AS m WHERE m.person_id = v_person_id AND m.group_name <> ALL (p_groups);
		INSERT INTO authz.person_groups (person_id, group_name) SELECT v_person_id, n FROM unnest(p_groups) AS n ON CONFLICT DO NOTHING;
		PERFORM authz.people_recompute(ARRAY[v_person_id]);
	END IF;
END
$$;
