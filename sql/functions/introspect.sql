-- SPDX-License-Identifier: Apache-2.0
-- RFC 7662. Whoever may not introspect is refused; of everything that is not a living token for the caller's own resource, the answer is one
-- and the same. What a person's grant may still give is what the person has today; what a client's own grant may give, the client's registered
-- scope of today. `expires_in` bounds how long the answer may be believed where nothing else changes.
CREATE OR REPLACE FUNCTION authz.introspect(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_grant_id uuid, p_jti text,
	OUT outcome text, OUT username text, OUT scope text, OUT client_id text, OUT subject text, OUT grantable_scope text, OUT expires_in bigint,
	OUT roles text[], OUT groups text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_now timestamptz := clock_timestamp();
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
	SELECT g.scopes, g.client_id, g.person_id, g.expires_at, p.username, p.roles, p.groups,
	       CASE WHEN g.person_id IS NULL THEN array_remove(string_to_array(c.scope, ' '), '') ELSE p.scopes END AS allowed,
	       (SELECT string_agg(s.name, ' ' ORDER BY s.name) FROM authz.scopes AS s
	        WHERE s.resource = v_resource AND NOT authz.is_of_person(s.name)
	          AND s.name = ANY (CASE WHEN g.person_id IS NULL THEN array_remove(string_to_array(c.scope, ' '), '') ELSE p.scopes END)) AS grantable
	INTO v_grant
	FROM authz.grants AS g
	JOIN authz.clients AS c ON c.client_id = g.client_id AND c.enabled
	LEFT JOIN authz.people AS p ON p.person_id = g.person_id
	WHERE g.grant_id = p_grant_id AND g.resource = v_resource AND g.revoked_at IS NULL AND g.expires_at > v_now
	  AND CASE WHEN g.person_id IS NULL THEN 'client_credentials' = ANY (c.grant_types) AND c.scope ~ '[^ ]'
	           ELSE p.enabled AND g.scopes && p.scopes END
	  AND NOT EXISTS (SELECT 1 FROM authz.revoked_tokens AS t WHERE t.jti = p_jti);
	IF NOT FOUND THEN
		outcome := 'inactive';
		RETURN;
	END IF;
	outcome := 'active';
	username := v_grant.username;
	client_id := v_grant.client_id;
	subject := coalesce(v_grant.person_id::text, v_grant.client_id);
	-- What was granted and the person may still have; a token that was narrowed has less, which its own claims say.
	scope := array_to_string(CASE WHEN v_grant.person_id IS NULL THEN v_grant.allowed
	                              WHEN v_grant.scopes <@ v_grant.allowed THEN v_grant.scopes
	                              ELSE authz.scopes_common(v_grant.scopes, v_grant.allowed) END, ' ');
	roles := v_grant.roles;
	groups := v_grant.groups;
	grantable_scope := coalesce(v_grant.grantable, '');
	expires_in := floor(extract(epoch FROM least(v_grant.expires_at, v_now + interval '1 day') - v_now));
END
$$;
