-- SPDX-License-Identifier: Apache-2.0
-- Clients that are described by a document at the URL that is their id.

-- What is kept of a document: 'none', 'disabled' (by the operator), 'imported', 'fresh', 'stale' or 'withdrawn'. `age` in seconds since its site last
-- gave or confirmed it. The validators are for asking again.
CREATE OR REPLACE FUNCTION authz.client_document(
	p_client_id text, OUT document_state text, OUT document_age bigint, OUT document_etag text, OUT document_last_modified text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_enabled boolean;
	v_document authz.client_documents;
BEGIN
	SELECT c.enabled INTO v_enabled FROM authz.clients AS c WHERE c.client_id = p_client_id;
	SELECT d.* INTO v_document FROM authz.client_documents AS d WHERE d.client_id = p_client_id;
	document_state := CASE
		WHEN NOT v_enabled THEN 'disabled'
		WHEN v_document.client_id IS NULL THEN 'none'
		WHEN v_document.imported THEN 'imported'
		WHEN v_document.withdrawn THEN 'withdrawn'
		WHEN v_document.fresh_until > now() THEN 'fresh'
		ELSE 'stale'
	END;
	document_age := greatest(0, floor(extract(epoch FROM now() - v_document.fetched_at)));
	IF document_state = 'stale' THEN -- what was withdrawn is asked for anew: a confirmation of it would be none
		document_etag := v_document.etag;
		document_last_modified := v_document.last_modified;
	END IF;
END
$$;

-- Keeps what a document says, as one client and one document. 'new', 'changed' or 'same'; 'imported' if the operator's own copy stands, which only
-- another import replaces. Whether the client is enabled is not the document's to say.
CREATE OR REPLACE FUNCTION authz.client_document_put(
	p_client_id text, p_digest bytea, p_lifetime bigint, p_etag text, p_last_modified text, p_imported boolean, p_name text, p_auth_method text,
	p_grant_types text[], p_redirect_uris text[], p_scope text, p_application_type text, p_client_uri text, p_logo_uri text, p_tos_uri text,
	p_policy_uri text, p_software_id text, p_software_version text, p_contacts jsonb, p_jwks jsonb, p_jwks_uri text, p_assertion_algorithm text,
	p_tls_subject_kind text, p_tls_subject text, p_certificate_bound boolean, p_key_bound boolean DEFAULT false)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_before authz.client_documents;
	v_outcome text;
BEGIN
	-- Two that fetched it at the same time: the second waits, and finds the same.
	PERFORM pg_advisory_xact_lock(hashtextextended('authz.client_document ' || p_client_id, 0));
	SELECT d.* INTO v_before FROM authz.client_documents AS d WHERE d.client_id = p_client_id;
	IF v_before.imported AND NOT p_imported THEN
		RETURN 'imported';
	END IF;
	v_outcome := CASE WHEN v_before.client_id IS NULL THEN 'new' WHEN v_before.digest = p_digest THEN 'same' ELSE 'changed' END;
	IF v_outcome <> 'same' THEN
		INSERT INTO authz.clients AS c (client_id, origin, name, auth_method, grant_types, redirect_uris, scope, application_type, client_uri,
		                                logo_uri, tos_uri, policy_uri, software_id, software_version, contacts, jwks, jwks_uri,
		                                assertion_algorithm, tls_subject_kind, tls_subject, certificate_bound, key_bound)
		VALUES (p_client_id, 'document', p_name, p_auth_method, p_grant_types, p_redirect_uris, p_scope, p_application_type, p_client_uri,
		        p_logo_uri, p_tos_uri, p_policy_uri, p_software_id, p_software_version, p_contacts, p_jwks, p_jwks_uri,
		        p_assertion_algorithm, p_tls_subject_kind, p_tls_subject, p_certificate_bound, p_key_bound)
		ON CONFLICT (client_id) DO UPDATE
		SET name = excluded.name, auth_method = excluded.auth_method, secret_digest = excluded.secret_digest,
		    grant_types = excluded.grant_types, redirect_uris = excluded.redirect_uris, scope = excluded.scope,
		    application_type = excluded.application_type, client_uri = excluded.client_uri, logo_uri = excluded.logo_uri,
		    tos_uri = excluded.tos_uri, policy_uri = excluded.policy_uri, software_id = excluded.software_id,
		    software_version = excluded.software_version, contacts = excluded.contacts, jwks = excluded.jwks, jwks_uri = excluded.jwks_uri,
		    assertion_algorithm = excluded.assertion_algorithm, tls_subject_kind = excluded.tls_subject_kind,
		    tls_subject = excluded.tls_subject, certificate_bound = excluded.certificate_bound, key_bound = excluded.key_bound
		WHERE c.origin = 'document';
	END IF;
	INSERT INTO authz.client_documents AS d (client_id, digest, imported, etag, last_modified, fetched_at, fresh_until, changed_at)
	VALUES (p_client_id, p_digest, p_imported, p_etag, p_last_modified, now(), now() + p_lifetime * interval '1 second', now())
	ON CONFLICT (client_id) DO UPDATE
	SET digest = excluded.digest, imported = excluded.imported, withdrawn = false, etag = excluded.etag, last_modified = excluded.last_modified,
	    fetched_at = excluded.fetched_at, fresh_until = excluded.fresh_until,
	    changed_at = CASE WHEN d.digest = excluded.digest THEN d.changed_at ELSE excluded.changed_at END;
	RETURN v_outcome;
END
$$;

-- Its site says that the kept one is still the one (RFC 9110, 15.4.5). False if it is not kept any more.
CREATE OR REPLACE FUNCTION authz.client_document_confirm(p_client_id text, p_lifetime bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.client_documents AS d SET fetched_at = now(), fresh_until = now() + p_lifetime * interval '1 second'
	WHERE d.client_id = p_client_id AND NOT d.imported AND NOT d.withdrawn;
	RETURN FOUND;
END
$$;

-- Its site has something else there, or says that nothing is: nothing new begins with what is kept, and what had just begun ends. Grants go on.
CREATE OR REPLACE FUNCTION authz.client_document_withdraw(p_client_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.client_documents AS d SET withdrawn = true WHERE d.client_id = p_client_id AND NOT d.imported;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	DELETE FROM authz.requests AS q WHERE q.client_id = p_client_id AND q.decision IS NULL;
	RETURN true;
END
$$;

-- Called by the sweep. Anybody can make the daemon fetch a document: what came to nothing goes after a day, the rest when nothing of it lives.
CREATE OR REPLACE FUNCTION authz.client_documents_sweep()
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	DELETE FROM authz.clients WHERE client_id IN (
		SELECT c.client_id FROM authz.client_documents AS d JOIN authz.clients AS c ON c.client_id = d.client_id
		WHERE NOT d.imported AND c.enabled
		  AND d.fetched_at < now() - CASE WHEN c.last_used_at IS NULL THEN interval '1 day' ELSE interval '90 days' END
		  AND NOT EXISTS (SELECT FROM authz.grants AS g WHERE g.client_id = c.client_id)
		  AND NOT EXISTS (SELECT FROM authz.requests AS q WHERE q.client_id = c.client_id AND q.expires_at > now())
		  AND NOT EXISTS (SELECT FROM authz.codes AS k WHERE k.client_id = c.client_id AND k.expires_at > now())
		LIMIT 1000 FOR UPDATE OF c SKIP LOCKED);
END
$$;

-- The operator's: the next request asks the site again, even for what was withdrawn. False if no document of its site is kept.
CREATE OR REPLACE FUNCTION authz.client_document_expire(p_client_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.client_documents AS d SET fresh_until = least(d.fresh_until, now())
	WHERE d.client_id = p_client_id AND NOT d.imported;
	RETURN FOUND;
END
$$;
