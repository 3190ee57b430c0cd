-- SPDX-License-Identifier: Apache-2.0
-- Small comparisons that several verdicts share. The first ones are plain expressions that PostgreSQL puts in place of the call; nobody but the
-- owner of the schema may execute them. The others are plpgsql, which keeps its plans: an SQL function that is not put in place is planned at
-- each call. All of them run on the rights and the search_path of the verdict that calls them: setting it again costs more than most of them.
--
-- Whatever is named by its key is to be found by its key. What else a verdict asks of such a row, it asks in a form that no index serves (IS NOT
-- DISTINCT FROM, IS TRUE): where a table has no statistics yet, all indexes look equally good to PostgreSQL, and it might go through all codes of
-- a client, or all grants that live, for one of them.

-- RFC 6749, 2.3: exactly the registered method. A secret is compared by its SHA-256, in both readings of HTTP Basic.
CREATE OR REPLACE FUNCTION authz.client_proved(enabled boolean, registered_method text, registered_secret bytea,
                                               method text, secret bytea, raw_secret bytea)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT enabled AND registered_method = method
	       AND (method = 'none' OR registered_secret = secret OR registered_secret = raw_secret)
$$;

-- The scopes of OpenID Connect, which every resource has beside its own and everybody may grant.
CREATE OR REPLACE FUNCTION authz.is_of_person(scope text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT scope IN ('openid', 'profile')
$$;

-- RFC 8252, 7.3
CREATE OR REPLACE FUNCTION authz.is_loopback(uri text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT uri ~ '^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?]|$)'
$$;

-- Byte equality with a registered URI; of a loopback one, only the port is free.
CREATE OR REPLACE FUNCTION authz.redirect_registered(registered text[], uri text)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	IF uri = ANY (registered) THEN
		RETURN true;
	END IF;
	RETURN authz.is_loopback(uri) AND EXISTS (
		SELECT 1 FROM unnest(registered) AS r
		WHERE authz.is_loopback(r)
		  AND regexp_replace(r, '^(http://(?:localhost|127\.0\.0\.1|\[::1\])):[0-9]{1,5}', '\1')
		      = regexp_replace(uri, '^(http://(?:localhost|127\.0\.0\.1|\[::1\])):[0-9]{1,5}', '\1'));
END
$$;

-- Where an answer goes, for telling installations of one client id apart: host and port; of a loopback address without port, since it changes
-- with every start; of a private-use scheme the scheme with its colon.
CREATE OR REPLACE FUNCTION authz.redirect_host(uri text)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN CASE WHEN authz.is_loopback(uri) THEN substring(uri from '^http://(localhost|127\.0\.0\.1|\[::1\])')
	            WHEN uri ~* '^https?://' THEN lower(substring(uri from '^[^:]+://([^/?#]*)'))
	            ELSE lower(substring(uri from '^[^:]*:')) END;
END
$$;

-- What two lists of scopes share, sorted bytewise; NULL if nothing.
CREATE OR REPLACE FUNCTION authz.scopes_common(a text[], b text[])
RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN (SELECT array_agg(DISTINCT s COLLATE "C" ORDER BY s COLLATE "C") FROM unnest(a) AS s WHERE s = ANY (b));
END
$$;

-- What one guesser is counted under: an IPv4 address, or the /64 that an IPv6 customer has to himself.
CREATE OR REPLACE FUNCTION authz.address_key(address text)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	a inet;
BEGIN
	a := address::inet;
	IF family(a) = 6 AND NOT a <<= inet '::ffff:0:0/96' THEN
		RETURN network(set_masklen(a, 64))::text;
	END IF;
	RETURN host(a);
EXCEPTION WHEN invalid_text_representation THEN
	RETURN left(coalesce(address, ''), 64);
END
$$;
