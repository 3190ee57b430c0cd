-- SPDX-License-Identifier: Apache-2.0
-- What a request would be granted, whether its person must be asked, and what was allowed before. The first functions are of the verdicts only:
-- they run with the rights and the search path of the function that calls them, and nobody but the owner of the schema may execute them.

-- A scope opens what it implies, at the same resource. Names that the resource does not know are left out; NULL for nothing.
CREATE OR REPLACE FUNCTION authz.scopes_closed(p_resource text, p_scopes text[])
RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		WITH RECURSIVE reached(name, implies) AS (
			SELECT s.name, s.implies FROM authz.scopes AS s WHERE s.resource = p_resource AND s.name = ANY (p_scopes)
			UNION
			SELECT s.name, s.implies FROM reached AS r JOIN authz.scopes AS s ON s.resource = p_resource AND s.name = ANY (r.implies))
		SELECT array_agg(r.name::text ORDER BY r.name) FROM reached AS r);
END
$$;

-- The scopes of a resource that a client can be granted: all, unless the administrator gave it a scope. What a client registered itself as
-- its scope is a wish like any other: it may step up later.
CREATE OR REPLACE FUNCTION authz.scopes_open_to(p_client_id text, p_resource text)
RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (SELECT CASE WHEN c.origin = 'admin' AND c.scope <> ''
	                    THEN authz.scopes_closed(p_resource, string_to_array(c.scope, ' ') || ARRAY['openid', 'profile'])
	                    ELSE (SELECT array_agg(s.name::text ORDER BY s.name) FROM authz.scopes AS s WHERE s.resource = p_resource) END
	        FROM authz.clients AS c WHERE c.client_id = p_client_id);
END
$$;

-- What consent is bound to is what the client is described by today: the SHA-256 of its document, or, of a client without one, this digest of what it
-- registered of that which people are shown and where answers go. A plain expression, which PostgreSQL puts in place of the call.
CREATE OR REPLACE FUNCTION authz.description_digest(name text, client_uri text, redirect_uris text[])
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT sha256(convert_to(jsonb_build_array(name, client_uri, redirect_uris)::text, 'UTF8'))
$$;

-- What the newest living grants of a person, client, resource and place hold. Each grant holds what was kept before it: a few of them say it all. A
-- plain query, which PostgreSQL puts in place of the call.
CREATE OR REPLACE FUNCTION authz.scopes_living(person_id uuid, client_id text, resource text, place text)
RETURNS TABLE (scopes text[]) LANGUAGE sql STABLE AS $$
	SELECT g.scopes FROM authz.grants AS g
	WHERE g.person_id = $1 AND g.client_id = $2 AND g.resource = $3 AND g.redirect_host = $4
	  AND g.revoked_at IS NULL AND g.expires_at > clock_timestamp()
	ORDER BY g.created_at DESC LIMIT 20
$$;

CREATE OR REPLACE FUNCTION authz.scopes_kept(p_person_id uuid, p_client_id text, p_resource text, p_place text)
RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (SELECT array_agg(DISTINCT s COLLATE "C" ORDER BY s COLLATE "C")
	        FROM authz.scopes_living(p_person_id, p_client_id, p_resource, p_place) AS living, unnest(living.scopes) AS s);
END
$$;

-- Whether no page of another site can have sent the browser to /authorize. `came`: 'site' if a page of this one did, 'itself' if none did that could
-- be seen; this counts for an id that no other site can know: of one installation, with an answer that never leaves its device. A plain expression.
CREATE OR REPLACE FUNCTION authz.came_directly(came text, origin text, shared boolean, redirect_uri text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	SELECT coalesce(came = 'site' OR came = 'itself' AND origin = 'dynamic' AND NOT shared AND NOT starts_with(redirect_uri, 'https:'), false)
$$;

-- One rule for the page and for the decision. `granted` is what approval gives: what of the asked scopes the person may have, with all that this
-- implies; `kept` what the same person's living grants of this client, resource and place open beside it, so that a client that asks for one
-- scope more does not lose the others. `silent` says why nobody needs to be asked:
--   implicit    the administrator has said so for this application
--   remembered  this person has allowed all of it before, of the document and the place of today, and no other site has sent the browser
-- For both, nobody else may be able to pose as the client (RFC 8252, 8.6; OAuth 2.1, 7.5.1 "impersonation"): it proves itself at the token endpoint,
-- or the answer goes to a web address that is its own. Any program can listen on a loopback port or take a scheme; there the answer is
-- remembered only of an id that one installation got by registering, which no other knows.
-- `place` and `described` are what consent is bound to; `remembered` is what was allowed of them before, last used at `remembered_at`. A client that
-- is gone or disabled, or whose redirect URI this is not any more, has no place (NULL).
CREATE OR REPLACE FUNCTION authz.approval(
	p_client_id text, p_resource text, p_redirect_uri text, p_scopes text[], p_prompt text, p_came text, p_person_id uuid, p_person_scopes text[],
	OUT granted text[], OUT kept text[], OUT silent text, OUT can_remember boolean, OUT place text, OUT described bytea, OUT remembered text[],
	OUT remembered_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
	v_place text := authz.redirect_host(p_redirect_uri);
	v_proved boolean := starts_with(p_redirect_uri, 'https://');
	v_implicit boolean;
	v_direct boolean;
	v_limited boolean;     -- by the administrator
	v_implies boolean;     -- what is asked implies more than that
	v_keeps boolean;       -- living grants open more than that
	v_remembered_of bytea; -- of which description
	v_allowed text[];
BEGIN
	SELECT c.consent = 'implicit', authz.came_directly(p_came, c.origin, c.shared, p_redirect_uri), v_proved OR c.auth_method <> 'none',
	       v_proved OR c.auth_method <> 'none' OR c.origin = 'dynamic' AND NOT c.shared, c.origin = 'admin' AND c.scope <> '',
	       coalesce(d.digest, authz.description_digest(c.name, c.client_uri, c.redirect_uris)), n.document_digest, n.scopes, n.used_at,
	       asked.names, asked.implies, living.more
	INTO v_implicit, v_direct, v_proved, can_remember, v_limited, described, v_remembered_of, remembered, remembered_at, granted, v_implies, v_keeps
	FROM authz.clients AS c
	LEFT JOIN authz.client_documents AS d ON d.client_id = c.client_id
	LEFT JOIN authz.consents AS n
		ON n.person_id = p_person_id AND n.client_id = c.client_id AND n.resource = p_resource AND n.redirect_host = v_place
	CROSS JOIN (
		SELECT array_agg(s.name::text ORDER BY s.name) AS names, bool_or(NOT s.implies <@ p_scopes) AS implies FROM authz.scopes AS s
		WHERE s.resource = p_resource AND s.name = ANY (p_scopes) AND s.name = ANY (p_person_scopes)) AS asked
	CROSS JOIN (
		SELECT bool_or(NOT l.scopes <@ p_scopes) AS more FROM authz.scopes_living(p_person_id, p_client_id, p_resource, v_place) AS l) AS living
	WHERE c.client_id = p_client_id AND c.enabled
	  AND (p_redirect_uri = ANY (c.redirect_uris) OR authz.redirect_registered(c.redirect_uris, p_redirect_uri));
	IF NOT FOUND THEN
		RETURN;
	END IF;
	place := v_place;
	IF v_limited OR v_implies OR v_keeps THEN -- else nothing but what is asked is to be looked at
		v_allowed := authz.scopes_common(authz.scopes_open_to(p_client_id, p_resource), p_person_scopes);
		granted := authz.scopes_common(authz.scopes_closed(p_resource, authz.scopes_common(p_scopes, v_allowed)), v_allowed);
		kept := authz.scopes_common(authz.scopes_kept(p_person_id, p_client_id, p_resource, place), v_allowed);
	END IF;
	IF v_remembered_of IS DISTINCT FROM described THEN
		remembered := NULL;
	END IF;
	silent := CASE
		WHEN granted IS NULL THEN NULL
		WHEN v_implicit AND v_proved THEN 'implicit'
		WHEN can_remember AND v_direct AND granted <@ remembered AND NOT coalesce('consent' = ANY (string_to_array(p_prompt, ' ')), false)
		THEN 'remembered'
	END;
END
$$;

-- What was approved on the page joins what was remembered; of another document than today's, nothing is.
CREATE OR REPLACE FUNCTION authz.consent_keep(
	p_person_id uuid, p_client_id text, p_resource text, p_place text, p_described bytea, p_scopes text[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO authz.consents AS n (person_id, client_id, resource, redirect_host, document_digest, scopes)
	VALUES (p_person_id, p_client_id, p_resource, p_place, p_described, p_scopes)
	ON CONFLICT (person_id, client_id, resource, redirect_host) DO UPDATE
	SET scopes = CASE WHEN n.document_digest = excluded.document_digest
	                  THEN authz.scopes_common(n.scopes || excluded.scopes, n.scopes || excluded.scopes) ELSE excluded.scopes END,
	    document_digest = excluded.document_digest, used_at = now();
END
$$;

-- ---- the operator's ----

CREATE OR REPLACE FUNCTION authz.consent_list(p_username text)
RETURNS TABLE (client_id text, client_name text, redirect_host text, resource text, scope text, created_at timestamptz, used_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT n.client_id::text, c.name, n.redirect_host::text, n.resource::text, array_to_string(n.scopes, ' '), n.created_at, n.used_at
	FROM authz.people AS p JOIN authz.consents AS n ON n.person_id = p.person_id JOIN authz.clients AS c ON c.client_id = n.client_id
	WHERE p.username = lower(p_username COLLATE "C")
	ORDER BY n.client_id, n.resource, n.redirect_host;
END
$$;

-- Withdraws what a person allowed, of one client or (NULL) of all. With p_revoke, what came of it ends too. 'done' or 'no_person'.
CREATE OR REPLACE FUNCTION authz.consent_forget(
	p_username text, p_client_id text, p_revoke boolean, OUT outcome text, OUT forgotten bigint, OUT revoked bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person_id uuid;
BEGIN
	-- The lock of a decision that is under way: what it remembers is forgotten too.
	SELECT p.person_id INTO v_person_id FROM authz.people AS p WHERE p.username = lower(p_username COLLATE "C") FOR UPDATE OF p;
	IF NOT FOUND THEN
		outcome := 'no_person';
		RETURN;
	END IF;
	outcome := 'done';
	DELETE FROM authz.consents AS n WHERE n.person_id = v_person_id AND (p_client_id IS NULL OR n.client_id = p_client_id);
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	revoked := 0;
	IF p_revoke THEN
		DELETE FROM authz.codes AS k
		WHERE k.person_id = v_person_id AND k.redeemed_at IS NULL AND (p_client_id IS NULL OR k.client_id = p_client_id);
		UPDATE authz.grants AS g SET revoked_at = now(), revoked_for = 'operator'
		WHERE g.person_id = v_person_id AND g.revoked_at IS NULL AND (p_client_id IS NULL OR g.client_id = p_client_id);
		GET DIAGNOSTICS revoked = ROW_COUNT;
	END IF;
END
$$;
