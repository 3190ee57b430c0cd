-- SPDX-License-Identifier: Apache-2.0
-- What /authorize and its pages ask.

-- A disabled client is no client. Names, titles and tools of the scopes stand side by side, and whether the client can be granted them.
CREATE OR REPLACE FUNCTION authz.authorize_lookup(
	p_client_id text, p_resource text,
	OUT outcome text, OUT client authz.client_details, OUT resource_uri text, OUT resource_name text,
	OUT scope_names text[], OUT scope_titles text[], OUT scope_tools text[], OUT scope_open text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	SELECT d.* INTO client FROM authz.client_details AS d WHERE d.client_id = p_client_id AND d.enabled;
	IF NOT FOUND THEN
		outcome := 'no_client';
		RETURN;
	END IF;
	-- RFC 8707, 2; a request without resource means the client's default one, else everybody's: no token is without an audience.
	SELECT r.uri, r.name INTO resource_uri, resource_name FROM authz.resources AS r
	WHERE CASE WHEN p_resource IS NOT NULL THEN r.uri = p_resource
	           WHEN (client).default_resource IS NOT NULL THEN r.uri = (client).default_resource ELSE r.is_default END;
	IF NOT FOUND THEN
		outcome := 'no_resource';
		RETURN;
	END IF;
	SELECT array_agg(s.name ORDER BY s.name), array_agg(s.title ORDER BY s.name), array_agg(s.tools::text ORDER BY s.name),
	       array_agg(coalesce(s.name = ANY (o.names), false)::text ORDER BY s.name)
	INTO scope_names, scope_titles, scope_tools, scope_open
	FROM authz.scopes AS s CROSS JOIN (SELECT authz.scopes_open_to(p_client_id, resource_uri) OFFSET 0) AS o(names) -- asked once, not for each row
	WHERE s.resource = resource_uri;
	outcome := 'found';
END
$$;

CREATE OR REPLACE FUNCTION authz.request_add(
	p_request_id uuid, p_browser_id uuid, p_client_id text, p_resource text, p_redirect_uri text, p_scopes text[], p_state text,
	p_code_challenge text, p_prompt text, p_lifetime bigint, p_direct boolean, p_nonce text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	INSERT INTO authz.requests (request_id, browser_id, client_id, resource, redirect_uri, scopes, state, code_challenge, prompt, expires_at, direct,
	                            nonce)
	VALUES (p_request_id, p_browser_id, p_client_id, p_resource, p_redirect_uri, p_scopes, p_state, p_code_challenge, p_prompt,
	        now() + p_lifetime * interval '1 second', p_direct, p_nonce);
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
	OUT scope_kept text[], OUT username text, OUT display_name text, OUT auth_time bigint, OUT grantable boolean, OUT silent text,
	OUT can_remember boolean, OUT client_described text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_request authz.requests;
	v_person record;
	v_approval record;
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
	client_described := encode(authz.document_digest(client_id), 'hex');
	redirect_uri := v_request.redirect_uri;
	state := v_request.state;
	code_challenge := v_request.code_challenge;
	prompt := v_request.prompt;
	requested_scopes := v_request.scopes;
	SELECT * INTO v_person FROM authz.session_person(p_session_id, prompt, v_request.created_at);
	outcome := CASE WHEN FOUND THEN 'consent' ELSE 'sign_in' END;
	SELECT * INTO v_approval FROM authz.approval(v_request, v_person.person_id, v_person.scopes);
	SELECT array_agg(s.name ORDER BY s.name), array_agg(s.title ORDER BY s.name), array_agg(s.tools::text ORDER BY s.name),
	       array_agg(coalesce(s.name = ANY (v_approval.granted) OR s.name = ANY (v_approval.kept), false)::text ORDER BY s.name),
	       array_agg(coalesce(s.name = ANY (v_approval.kept), false)::text ORDER BY s.name)
	INTO scope_names, scope_titles, scope_tools, scope_allowed, scope_kept
	FROM authz.scopes AS s
	WHERE s.resource = page_view.resource AND s.name = ANY (v_approval.asked || v_approval.granted || v_approval.kept);
	grantable := v_approval.granted IS NOT NULL;
	silent := v_approval.silent;
	can_remember := v_approval.can_remember;
	username := v_person.username;
	display_name := v_person.display_name;
	auth_time := floor(extract(epoch FROM v_person.auth_time));
END
$$;
