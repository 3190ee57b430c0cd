-- SPDX-License-Identifier: Apache-2.0
-- Deletes what has expired, a bounded number of rows at a time, one daemon at a time, never waiting for anybody. Of what every request may
-- leave behind, the bound is more than can come between two sweeps (10 seconds): a row a token must not be a table that only grows.
CREATE OR REPLACE FUNCTION authz.sweep(p_token_lifetime bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtext('authz.sweep')) THEN
		RETURN;
	END IF;
	DELETE FROM authz.requests WHERE request_id IN (
		SELECT q.request_id FROM authz.requests AS q WHERE q.expires_at < now() - interval '1 minute' LIMIT 20000 FOR UPDATE SKIP LOCKED);
	-- A spent code is kept for a day: its replay shall still be known as one.
	DELETE FROM authz.codes WHERE code_id IN (
		SELECT k.code_id FROM authz.codes AS k WHERE k.expires_at < now() - interval '1 day' LIMIT 20000 FOR UPDATE SKIP LOCKED);
	DELETE FROM authz.sessions WHERE session_id IN (
		SELECT s.session_id FROM authz.sessions AS s WHERE s.expires_at < now() LIMIT 5000 FOR UPDATE SKIP LOCKED);
	DELETE FROM authz.revoked_tokens WHERE jti IN (
		SELECT t.jti FROM authz.revoked_tokens AS t WHERE t.expires_at < now() - interval '5 minutes' LIMIT 20000 FOR UPDATE SKIP LOCKED);
	DELETE FROM authz.used_assertions WHERE (client_id, jti_digest) IN (
		SELECT u.client_id, u.jti_digest FROM authz.used_assertions AS u WHERE u.expires_at < now() - interval '1 minute'
		LIMIT 20000 FOR UPDATE SKIP LOCKED);
	DELETE FROM authz.used_proofs WHERE digest IN (
		SELECT u.digest FROM authz.used_proofs AS u WHERE u.expires_at < now() - interval '1 minute' LIMIT 20000 FOR UPDATE SKIP LOCKED);
	DELETE FROM authz.sign_in_attempts WHERE (counter, key) IN (
		SELECT a.counter, a.key FROM authz.sign_in_attempts AS a WHERE a.last_at < now() - interval '1 hour' LIMIT 5000 FOR UPDATE SKIP LOCKED);
	DELETE FROM authz.person_addresses WHERE last_at < now() - interval '90 days';
	-- Dead grants tell an operator what happened, for a month.
	DELETE FROM authz.grants WHERE grant_id IN (
		SELECT g.grant_id FROM authz.grants AS g
		WHERE g.expires_at < now() - interval '30 days' LIMIT 5000 FOR UPDATE SKIP LOCKED);
	DELETE FROM authz.grants WHERE grant_id IN (
		SELECT g.grant_id FROM authz.grants AS g
		WHERE g.revoked_at IS NOT NULL AND g.revoked_at < now() - interval '30 days' LIMIT 5000 FOR UPDATE SKIP LOCKED);
	PERFORM authz.feed_sweep(p_token_lifetime);
	PERFORM authz.client_documents_sweep();
	-- A private key is kept no longer than its public half is published.
	DELETE FROM authz.signing_keys AS k WHERE EXISTS (
		SELECT 1 FROM authz.signing_keys AS n
		WHERE n.signs_from > k.signs_from AND n.signs_from < now() - (p_token_lifetime + 60) * interval '1 second');
END
$$;
