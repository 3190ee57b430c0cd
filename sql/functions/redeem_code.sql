-- SPDX-License-Identifier: Apache-2.0
-- A code becomes a grant. Whatever fails, consumes nothing. A replay that is right in every respect revokes what the first redemption gave
-- (OAuth 2.1, "Reuse of Authorization Codes"); one that is wrong in any, does not, or whoever sees a code could end the session of its owner.
-- Conditions beside the key are written so that no index fits them (IS TRUE, IS NOT DISTINCT FROM): without statistics the planner could take
-- such an index, and go through all rows of a client.
CREATE OR REPLACE FUNCTION authz.redeem_code(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_code_id uuid, p_redirect_uri text, p_code_challenge text,
	p_resource text, p_grant_lifetime bigint, p_limited boolean DEFAULT false, p_key text DEFAULT NULL,
	OUT outcome text, OUT grant_id uuid, OUT generation bigint, OUT subject uuid, OUT client_id text, OUT resource text, OUT scope text,
	OUT auth_time bigint, OUT now bigint, OUT roles text[], OUT groups text[], OUT nonce text, OUT approval text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_now timestamptz := clock_timestamp();
	v_code authz.codes;
	v_grant_types text[];
	v_used_at timestamptz;
	v_key_bound boolean;
	v_scopes text[];
	v_roles text[];
	v_groups text[];
BEGIN
	SELECT c.grant_types, c.last_used_at, c.key_bound INTO v_grant_types, v_used_at, v_key_bound FROM authz.clients AS c
	WHERE c.client_id = p_client_id
	  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret);
	IF NOT FOUND THEN
		outcome := 'client_refused';
		RETURN;
	END IF;
	IF NOT 'authorization_code' = ANY (v_grant_types) THEN
		outcome := 'unauthorized_client';
		RETURN;
	END IF;

	SELECT k.* INTO v_code FROM authz.codes AS k WHERE k.code_id = p_code_id AND k.client_id IS NOT DISTINCT FROM p_client_id
	FOR UPDATE OF k;
	IF FOUND THEN
		SELECT CASE WHEN v_code.scopes <@ p.scopes THEN v_code.scopes ELSE authz.scopes_common(v_code.scopes, p.scopes) END, p.roles, p.groups
		INTO v_scopes, v_roles, v_groups FROM authz.people AS p
		WHERE p.person_id = v_code.person_id AND p.enabled;
	END IF;
	outcome := CASE
		WHEN v_code.code_id IS NULL OR v_scopes IS NULL OR v_code.redeemed_at IS NULL AND v_code.expires_at <= v_now THEN 'invalid'
		WHEN p_key IS NULL AND v_key_bound THEN 'key_missing'
		WHEN v_code.key_thumbprint IS NOT NULL AND v_code.key_thumbprint IS DISTINCT FROM p_key THEN 'key_mismatch'
		WHEN p_redirect_uri <> v_code.redirect_uri THEN 'redirect_mismatch'
		WHEN p_code_challenge IS DISTINCT FROM v_code.code_challenge THEN 'verifier_mismatch'
		WHEN p_resource <> v_code.resource THEN 'target_mismatch'
		WHEN v_code.redeemed_at IS NOT NULL THEN 'replayed'
		WHEN p_limited THEN 'limited' -- over its budget: what no waiting mends was told above
		ELSE 'granted'
	END;
	IF outcome = 'replayed' THEN
		UPDATE authz.grants AS g SET revoked_at = v_now, revoked_for = 'code_replayed'
		WHERE g.grant_id = v_code.grant_id AND (g.revoked_at IS NULL) IS TRUE;
		grant_id := v_code.grant_id; -- for the audit
	END IF;
	IF outcome <> 'granted' THEN
		RETURN;
	END IF;

	WITH made AS (
		INSERT INTO authz.grants (person_id, client_id, resource, redirect_host, scopes, auth_time, expires_at, generation, key_thumbprint)
		VALUES (v_code.person_id, p_client_id, v_code.resource, v_code.redirect_host, v_scopes, v_code.auth_time,
		        v_now + p_grant_lifetime * interval '1 second',
		        CASE WHEN 'refresh_token' = ANY (v_grant_types) THEN 1 ELSE 0 END,
		        CASE p_method WHEN 'none' THEN p_key END) -- who proves himself otherwise may change his key
		RETURNING grants.grant_id, grants.generation)
	UPDATE authz.codes AS k SET redeemed_at = v_now, grant_id = made.grant_id FROM made WHERE k.code_id = p_code_id
	RETURNING made.grant_id, made.generation, k.person_id, k.client_id, k.resource, array_to_string(v_scopes, ' '),
	          floor(extract(epoch FROM k.auth_time))::bigint, floor(extract(epoch FROM v_now))::bigint, v_roles, v_groups, k.nonce, k.approval
	INTO grant_id, generation, subject, client_id, resource, scope, auth_time, now, roles, groups, nonce, approval;
	IF v_used_at IS NULL OR v_used_at < v_now - interval '1 hour' THEN -- a coarse clock: no write a redemption, and none that waits
		UPDATE authz.clients AS c SET last_used_at = v_now, last_granted_at = v_now WHERE c.client_id = (
			SELECT l.client_id FROM authz.clients AS l WHERE l.client_id = p_client_id FOR NO KEY UPDATE SKIP LOCKED);
	END IF;
END
$$;
