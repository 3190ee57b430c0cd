-- SPDX-License-Identifier: Apache-2.0
-- RFC 7662. Whoever may not introspect is refused; of everything that is not a living token for the caller's own resource, the answer is one
-- and the same. What a person's grant may still give is what the person has today; what a client's own grant may give, the client's registered
-- scope of today. `expires_in` bounds how long the answer may be believed where nothing else changes.
-- Conditions beside the key are written so that no index fits them (IS TRUE, IS NOT DISTINCT FROM): without statistics the planner could take
-- such an index, and go through all rows of a client.
CREATE OR REPLACE FUNCTION authz.introspect(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_grant_id uuid, p_jti text,
	OUT outcome text, OUT username text, OUT scope text, OUT client_id text, OUT subject text, OUT grantable_scope text, OUT expires_in bigint,
	OUT roles text[], OUT groups text[], OUT claims text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_now timestamptz := clock_timestamp();
BEGIN
	-- Of a token that does not live, there is no g: everything but the outcome is NULL then.
	SELECT CASE WHEN g.grant_id IS NULL THEN 'inactive' ELSE 'active' END, p.username, g.client_id, coalesce(g.person_id::text, g.client_id),
	       -- What was granted and the person may still have; a token that was narrowed has less, which its own claims say.
	       array_to_string(CASE WHEN g.person_id IS NULL THEN array_remove(string_to_array(c.scope, ' '), '')
	                            WHEN g.scopes <@ p.scopes THEN g.scopes
	                            ELSE authz.scopes_common(g.scopes, p.scopes) END, ' '),
	       CASE WHEN g.grant_id IS NOT NULL THEN array_to_string(ARRAY(
	                SELECT s.name FROM authz.scopes AS s
	                WHERE s.resource = r.resource AND NOT authz.is_of_person(s.name)
	                  AND s.name = ANY (CASE WHEN g.person_id IS NULL THEN string_to_array(c.scope, ' ') ELSE p.scopes END)
	                ORDER BY s.name), ' ') END,
	       floor(extract(epoch FROM CASE WHEN g.expires_at < v_now + interval '1 day' THEN g.expires_at - v_now
	                                     WHEN g.grant_id IS NOT NULL THEN interval '1 day' END))::bigint,
	       p.roles, p.groups, p.claims
	INTO outcome, username, client_id, subject, scope, grantable_scope, expires_in, roles, groups, claims
	FROM authz.clients AS r
	LEFT JOIN (authz.grants AS g
	           JOIN authz.clients AS c ON c.client_id = g.client_id AND c.enabled
	           LEFT JOIN authz.people AS p ON p.person_id = g.person_id)
	ON g.grant_id = p_grant_id AND g.resource = r.resource AND (g.revoked_at IS NULL) IS TRUE AND g.expires_at > v_now
	   AND CASE WHEN g.person_id IS NULL THEN 'client_credentials' = ANY (c.grant_types) AND c.scope ~ '[^ ]'
	            ELSE p.enabled AND g.scopes && p.scopes END
	   AND NOT EXISTS (SELECT 1 FROM authz.revoked_tokens AS t WHERE t.jti = p_jti)
	WHERE r.client_id = p_client_id AND r.resource IS NOT NULL
	  AND authz.client_proved(r.enabled, r.auth_method, r.secret_digest, p_method, p_secret, p_raw_secret);
	IF NOT FOUND THEN
		outcome := 'client_refused';
	END IF;
END
$$;
