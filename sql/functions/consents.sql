-- SPDX-License-Identifier: Apache-2.0
-- What a request would be granted, whether its person must be asked, and what was allowed before.

-- A scope opens what it implies, at the same resource. Names that the resource does not know are left out; NULL for nothing.
CREATE OR REPLACE FUNCTION authz.scopes_closed(p_resource text, p_scopes text[])
RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
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
RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN (SELECT CASE WHEN c.origin = 'admin' AND c.scope <> ''
	                    THEN authz.scopes_closed(p_resource, string_to_array(c.scope, ' ') || ARRAY['openid', 'profile'])
	                    ELSE (SELECT array_agg(s.name::text ORDER BY s.name) FROM authz.scopes AS s WHERE s.resource = p_resource) END
	        FROM authz.clients AS c WHERE c.client_id = p_client_id);
END
$$;

-- One rule for the page and for the decision. `asked` is what the request names; `granted` what approval gives: what of it the person may have,
-- with all that this implies; `kept` what the same person's living grants of this client, resource and place still open, so that a client that
-- asks for one scope more does not lose the others (each grant holds what was kept before it: a few of the newest say it all). `silent` says why
-- nobody needs to be asked:
--   implicit    the administrator has said so for this application
--   remembered  this person has allowed all of it before, of the document and the place of today, and no other site has sent the browser
-- For both, nobody else may be able to pose as the client (RFC 8252, 8.6; OAuth 2.1, 7.5.1 "impersonation"): it proves itself at the token endpoint,
-- or the answer goes to a web address that is its own. Any program can listen on a loopback port or take a scheme; there the answer is
-- remembered only of an id that one installation got by registering, which no other knows.
CREATE OR REPLACE FUNCTION authz.approval(
	p_request authz.requests, p_person_id uuid, p_person_scopes text[],
	OUT asked text[], OUT granted text[], OUT kept text[], OUT silent text, OUT can_remember boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_client record;
	v_proved boolean;
	v_allowed text[] := authz.scopes_common(authz.scopes_open_to(p_request.client_id, p_request.resource), p_person_scopes);
	v_host text := authz.redirect_host(p_request.redirect_uri);
BEGIN
	SELECT c.consent, c.origin, c.auth_method, c.shared INTO v_client FROM authz.clients AS c WHERE c.client_id = p_request.client_id;
	v_proved := v_client.auth_method <> 'none' OR p_request.redirect_uri ~ '^https://';
	can_remember := v_proved OR v_client.origin = 'dynamic' AND NOT v_client.shared;
	asked := p_request.scopes;
	granted := authz.scopes_common(authz.scopes_closed(p_request.resource, authz.scopes_common(asked, v_allowed)), v_allowed);
	SELECT authz.scopes_common(array_agg(s), v_allowed) INTO kept
	FROM (SELECT g.scopes FROM authz.grants AS g
	      WHERE g.person_id = p_person_id AND g.client_id = p_request.client_id AND g.resource = p_request.resource AND g.redirect_host = v_host
	        AND g.revoked_at IS NULL AND g.expires_at > clock_timestamp()
	      ORDER BY g.created_at DESC LIMIT 20) AS living, unnest(living.scopes) AS s;
	silent := CASE
		WHEN granted IS NULL THEN NULL
		WHEN v_client.consent = 'implicit' AND v_proved THEN 'implicit'
		WHEN can_remember AND p_request.direct AND NOT coalesce('consent' = ANY (string_to_array(p_request.prompt, ' ')), false)
		     AND EXISTS (SELECT 1 FROM authz.consents AS n
		                 WHERE n.person_id = p_person_id AND n.client_id = p_request.client_id AND n.resource = p_request.resource
		                   AND n.redirect_host = v_host AND n.document_digest = authz.document_digest(p_request.client_id)
		                   AND granted <@ n.scopes)
		     THEN 'remembered'
	END;
END
$$;

-- What was approved on the page joins what was remembered; of another document than today's, nothing is. What says nothing new is written at
-- most once an hour: people's browsers answer silently at the same moment, and would wait for each other's commits here.
CREATE OR REPLACE FUNCTION authz.consent_keep(p_request authz.requests, p_person_id uuid, p_scopes text[])
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	IF EXISTS (SELECT 1 FROM authz.consents AS n
	           WHERE n.person_id = p_person_id AND n.client_id = p_request.client_id AND n.resource = p_request.resource
	             AND n.redirect_host = authz.redirect_host(p_request.redirect_uri) AND n.document_digest = authz.document_digest(p_request.client_id)
	             AND p_scopes <@ n.scopes AND n.used_at > now() - interval '1 hour') THEN
		RETURN;
	END IF;
	INSERT INTO authz.consents AS n (person_id, client_id, resource, redirect_host, document_digest, scopes)
	VALUES (p_person_id, p_request.client_id, p_request.resource, authz.redirect_host(p_request.redirect_uri),
	        authz.document_digest(p_request.client_id), p_scopes)
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
