-- SPDX-License-Identifier: Apache-2.0
-- What /authorize and its pages ask.

-- What a request is checked against before anything is asked of the person: where the client's answers may go, what it may use, and the scopes of the
-- resource with whether it can be granted them. A disabled client is no client.
CREATE OR REPLACE FUNCTION authz.authorize_lookup(
	p_client_id text, p_resource text,
	OUT outcome text, OUT redirect_uris text[], OUT may_use_codes boolean, OUT resource_uri text, OUT scope_names text[], OUT scope_open text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_default text;
BEGIN
	SELECT c.redirect_uris, 'authorization_code' = ANY (c.grant_types), c.default_resource INTO redirect_uris, may_use_codes, v_default
	FROM authz.clients AS c WHERE c.client_id = p_client_id AND c.enabled;
	IF NOT FOUND THEN
		outcome := 'no_client';
		RETURN;
	END IF;
	-- RFC 8707, 2; a request without resource means the client's default one, else everybody's: no token is without an audience.
	SELECT r.uri INTO resource_uri FROM authz.resources AS r
	WHERE CASE WHEN coalesce(p_resource, v_default) IS NULL THEN r.is_default ELSE r.uri = coalesce(p_resource, v_default) END;
	IF NOT FOUND THEN
		outcome := 'no_resource';
		RETURN;
	END IF;
	SELECT array_agg(s.name ORDER BY s.name), array_agg(coalesce(s.name = ANY (o.names), false)::text ORDER BY s.name)
	INTO scope_names, scope_open
	FROM authz.scopes AS s CROSS JOIN (SELECT authz.scopes_open_to(p_client_id, resource_uri) OFFSET 0) AS o(names) -- asked once, not for each row
	WHERE s.resource = resource_uri;
	outcome := 'found';
END
$$;

-- Whether a person may act by a session now: it is alive, and as fresh as the client asked for (OpenID Connect Core, 3.1.2.1: prompt, max_age). A
-- sign-in for this very request is fresh, or a person who reads slowly would sign in for ever. A plain expression, which PostgreSQL puts in place of
-- the call.
CREATE OR REPLACE FUNCTION authz.session_serves(
	created_at timestamptz, last_seen_at timestamptz, idle interval, expires_at timestamptz, prompt text, max_age bigint, requested_at timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
	SELECT expires_at > now() AND last_seen_at + idle > now()
	       AND (created_at > requested_at
	            OR NOT coalesce(string_to_array(prompt, ' ') && ARRAY['login', 'select_account'], false)
	               AND coalesce(created_at > now() - max_age * interval '1 second', true))
$$;

CREATE OR REPLACE FUNCTION authz.session_touch(p_session_id uuid)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	-- Who is locked is seen by somebody else just now.
	UPDATE authz.sessions AS s SET last_seen_at = now() WHERE s.session_id = (
		SELECT l.session_id FROM authz.sessions AS l
		WHERE l.session_id = p_session_id AND l.last_seen_at < now() - interval '1 minute' FOR NO KEY UPDATE SKIP LOCKED);
END
$$;

-- The person of a session that may act on a request now; person_id NULL otherwise.
CREATE OR REPLACE FUNCTION authz.session_person(
	p_session_id uuid, p_prompt text, p_max_age bigint, p_requested_at timestamptz,
	OUT person_id uuid, OUT username text, OUT display_name text, OUT scopes text[], OUT auth_time timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	SELECT p.person_id, p.username, p.display_name, p.scopes, s.created_at INTO person_id, username, display_name, scopes, auth_time
	FROM authz.sessions AS s JOIN authz.people AS p ON p.person_id = s.person_id AND p.enabled
	WHERE s.session_id = p_session_id
	  AND authz.session_serves(s.created_at, s.last_seen_at, s.idle, s.expires_at, p_prompt, p_max_age, p_requested_at);
	IF FOUND THEN
		PERFORM authz.session_touch(p_session_id);
	END IF;
END
$$;

-- /authorize: who is signed in and need not be asked gets the code at once, and nothing else is written; for everybody else the request is kept, and
-- everything is decided later about that row. What was checked before, of what may have been remembered, is checked again here.
--   approved     with `username`, `scope` and `consent`
--   no_session   the person must sign in
--   ask          the person must be asked, of a single call (p_details) always
--   gone         the client, its redirect URI or the resource is not there any more
-- With prompt=none nothing is kept: there will be no page.
CREATE OR REPLACE FUNCTION authz.authorize(
	p_request_id uuid, p_browser_id uuid, p_session_id uuid, p_code_id uuid, p_client_id text, p_resource text, p_redirect_uri text,
	p_scopes text[], p_state text, p_code_challenge text, p_nonce text, p_prompt text, p_came text, p_request_lifetime bigint,
	p_code_lifetime bigint, p_key text DEFAULT NULL, p_max_age bigint DEFAULT NULL, p_details text DEFAULT NULL,
	p_approval text DEFAULT NULL,
	OUT outcome text, OUT username text, OUT scope text, OUT consent text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person record;
	v_approved record;
	v_direct boolean;
BEGIN
	outcome := 'no_session';
	-- Whoever disables the person or withdraws consents meanwhile waits for this decision, or this decision for him.
	SELECT p.person_id, p.username, p.scopes, s.created_at, s.last_seen_at INTO v_person
	FROM authz.sessions AS s JOIN authz.people AS p ON p.person_id = s.person_id AND p.enabled
	WHERE s.session_id = p_session_id
	  AND authz.session_serves(s.created_at, s.last_seen_at, s.idle, s.expires_at, p_prompt, p_max_age, now())
	FOR SHARE OF p;
	IF FOUND AND p_details IS NOT NULL THEN
		outcome := 'ask'; -- an approval of a call is never remembered
	ELSIF FOUND THEN
		v_approved := authz.approve('silent', p_client_id, p_resource, p_redirect_uri, p_scopes, p_code_challenge, p_nonce, p_prompt, p_came, p_key, NULL,
		                            v_person.person_id, v_person.scopes, v_person.created_at, p_code_id, p_code_lifetime);
		IF v_person.last_seen_at < now() - interval '1 minute' THEN
			PERFORM authz.session_touch(p_session_id);
		END IF;
		outcome := v_approved.outcome;
		IF outcome = 'approved' THEN
			username := v_person.username;
			consent := v_approved.consent;
			scope := array_to_string(v_approved.scopes, ' ');
			RETURN;
		END IF;
	END IF;
	SELECT authz.came_directly(p_came, c.origin, c.shared, p_redirect_uri) INTO v_direct FROM authz.clients AS c, authz.resources AS r
	WHERE c.client_id = p_client_id AND c.enabled AND authz.redirect_registered(c.redirect_uris, p_redirect_uri) AND r.uri = p_resource;
	IF NOT FOUND THEN
		outcome := 'gone';
	ELSIF p_prompt IS DISTINCT FROM 'none' THEN
		INSERT INTO authz.requests (request_id, browser_id, client_id, resource, redirect_uri, scopes, state, code_challenge, prompt, expires_at,
		                            direct, nonce, key_thumbprint, max_age, details, approval)
		VALUES (p_request_id, p_browser_id, p_client_id, p_resource, p_redirect_uri, p_scopes, p_state, p_code_challenge, p_prompt,
		        now() + p_request_lifetime * interval '1 second', v_direct, p_nonce, p_key, p_max_age, p_details, p_approval);
	END IF;
END
$$;

CREATE OR REPLACE FUNCTION authz.page_view(
	p_request_id uuid, p_browser_id uuid, p_session_id uuid,
	OUT outcome text, OUT client_id text, OUT client_name text, OUT client_uri text, OUT client_is_dynamic boolean, OUT loopback_only boolean,
	OUT redirect_uri text, OUT resource text, OUT resource_name text, OUT state text, OUT code_challenge text, OUT prompt text,
	OUT requested_scopes text[], OUT scope_names text[], OUT scope_titles text[], OUT scope_tools text[], OUT scope_allowed text[],
	OUT scope_kept text[], OUT username text, OUT display_name text, OUT auth_time bigint, OUT grantable boolean, OUT silent text,
	OUT can_remember boolean, OUT client_described text, OUT details text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_request authz.requests;
	v_person record;
	v_approval record;
	v_kept text[];
BEGIN
	SELECT q.* INTO v_request
	FROM authz.requests AS q
	JOIN authz.clients AS c ON c.client_id = q.client_id AND c.enabled
	WHERE q.request_id = p_request_id AND q.browser_id = p_browser_id AND q.decision IS NULL AND q.expires_at > now();
	IF NOT FOUND THEN
		outcome := 'no_request';
		RETURN;
	END IF;
	SELECT c.client_id, c.name, c.client_uri, c.origin <> 'admin', r.uri, r.name,
	       cardinality(c.redirect_uris) > 0 AND (SELECT bool_and(authz.is_loopback(u)) FROM unnest(c.redirect_uris) AS u)
	INTO client_id, client_name, client_uri, client_is_dynamic, resource, resource_name, loopback_only
	FROM authz.clients AS c JOIN authz.resources AS r ON r.uri = v_request.resource
	WHERE c.client_id = v_request.client_id;
	redirect_uri := v_request.redirect_uri;
	state := v_request.state;
	code_challenge := v_request.code_challenge;
	prompt := v_request.prompt;
	requested_scopes := v_request.scopes;
	v_person := authz.session_person(p_session_id, prompt, v_request.max_age, v_request.created_at);
	outcome := CASE WHEN v_person.person_id IS NOT NULL THEN 'consent' ELSE 'sign_in' END;
	v_approval := authz.approval(v_request.client_id, v_request.resource, v_request.redirect_uri, v_request.scopes, v_request.prompt,
	                             CASE WHEN v_request.direct THEN 'site' END, v_person.person_id, v_person.scopes);
	IF v_approval.place IS NULL THEN
		outcome := 'no_request';
		RETURN;
	END IF;
	client_described := encode(v_approval.described, 'hex');
	v_kept := authz.scopes_kept(v_person.person_id, v_request.client_id, v_request.resource, v_approval.place);
	SELECT array_agg(s.name ORDER BY s.name), array_agg(s.title ORDER BY s.name), array_agg(s.tools::text ORDER BY s.name),
	       array_agg(coalesce(s.name = ANY (v_approval.granted) OR s.name = ANY (v_approval.kept), false)::text ORDER BY s.name),
	       array_agg(coalesce(s.name = ANY (v_kept) AND (s.name = ANY (v_approval.granted) OR s.name = ANY (v_approval.kept)), false)::text
	                 ORDER BY s.name)
	INTO scope_names, scope_titles, scope_tools, scope_allowed, scope_kept
	FROM authz.scopes AS s
	WHERE s.resource = page_view.resource AND s.name = ANY (v_request.scopes || v_approval.granted || v_approval.kept);
	grantable := v_approval.granted IS NOT NULL;
	details := v_request.details;
	silent := CASE WHEN details IS NULL THEN v_approval.silent END;
	can_remember := v_approval.can_remember;
	username := v_person.username;
	display_name := v_person.display_name;
	auth_time := floor(extract(epoch FROM v_person.auth_time));
END
$$;
