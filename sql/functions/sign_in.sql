-- SPDX-License-Identifier: Apache-2.0
-- Signing in, and what slows guessing down. An attempt is counted before its password is compared, in one statement each, so that parallel guesses
-- cannot pass together. Three counters, each with a delay that doubles with every attempt beyond the free ones and is over by itself:
--   person and address  5 free, at most 15 minutes
--   address             50 free (many people may share one), at most 15 minutes
--   person              50 free, at most 1 minute: guesses from many addresses
-- An address that the person has signed in from before is held to the first counter only: strangers cannot lock anybody out of it.

-- Counts an attempt; false, and nothing is counted, if it comes too early.
CREATE OR REPLACE FUNCTION authz.attempt(p_counter text, p_key text, p_free integer, p_longest interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	INSERT INTO authz.sign_in_attempts AS a (counter, key, attempts, last_at)
	VALUES (p_counter, sha256(convert_to(p_key, 'UTF8')), 1, clock_timestamp())
	ON CONFLICT (counter, key) DO UPDATE
	SET attempts = CASE WHEN a.last_at < clock_timestamp() - interval '1 hour' THEN 1 ELSE least(a.attempts, 1000000) + 1 END,
	    last_at = clock_timestamp()
	WHERE a.attempts < p_free
	   OR a.last_at <= clock_timestamp() - least(p_longest, power(2, least(a.attempts - p_free, 20)) * interval '1 second');
	RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION authz.person_for_sign_in(
	p_username text, p_address text, OUT person_id uuid, OUT password_hash text, OUT throttled boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_username text := lower(p_username COLLATE "C");
	v_address text := authz.address_key(p_address);
	v_known boolean;
BEGIN
	SELECT p.person_id, p.password_hash INTO person_id, password_hash FROM authz.people AS p WHERE p.username = v_username AND p.enabled;
	v_known := EXISTS (SELECT 1 FROM authz.person_addresses AS a
	                   WHERE a.person_id = person_for_sign_in.person_id AND a.address = v_address);
	-- Always in this order, so that two sign-ins never wait for each other crosswise.
	throttled := NOT (authz.attempt('person_address', v_username || ' ' || v_address, 5, interval '15 minutes')
	                  AND (v_known OR authz.attempt('address', v_address, 50, interval '15 minutes')
	                                  AND authz.attempt('person', v_username, 50, interval '1 minute')));
	IF throttled THEN
		person_id := NULL;
		password_hash := NULL;
	END IF;
END
$$;

-- The password was right. The new session takes the place of the old one; its id was never used before (session fixation). The hash that was compared
-- must still be the person's: a password that was changed meanwhile opens nothing, and its new hash is not put back over the change.
CREATE OR REPLACE FUNCTION authz.sign_in(
	p_person_id uuid, p_session_id uuid, p_old_session_id uuid, p_compared_hash text, p_new_hash text, p_idle bigint, p_lifetime bigint,
	p_address text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_username text;
	v_address text := authz.address_key(p_address);
	v_known boolean;
BEGIN
	DELETE FROM authz.sessions AS s WHERE s.session_id = p_old_session_id;
	SELECT p.username INTO v_username FROM authz.people AS p
	WHERE p.person_id = p_person_id AND p.enabled AND p.password_hash = p_compared_hash FOR NO KEY UPDATE OF p;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	INSERT INTO authz.sessions (session_id, person_id, idle, expires_at)
	VALUES (p_session_id, p_person_id, p_idle * interval '1 second', now() + p_lifetime * interval '1 second');
	IF p_new_hash IS NOT NULL THEN
		UPDATE authz.people AS p SET password_hash = p_new_hash WHERE p.person_id = p_person_id;
	END IF;
	v_known := EXISTS (SELECT 1 FROM authz.person_addresses AS a WHERE a.person_id = p_person_id AND a.address = v_address);
	INSERT INTO authz.person_addresses AS a (person_id, address) VALUES (p_person_id, v_address)
	ON CONFLICT (person_id, address) DO UPDATE SET last_at = now();
	-- A right password takes its own attempt back.
	DELETE FROM authz.sign_in_attempts AS a
	WHERE a.counter = 'person_address' AND a.key = sha256(convert_to(v_username || ' ' || v_address, 'UTF8'));
	IF v_known THEN
		RETURN true; -- it was not counted by the others: what it never added, it must not take from a guesser's count
	END IF;
	UPDATE authz.sign_in_attempts AS a SET attempts = greatest(a.attempts - 1, 0)
	WHERE a.counter = 'address' AND a.key = sha256(convert_to(v_address, 'UTF8'));
	UPDATE authz.sign_in_attempts AS a SET attempts = greatest(a.attempts - 1, 0)
	WHERE a.counter = 'person' AND a.key = sha256(convert_to(v_username, 'UTF8'));
	RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION authz.sign_out(p_session_id uuid)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	DELETE FROM authz.sessions AS s WHERE s.session_id = p_session_id;
END
$$;
