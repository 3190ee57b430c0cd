-- SPDX-License-Identifier: Apache-2.0
-- What /authorize and its pages ask.

-- A disabled client is no client. Names, titles and tools of the scopes stand side by side.
CREATE OR REPLACE FUNCTION authz.authorize_lookup(
	p_client_id text, p_resource text,
	OUT outcome text, OUT client authz.client_details, OUT resource_uri text, OUT resource_name text,
	OUT scope_names text[], OUT scope_titles text[], OUT scope_tools text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	SELECT d.* INTO client FROM authz.client_details AS d WHERE d.client_id = p_client_id AND d.enabled;
	IF NOT FOUND THEN
		outcome := 'no_client';
		RETURN;
	END IF;
	-- RFC 8707, 2; a request without resource means the default one.
	SELECT r.uri, r.name INTO resource_uri, resource_name FROM authz.resources AS r
	WHERE CASE WHEN p_resource IS NULL THEN r.is_default ELSE r.uri = p_resource END;
	IF NOT FOUND THEN
		outcome := 'no_resource';
		RETURN;
	END IF;
	SELECT array_agg(s.name ORDER BY s.name), array_agg(s.title ORDER BY s.name), array_agg(s.tools::text ORDER BY s.name)
	INTO scope_names, scope_titles, scope_tools FROM authz.scopes AS s WHERE s.resource = resource_uri;
	outcome := 'found';
END
$$;

CREATE OR REPLACE FUNCTION authz.request_add(
	p_request_id uuid, p_browser_id uuid, p_client_id text, p_resource text, p_redirect_uri text, p_scopes text[], p_state text,
	p_code_challenge text, p_prompt text, p_lifetime bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	INSERT INTO authz.requests (request_id, browser_id, client_id, resource, redirect_uri, scopes, state, code_challenge, prompt, expires_at)
	VALUES (p_request_id, p_browser_id, p_client_id, p_resource, p_redirect_uri, p_scopes, p_state, p_code_challenge, p_prompt,
	        now() + p_lifetime * interval '1 second');
END
$$;

-- The person of a session that may act on a request now: alive, enabled, and fresh if the client asked for a new sign-in
-- (OpenID Connect Core, 3.1.2.1: prompt). No row otherwise.
CREATE OR REPLACE FUNCTION authz.session_person(p_session_id uuid, p_prompt text, p_requested_at timestamptz)
RETURNS TABLE (person_id uuid, username text, display_name text, scopes text[], auth_time timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT p.person_id, p.username::text, p.display_name, p.scopes, s.created_at
	FROM authz.sessions AS s JOIN authz.people AS p ON p.person_id = s.person_id
	WHERE s.session_id = p_session_id AND s.expires_at > now() AND s.last_seen_at + s.idle > now() AND p.enabled
	  AND (s.created_at > p_requested_at OR NOT coalesce(string_to_array(p_prompt, ' ') && ARRAY['login', 'select_account'], false));
	IF FOUND THEN
		UPDATE authz.sessions AS s SET last_seen_at = now()
		WHERE s.session_id = p_session_id AND s.last_seen_at < now() - interval '1 minute';
	END IF;
END
$$;

CREATE OR REPLACE FUNCTION authz.page_view(
	p_request_id uuid, p_browser_id uuid, p_session_id uuid,
	OUT outcome text, OUT client_id text, OUT client_name text, OUT client_uri text, OUT client_is_dynamic boolean, OUT loopback_only boolean,
	OUT redirect_uri text, OUT resource text, OUT resource_name text, OUT state text, OUT code_challenge text, OUT prompt text,
	OUT requested_scopes text[], OUT scope_names text[], OUT scope_titles text[], OUT scope_tools text[], OUT scope_allowed text[],
	OUT username text, OUT display_name text, OUT auth_time bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_requested_at timestamptz;
	v_person record;
BEGIN
	SELECT c.client_id, c.name, c.client_uri, c.origin = 'dynamic', q.redirect_uri, q.resource, r.name, q.state, q.code_challenge, q.prompt, q.scopes,
	       q.created_at,
	       cardinality(c.redirect_uris) > 0 AND (SELECT bool_and(authz.is_loopback(u)) FROM unnest(c.redirect_uris) AS u)
	INTO client_id, client_name, client_uri, client_is_dynamic, redirect_uri, resource, resource_name, state, code_challenge, prompt,
	     requested_scopes, v_requested_at, loopback_only
	FROM authz.requests AS q
	JOIN authz.clients AS c ON c.client_id = q.client_id AND c.enabled
	JOIN authz.resources AS r ON r.uri = q.resource
	WHERE q.request_id = p_request_id AND q.browser_id = p_browser_id AND q.decision IS NULL AND q.expires_at > now();
	IF NOT FOUND THEN
		outcome := 'no_request';
		RETURN;
	END IF;
	SELECT * INTO v_person FROM authz.session_person(p_session_id, prompt, v_requested_at);
	outcome := CASE WHEN FOUND THEN 'consent' ELSE 'sign_in' END;
	SELECT array_agg(s.name ORDER BY s.name), array_agg(s.title ORDER BY s.name), array_agg(s.tools::text ORDER BY s.name),
	       array_agg(coalesce(s.name = ANY (v_person.scopes), false)::text ORDER BY s.name)
	INTO scope_names, scope_titles, scope_tools, scope_allowed
	FROM authz.scopes AS s WHERE s.resource = page_view.resource AND s.name = ANY (page_view.requested_scopes);
	username := v_person.username;
	display_name := v_person.display_name;
	auth_time := floor(extract(epoch FROM v_person.auth_time));
END
$$;
