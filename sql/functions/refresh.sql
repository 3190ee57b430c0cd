-- SPDX-License-Identifier: Apache-2.0
-- The refresh contract. Of a grant whose newest generation is n, presenting
--   n                                                          gives n+1                ('rotated')
--   n-1, rotated away within the window                        gives n again            ('retried')
--   an older one, within the window of its own rotation        gives n again            ('stale')
--   an older one still                                         revokes the grant        ('reused')
-- and a grant that is bound to another key than the request shows (p_key) is 'key_mismatch', or 'key_missing' where its client always shows one; one
-- that is revoked, expired, unknown or of another client is 'invalid', whichever of these it is.
-- Of a request over its budget (p_limited) nothing rotates: what would have been granted is 'limited', but what no waiting mends is told as ever, and
-- what must revoke the grant does, or a thief could hide the owner's replay behind a flood of his own.
--
-- Each of up to 32 rotations inside the window has an entry of its own in recent_from and recent_at. Only of a client in a greater hurry, those
-- within 1/16 of the window share one, which is forgotten when the last of them is: never too early, and the row stays small.
--
-- The common case is one conditional update: it decides and writes under the row's lock. Only when it found nothing to do is the reason looked for,
-- under the same lock; if the row changed in between (another one rotated first), the loop begins again.
-- Conditions beside the key are written so that no index fits them (IS TRUE, IS NOT DISTINCT FROM): without statistics the planner could take
-- such an index, and go through all rows of a client.
CREATE OR REPLACE FUNCTION authz.refresh(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_grant_id uuid, p_generation bigint, p_scopes text[], p_resource text,
	p_window bigint, p_limited boolean DEFAULT false, p_key text DEFAULT NULL,
	OUT outcome text, OUT grant_id uuid, OUT generation bigint, OUT subject uuid, OUT client_id text, OUT resource text, OUT scope text,
	OUT auth_time bigint, OUT now bigint, OUT roles text[], OUT groups text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_now timestamptz := clock_timestamp();
	v_horizon timestamptz := v_now - p_window * interval '1 second';
	v_hurried timestamptz := v_now - p_window * interval '1 second' / 16;
	v_grant_types text[];
	v_key_bound boolean;
	v_grant record;
	v_entry integer;
	v_used_at timestamptz;
	v_changes integer; -- NULL, which costs nothing where none is counted
BEGIN
	LOOP
		IF p_limited THEN -- a flood of what is good costs no more than reading
			PERFORM 1 FROM authz.grants AS g, authz.clients AS c, authz.people AS p
			WHERE g.grant_id = p_grant_id AND g.generation = p_generation AND g.generation > 0
			  AND g.client_id IS NOT DISTINCT FROM p_client_id AND (g.revoked_at IS NULL) IS TRUE AND g.expires_at > v_now
			  AND (g.key_thumbprint IS NULL OR g.key_thumbprint = p_key) AND (p_key IS NOT NULL OR NOT c.key_bound)
			  AND (p_resource IS NULL OR p_resource = g.resource)
			  AND (p_scopes IS NULL OR p_scopes <@ g.scopes)
			  AND coalesce(p_scopes, g.scopes) && p.scopes
			  AND c.client_id = p_client_id AND 'refresh_token' = ANY (c.grant_types)
			  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret)
			  AND p.person_id = g.person_id AND p.enabled;
			IF FOUND THEN
				outcome := 'limited';
				EXIT;
			END IF;
		ELSE
			UPDATE authz.grants AS g
			SET generation = g.generation + 1,
			    -- RFC 9449, 5: from the first proof on
			    key_thumbprint = coalesce(g.key_thumbprint, CASE p_method WHEN 'none' THEN p_key END),
			    recent_from = CASE WHEN cardinality(g.recent_at) - width_bucket(v_horizon, g.recent_at) >= 32
			                            AND g.recent_at[cardinality(g.recent_at) - 1] > v_hurried
			                       THEN g.recent_from[width_bucket(v_horizon, g.recent_at) + 1 :]
			                       ELSE g.recent_from[width_bucket(v_horizon, g.recent_at) + 1 :] || g.generation END,
			    recent_at = CASE WHEN cardinality(g.recent_at) - width_bucket(v_horizon, g.recent_at) >= 32
			                          AND g.recent_at[cardinality(g.recent_at) - 1] > v_hurried
			                     THEN g.recent_at[width_bucket(v_horizon, g.recent_at) + 1 : cardinality(g.recent_at) - 1]
			                     ELSE g.recent_at[width_bucket(v_horizon, g.recent_at) + 1 :] END
			                || greatest(v_now, g.recent_at[cardinality(g.recent_at)]) -- ascending, whatever the clock does
			FROM authz.clients AS c, authz.people AS p
			WHERE g.grant_id = p_grant_id AND g.generation = p_generation AND g.generation > 0
			  AND g.client_id IS NOT DISTINCT FROM p_client_id AND (g.revoked_at IS NULL) IS TRUE AND g.expires_at > v_now
			  AND (g.key_thumbprint IS NULL OR g.key_thumbprint = p_key) AND (p_key IS NOT NULL OR NOT c.key_bound)
			  AND (p_resource IS NULL OR p_resource = g.resource)
			  AND (p_scopes IS NULL OR p_scopes <@ g.scopes)
			  AND coalesce(p_scopes, g.scopes) && p.scopes
			  AND c.client_id = p_client_id AND 'refresh_token' = ANY (c.grant_types)
			  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret)
			  AND p.person_id = g.person_id AND p.enabled
			RETURNING 'rotated', g.grant_id, g.generation, g.person_id, g.client_id, g.resource, floor(extract(epoch FROM g.auth_time))::bigint,
			          floor(extract(epoch FROM v_now))::bigint,
			          array_to_string(CASE WHEN coalesce(p_scopes, g.scopes) <@ p.scopes THEN coalesce(p_scopes, g.scopes)
			                               ELSE authz.scopes_common(coalesce(p_scopes, g.scopes), p.scopes) END, ' '), p.roles, p.groups, c.last_used_at
			INTO outcome, grant_id, generation, subject, client_id, resource, auth_time, now, scope, roles, groups, v_used_at;
			IF FOUND THEN
				IF v_used_at IS NULL OR v_used_at < v_now - interval '1 hour' THEN -- a coarse clock; whoever deletes the client does not wait for it
					UPDATE authz.clients AS c SET last_used_at = v_now WHERE c.client_id = (
						SELECT l.client_id FROM authz.clients AS l WHERE l.client_id = p_client_id FOR NO KEY UPDATE SKIP LOCKED);
				END IF;
				RETURN;
			END IF;
		END IF;

		SELECT c.grant_types, c.key_bound INTO v_grant_types, v_key_bound FROM authz.clients AS c
		WHERE c.client_id = p_client_id
		  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret);
		IF NOT FOUND THEN
			outcome := 'client_refused';
			EXIT;
		END IF;
		IF NOT 'refresh_token' = ANY (v_grant_types) THEN
			outcome := 'unauthorized_client';
			EXIT;
		END IF;
		SELECT g.generation, g.person_id, g.resource, g.scopes, g.auth_time, g.recent_from, g.recent_at, g.key_thumbprint, p.scopes AS allowed,
		       p.roles, p.groups
		INTO v_grant
		FROM authz.grants AS g JOIN authz.people AS p ON p.person_id = g.person_id
		WHERE g.grant_id = p_grant_id AND g.client_id IS NOT DISTINCT FROM p_client_id AND (g.revoked_at IS NULL) IS TRUE
		  AND g.expires_at > v_now AND p.enabled
		FOR NO KEY UPDATE OF g;
		outcome := CASE
			WHEN NOT FOUND OR p_generation < 1 OR p_generation > v_grant.generation THEN 'invalid'
			-- before all else: who has a refresh token without its key cannot use the grant, nor end it by a replay
			WHEN v_grant.key_thumbprint IS NOT NULL AND v_grant.key_thumbprint IS DISTINCT FROM p_key THEN 'key_mismatch'
			WHEN p_key IS NULL AND v_key_bound THEN 'key_missing'
			WHEN p_resource <> v_grant.resource THEN 'target_mismatch'
			WHEN NOT p_scopes <@ v_grant.scopes THEN 'scope_exceeded'
			WHEN NOT coalesce(p_scopes, v_grant.scopes) && v_grant.allowed THEN 'invalid' -- the person lost all of it
		END;
		EXIT WHEN outcome IS NOT NULL;
		IF p_generation = v_grant.generation THEN -- it is the newest now
			v_changes := coalesce(v_changes, 0) + 1;
			CONTINUE WHEN v_changes < 3;
			RAISE EXCEPTION 'a grant changed three times while it was refreshed' USING ERRCODE = 'serialization_failure';
		END IF;

		-- The entry that this generation was rotated away in; 0 if it has left the window.
		v_entry := width_bucket(p_generation, v_grant.recent_from);
		IF v_entry > 0 AND v_grant.recent_at[v_entry] > v_horizon THEN
			outcome := CASE WHEN p_limited THEN 'limited' WHEN p_generation = v_grant.generation - 1 THEN 'retried' ELSE 'stale' END;
			generation := v_grant.generation;
			subject := v_grant.person_id;
			resource := v_grant.resource;
			auth_time := floor(extract(epoch FROM v_grant.auth_time));
			scope := array_to_string(authz.scopes_common(coalesce(p_scopes, v_grant.scopes), v_grant.allowed), ' ');
			roles := v_grant.roles;
			groups := v_grant.groups;
			IF outcome <> 'limited' AND p_method = 'none' AND p_key IS NOT NULL AND v_grant.key_thumbprint IS NULL THEN
				UPDATE authz.grants AS g SET key_thumbprint = p_key WHERE g.grant_id = p_grant_id; -- whichever generation the first proof came with
			END IF;
		ELSE
			UPDATE authz.grants AS g SET revoked_at = v_now, revoked_for = 'refresh_reused' WHERE g.grant_id = p_grant_id;
			outcome := 'reused';
		END IF;
		EXIT;
	END LOOP;
	grant_id := p_grant_id;
	client_id := p_client_id;
	now := floor(extract(epoch FROM v_now));
END
$$;
