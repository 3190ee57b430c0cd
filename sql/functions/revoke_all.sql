-- SPDX-License-Identifier: Apache-2.0
-- Ends all that anybody was given: behind the restore of a backup, in which what was ended since it was made lives again. Nobody can say which that is, so
-- people sign in and consent anew, keys are made anew, and every signing key makes room for the one of the parameters. Gives how many there were of each.
CREATE OR REPLACE FUNCTION authz.revoke_all(p_kid text, p_algorithm text, p_sealed bytea, p_secret_id integer)
RETURNS TABLE (sessions bigint, grants bigint, consents bigint, api_keys bigint, admin_keys bigint, registration_tokens bigint, signing_keys bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	-- Nothing may come of what is under way: whoever has read a session is through before, or finds nothing behind.
	LOCK TABLE authz.signing_keys, authz.sessions, authz.requests, authz.codes, authz.grants, authz.consents, authz.api_keys, authz.admin_keys,
	           authz.initial_access_tokens IN ACCESS EXCLUSIVE MODE;
	DELETE FROM authz.requests AS q WHERE q.decided_at IS NULL;
	DELETE FROM authz.codes AS k WHERE k.redeemed_at IS NULL;
	WITH gone AS (DELETE FROM authz.sessions AS s RETURNING 1) SELECT count(*) INTO sessions FROM gone;
	WITH gone AS (DELETE FROM authz.consents AS n RETURNING 1) SELECT count(*) INTO consents FROM gone;
	WITH gone AS (UPDATE authz.grants AS g SET revoked_at = now(), revoked_for = 'operator' WHERE g.revoked_at IS NULL AND g.expires_at > now() RETURNING 1)
	SELECT count(*) INTO grants FROM gone;
	WITH gone AS (UPDATE authz.api_keys AS k SET revoked_at = now() WHERE k.revoked_at IS NULL AND k.expires_at > now() RETURNING 1)
	SELECT count(*) INTO api_keys FROM gone;
	WITH gone AS (UPDATE authz.admin_keys AS k SET revoked_at = now() WHERE k.revoked_at IS NULL AND k.expires_at > now() RETURNING 1)
	SELECT count(*) INTO admin_keys FROM gone;
	WITH gone AS (UPDATE authz.initial_access_tokens AS t SET revoked_at = now() WHERE t.revoked_at IS NULL AND t.expires_at > now() RETURNING 1)
	SELECT count(*) INTO registration_tokens FROM gone;
	WITH gone AS (DELETE FROM authz.signing_keys AS k RETURNING 1) SELECT count(*) INTO signing_keys FROM gone;
	INSERT INTO authz.signing_keys (kid, algorithm, sealed, secret_id, created_at, signs_from)
	SELECT p_kid, p_algorithm, p_sealed, p_secret_id, t.now, t.now FROM (SELECT clock_timestamp() AS now) AS t;
	PERFORM authz.feed_add(r.uri, 'reset', '', NULL) FROM authz.resources AS r;
	RETURN NEXT;
END
$$;
