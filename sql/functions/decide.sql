-- SPDX-License-Identifier: Apache-2.0
-- Consent: a request is decided exactly once (the row lock makes two clicks one decision). What is approved is never read from the form: it is
-- what was asked, is known for the resource and the person may have, now, and what living grants kept (authz.approval).
-- p_how: 'approve' and 'deny' are a person's; 'silent' approves if nobody needs to be asked, which is judged here and nowhere else, and
-- otherwise leaves the request as it is ('ask').
CREATE OR REPLACE FUNCTION authz.decide(
	p_request_id uuid, p_browser_id uuid, p_session_id uuid, p_how text, p_code_id uuid, p_code_lifetime bigint,
	OUT outcome text, OUT redirect_uri text, OUT state text, OUT client_id text, OUT resource text, OUT username text, OUT scope text,
	OUT consent text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_request authz.requests;
	v_person record;
	v_approval record;
	v_scopes text[];
BEGIN
	SELECT q.* INTO v_request
	FROM authz.requests AS q JOIN authz.clients AS c ON c.client_id = q.client_id
	WHERE q.request_id = p_request_id AND q.browser_id = p_browser_id AND q.decision IS NULL AND q.expires_at > now()
	  AND c.enabled AND authz.redirect_registered(c.redirect_uris, q.redirect_uri) -- checked at use, not only at the start
	FOR NO KEY UPDATE OF q;
	IF NOT FOUND THEN
		outcome := 'no_request';
		RETURN;
	END IF;
	IF p_how <> 'deny' THEN
		SELECT * INTO v_person FROM authz.session_person(p_session_id, v_request.prompt, v_request.created_at);
		IF NOT FOUND THEN
			outcome := 'no_session'; -- the request stays: the person may sign in again
			RETURN;
		END IF;
		-- Whoever disables the person or withdraws consents meanwhile waits for this decision, or this decision for him.
		PERFORM 1 FROM authz.people AS p WHERE p.person_id = v_person.person_id AND p.enabled FOR SHARE OF p;
		IF NOT FOUND THEN
			outcome := 'no_session';
			RETURN;
		END IF;
		SELECT * INTO v_approval FROM authz.approval(v_request, v_person.person_id, v_person.scopes);
		IF p_how = 'silent' AND v_approval.silent IS NULL THEN
			outcome := 'ask';
			RETURN;
		END IF;
		outcome := CASE WHEN v_approval.granted IS NULL THEN 'no_scope' ELSE 'approved' END;
		username := v_person.username;
	ELSE
		outcome := 'denied';
	END IF;
	IF outcome = 'approved' THEN
		consent := CASE p_how WHEN 'silent' THEN v_approval.silent ELSE 'asked' END;
		v_scopes := v_approval.granted || v_approval.kept;
		v_scopes := authz.scopes_common(v_scopes, v_scopes);
		INSERT INTO authz.codes (code_id, person_id, client_id, resource, redirect_uri, redirect_host, scopes, code_challenge, nonce, auth_time,
		                         expires_at)
		VALUES (p_code_id, v_person.person_id, v_request.client_id, v_request.resource, v_request.redirect_uri,
		        authz.redirect_host(v_request.redirect_uri), v_scopes, v_request.code_challenge, v_request.nonce, v_person.auth_time,
		        now() + p_code_lifetime * interval '1 second');
		IF consent <> 'implicit' THEN
			PERFORM authz.consent_keep(v_request, v_person.person_id, v_scopes);
		END IF;
		scope := array_to_string(v_scopes, ' ');
	END IF;
	UPDATE authz.requests AS q SET decision = outcome, decided_at = now() WHERE q.request_id = p_request_id;
	redirect_uri := v_request.redirect_uri;
	state := v_request.state;
	client_id := v_request.client_id;
	resource := v_request.resource;
END
$$;
