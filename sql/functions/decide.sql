-- SPDX-License-Identifier: Apache-2.0
-- Consent: what is approved is never read from the form: it is what was asked, is known for the resource and the person may have, now, and what
-- living grants kept (authz.approval). p_how: 'approve' and 'deny' are a person's; 'silent' approves if nobody needs to be asked, which is judged
-- there and nowhere else.

-- 'gone': the client, or its redirect URI. 'ask': the person must be asked. 'no_scope': there is nothing to grant. 'approved': the code is made, and
-- what was allowed is remembered. What says nothing new is remembered at most once an hour: people's browsers answer silently at the same moment,
-- and would wait for each other's commits. The caller has locked the person, before what his approval depends on is read. Of the verdicts only.
CREATE OR REPLACE FUNCTION authz.approve(
	p_how text, p_client_id text, p_resource text, p_redirect_uri text, p_scopes text[], p_code_challenge text, p_nonce text, p_prompt text,
	p_came text, p_key text, p_approval text, p_person_id uuid, p_person_scopes text[], p_auth_time timestamptz, p_code_id uuid, p_code_lifetime bigint,
	OUT outcome text, OUT consent text, OUT scopes text[])
LANGUAGE plpgsql AS $$
DECLARE
	v_approval record := authz.approval(p_client_id, p_resource, p_redirect_uri, p_scopes, p_prompt, p_came, p_person_id, p_person_scopes);
BEGIN
	outcome := CASE
		WHEN v_approval.place IS NULL THEN 'gone'
		WHEN p_how = 'silent' AND v_approval.silent IS NULL THEN 'ask'
		WHEN v_approval.granted IS NULL THEN 'no_scope'
		ELSE 'approved'
	END;
	IF outcome <> 'approved' THEN
		RETURN;
	END IF;
	consent := CASE p_how WHEN 'silent' THEN v_approval.silent ELSE 'asked' END;
	scopes := v_approval.granted;
	IF NOT v_approval.kept <@ scopes THEN
		scopes := authz.scopes_common(scopes || v_approval.kept, scopes || v_approval.kept);
	END IF;
	INSERT INTO authz.codes (code_id, person_id, client_id, resource, redirect_uri, redirect_host, scopes, code_challenge, nonce, auth_time,
	                         key_thumbprint, approval, expires_at)
	VALUES (p_code_id, p_person_id, p_client_id, p_resource, p_redirect_uri, v_approval.place, approve.scopes, p_code_challenge, p_nonce, p_auth_time,
	        p_key, p_approval, now() + p_code_lifetime * interval '1 second');
	IF consent <> 'implicit'
	   AND NOT coalesce(scopes <@ v_approval.remembered AND v_approval.remembered_at > now() - interval '1 hour', false) THEN
		PERFORM authz.consent_keep(p_person_id, p_client_id, p_resource, v_approval.place, v_approval.described, scopes);
	END IF;
END
$$;

-- A request is decided exactly once: the row lock makes two clicks one decision. Where the person must be asked, 'silent' leaves it as it is ('ask').
CREATE OR REPLACE FUNCTION authz.decide(
	p_request_id uuid, p_browser_id uuid, p_session_id uuid, p_how text, p_code_id uuid, p_code_lifetime bigint,
	OUT outcome text, OUT redirect_uri text, OUT state text, OUT client_id text, OUT resource text, OUT username text, OUT scope text,
	OUT consent text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_request authz.requests;
	v_person record;
	v_approved record;
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
	IF p_how = 'silent' AND v_request.details IS NOT NULL THEN
		outcome := 'ask';
		RETURN;
	END IF;
	outcome := 'denied';
	IF p_how <> 'deny' THEN
		-- Whoever disables the person or withdraws consents meanwhile waits for this decision, or this decision for him.
		PERFORM 1 FROM authz.sessions AS s JOIN authz.people AS p ON p.person_id = s.person_id WHERE s.session_id = p_session_id FOR SHARE OF p;
		v_person := authz.session_person(p_session_id, v_request.prompt, v_request.max_age, v_request.created_at);
		IF v_person.person_id IS NULL THEN
			outcome := 'no_session'; -- the request stays: the person may sign in again
			RETURN;
		END IF;
		v_approved := authz.approve(p_how, v_request.client_id, v_request.resource, v_request.redirect_uri, v_request.scopes,
		                            v_request.code_challenge, v_request.nonce, v_request.prompt,
		                            CASE WHEN v_request.direct THEN 'site' END, v_request.key_thumbprint, v_request.approval, v_person.person_id,
		                            v_person.scopes, v_person.auth_time, p_code_id, p_code_lifetime);
		outcome := CASE v_approved.outcome WHEN 'gone' THEN 'no_request' ELSE v_approved.outcome END;
		IF outcome IN ('no_request', 'ask') THEN
			RETURN;
		END IF;
		username := v_person.username;
		scope := array_to_string(v_approved.scopes, ' ');
		consent := v_approved.consent;
	END IF;
	UPDATE authz.requests AS q SET decision = outcome, decided_at = now() WHERE q.request_id = p_request_id;
	redirect_uri := v_request.redirect_uri;
	state := v_request.state;
	client_id := v_request.client_id;
	resource := v_request.resource;
END
$$;
