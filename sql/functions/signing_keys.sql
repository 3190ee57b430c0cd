-- SPDX-License-Identifier: Apache-2.0
-- The signing keys. All of them change under the table's lock, so that two daemons, or a daemon and an operator, never decide the same twice.

-- The one that signs: the newest whose time has come; should the clock have been set back behind all of them, the oldest.
CREATE OR REPLACE FUNCTION authz.signing_key_now()
RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
	SELECT coalesce((SELECT s.kid FROM authz.signing_keys AS s WHERE s.signs_from <= clock_timestamp() ORDER BY s.signs_from DESC LIMIT 1),
	                (SELECT s.kid FROM authz.signing_keys AS s ORDER BY s.signs_from LIMIT 1))
$$;

-- Those that are published, newest first. A key whose successor signs stays until the last token that it signed has expired; one minute is for
-- daemons that have not heard of the successor yet. `signs` marks the one to sign with now. In SQL: a daemon's start waits for it, and need
-- not wait for PL/pgSQL.
CREATE OR REPLACE FUNCTION authz.signing_keys(p_token_lifetime bigint)
RETURNS TABLE (kid text, algorithm text, sealed bytea, secret_id integer, signs boolean, created_at bigint, signs_from bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
	SELECT k.kid::text, k.algorithm, k.sealed, k.secret_id, k.kid = signs.kid,
	       floor(extract(epoch FROM k.created_at))::bigint, floor(extract(epoch FROM k.signs_from))::bigint
	FROM (SELECT s.*, lead(s.signs_from) OVER (ORDER BY s.signs_from) AS succeeded_at FROM authz.signing_keys AS s) AS k,
	     authz.signing_key_now() AS signs(kid)
	WHERE k.succeeded_at IS NULL OR k.succeeded_at > now() - (p_token_lifetime + 60) * interval '1 second'
	ORDER BY k.signs_from DESC
$$;

-- Adds a key that signs after `p_delay` seconds.
CREATE OR REPLACE FUNCTION authz.signing_key_add(p_kid text, p_algorithm text, p_sealed bytea, p_secret_id integer, p_delay bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	LOCK TABLE authz.signing_keys IN SHARE ROW EXCLUSIVE MODE;
	-- Keys that were still waiting to sign are overtaken: the newest one wins.
	DELETE FROM authz.signing_keys AS k WHERE k.signs_from >= clock_timestamp() + p_delay * interval '1 second';
	INSERT INTO authz.signing_keys (kid, algorithm, sealed, secret_id, created_at, signs_from)
	SELECT p_kid, p_algorithm, p_sealed, p_secret_id, t.now, t.now + greatest(p_delay, 0) * interval '1 second'
	FROM (SELECT clock_timestamp() AS now) AS t;
	RETURN true;
END
$$;

-- Nothing happens if there is a key: daemons that start together end up with one.
CREATE OR REPLACE FUNCTION authz.signing_key_add_first(p_kid text, p_algorithm text, p_sealed bytea, p_secret_id integer)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	LOCK TABLE authz.signing_keys IN SHARE ROW EXCLUSIVE MODE;
	IF EXISTS (SELECT 1 FROM authz.signing_keys) THEN
		RETURN false;
	END IF;
	RETURN authz.signing_key_add(p_kid, p_algorithm, p_sealed, p_secret_id, 0);
END
$$;

-- By age: adds a successor that signs after `p_announce` seconds, if the newest key will then have signed for `p_rotate` seconds. False, and nothing
-- happens, if it is too early: another daemon has done it.
CREATE OR REPLACE FUNCTION authz.signing_key_rotate(
	p_kid text, p_algorithm text, p_sealed bytea, p_secret_id integer, p_rotate bigint, p_announce bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	LOCK TABLE authz.signing_keys IN SHARE ROW EXCLUSIVE MODE;
	IF EXISTS (SELECT 1 FROM authz.signing_keys AS k WHERE k.signs_from > clock_timestamp() - (p_rotate - p_announce) * interval '1 second') THEN
		RETURN false;
	END IF;
	RETURN authz.signing_key_add(p_kid, p_algorithm, p_sealed, p_secret_id, p_announce);
END
$$;

-- In an emergency: the key is gone at once, and with it every token that it signed. 'replaced' if it was the one to sign with: then the given
-- one does, from now on, so that there never is none. Resource servers forget what they remember, the key among it.
CREATE OR REPLACE FUNCTION authz.signing_key_withdraw(p_withdrawn text, p_kid text, p_algorithm text, p_sealed bytea, p_secret_id integer)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_signed boolean;
BEGIN
	LOCK TABLE authz.signing_keys IN SHARE ROW EXCLUSIVE MODE;
	v_signed := p_withdrawn = authz.signing_key_now();
	DELETE FROM authz.signing_keys AS k WHERE k.kid = p_withdrawn;
	IF NOT FOUND THEN
		RETURN 'unknown';
	END IF;
	IF v_signed THEN
		INSERT INTO authz.signing_keys (kid, algorithm, sealed, secret_id, created_at, signs_from)
		SELECT p_kid, p_algorithm, p_sealed, p_secret_id, t.now, t.now FROM (SELECT clock_timestamp() AS now) AS t;
	END IF;
	PERFORM authz.feed_add(r.uri, 'reset', '', NULL) FROM authz.resources AS r;
	RETURN CASE WHEN v_signed THEN 'replaced' ELSE 'withdrawn' END;
END
$$;
