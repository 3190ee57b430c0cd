-- SPDX-License-Identifier: Apache-2.0
-- The operator's functions for people. Names are lowered; true: done, false: there is nobody of that name (of _add: there is one already).
CREATE OR REPLACE FUNCTION authz.person_add(p_username text, p_display_name text, p_password_hash text, p_scopes text[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person_id uuid;
BEGIN
	PERFORM authz.people_lock();
	INSERT INTO authz.people (username, display_name, password_hash, own_scopes, scopes)
	VALUES (lower(p_username COLLATE "C"), p_display_name, p_password_hash, p_scopes, '{}') ON CONFLICT DO NOTHING
	RETURNING people.person_id INTO v_person_id;
	IF v_person_id IS NULL THEN
		RETURN false;
	END IF;
	PERFORM authz.people_recompute(ARRAY[v_person_id]);
	RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION authz.person_list()
RETURNS TABLE (person_id uuid, username text, display_name text, scope text, own_scope text, roles text, groups text, enabled boolean,
               created_at timestamptz, living_grants bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT p.person_id, p.username::text, p.display_name,
	       array_to_string(ARRAY(SELECT s FROM unnest(p.scopes) AS s WHERE NOT authz.is_of_person(s)), ' '),
	       array_to_string(p.own_scopes, ' '),
	       array_to_string(p.roles, ' '), array_to_string(p.groups, ' '), p.enabled, p.created_at,
	       (SELECT count(*) FROM authz.grants AS g
	        WHERE g.person_id = p.person_id AND g.revoked_at IS NULL AND g.expires_at > now())
	FROM authz.people AS p ORDER BY p.username;
END
$$;

-- All that is known of a person, as one object; NULL: nobody of that name.
CREATE OR REPLACE FUNCTION authz.person_show(p_username text)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN (SELECT json_build_object('sub', p.person_id, 'username', p.username, 'display_name', p.display_name, 'enabled', p.enabled,
	                                 'scope', array_to_string(ARRAY(SELECT s FROM unnest(p.scopes) AS s WHERE NOT authz.is_of_person(s)), ' '),
	                                 'own_scope', array_to_string(p.own_scopes, ' '), 'roles', to_json(p.roles), 'groups', to_json(p.groups),
	                                 'claims', p.claims::json)
	        FROM authz.people AS p WHERE p.username = lower(p_username COLLATE "C"));
END
$$;

-- What the operator says of the person: a JSON object, which resource servers are told from now on. 'done', 'no_person', or 'refused': it is no object, is
-- too long, or has a member of a name that tokens give a meaning to.
CREATE OR REPLACE FUNCTION authz.person_set_claims(p_username text, p_claims text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.people AS p SET claims = p_claims WHERE p.username = lower(p_username COLLATE "C");
	RETURN CASE WHEN FOUND THEN 'done' ELSE 'no_person' END;
EXCEPTION WHEN check_violation THEN
	RETURN 'refused';
END
$$;

-- Disabling ends sessions, grants and remembered consents for good: enabling again does not bring them back.
CREATE OR REPLACE FUNCTION authz.person_set_enabled(p_username text, p_enabled boolean)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person_id uuid;
BEGIN
	UPDATE authz.people AS p SET enabled = p_enabled WHERE p.username = lower(p_username COLLATE "C") RETURNING p.person_id INTO v_person_id;
	IF FOUND AND NOT p_enabled THEN
		DELETE FROM authz.sessions AS s WHERE s.person_id = v_person_id;
		DELETE FROM authz.codes AS k WHERE k.person_id = v_person_id AND k.redeemed_at IS NULL;
		DELETE FROM authz.consents AS n WHERE n.person_id = v_person_id;
		UPDATE authz.grants AS g SET revoked_at = now(), revoked_for = 'person_disabled'
		WHERE g.person_id = v_person_id AND g.revoked_at IS NULL;
	END IF;
	RETURN v_person_id IS NOT NULL;
END
$$;

-- A new password ends the sessions that the old one opened, and forgets the addresses that it was given from.
CREATE OR REPLACE FUNCTION authz.person_set_password(p_username text, p_password_hash text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person_id uuid;
BEGIN
	UPDATE authz.people AS p SET password_hash = p_password_hash, password_changed_at = now()
	WHERE p.username = lower(p_username COLLATE "C") RETURNING p.person_id INTO v_person_id;
	DELETE FROM authz.sessions AS s WHERE s.person_id = v_person_id;
	DELETE FROM authz.person_addresses AS a WHERE a.person_id = v_person_id;
	RETURN v_person_id IS NOT NULL;
END
$$;

-- The person's own scopes, beside those of roles and groups. Takes effect at once: what a grant gives is always cut to what its person may have.
CREATE OR REPLACE FUNCTION authz.person_set_scopes(p_username text, p_scopes text[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person_id uuid;
BEGIN
	PERFORM authz.people_lock();
	UPDATE authz.people AS p SET own_scopes = p_scopes WHERE p.username = lower(p_username COLLATE "C") RETURNING p.person_id INTO v_person_id;
	IF v_person_id IS NULL THEN
		RETURN false;
	END IF;
	PERFORM authz.people_recompute(ARRAY[v_person_id]);
	RETURN true;
END
$$;
