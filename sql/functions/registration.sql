-- SPDX-License-Identifier: Apache-2.0
-- Registration by the clients themselves (RFC 7591), its management (RFC 7592), initial access tokens, and leases.

-- A registration says what it is known by again; whoever changes what was registered makes it another one.
CREATE OR REPLACE FUNCTION authz.client_forget_digest()
RETURNS trigger LANGUAGE plpgsql SET search_path = authz, pg_temp AS $$
BEGIN
	NEW.metadata_digest := NULL;
	RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER client_forget_digest
BEFORE UPDATE OF name, grant_types, redirect_uris, scope, jwks, jwks_uri, enabled ON authz.clients
FOR EACH ROW WHEN (OLD.origin = 'dynamic') EXECUTE FUNCTION authz.client_forget_digest();

-- Registers a client under an initial access token, if there is one. Clients register twice: what a public client registers within `p_same_within`
-- seconds of its twin, and under the same token, is the same client ('known'). Two registrants then hold the same registration access token, so from
-- then on it only reads (`shared`): nobody can change or delete what somebody else uses, whoever came first. The advisory lock lets twins that come
-- at the same moment end with one id; the row's lock settles the race with a change by the first of them, which takes the digest away.
CREATE OR REPLACE FUNCTION authz.client_register(
	p_initial_access uuid, p_same_within bigint, p_lease bigint,
	p_client_id text, p_origin text, p_name text, p_auth_method text, p_secret_digest bytea, p_grant_types text[], p_redirect_uris text[],
	p_scope text, p_application_type text, p_client_uri text, p_logo_uri text, p_tos_uri text, p_policy_uri text, p_software_id text,
	p_software_version text, p_contacts jsonb, p_resource text, p_jwks jsonb, p_jwks_uri text, p_assertion_algorithm text,
	p_tls_subject_kind text, p_tls_subject text, p_certificate_bound boolean, p_sealed_secret bytea, p_sealed_with integer,
	p_metadata_digest bytea, p_registration_id uuid, p_key_bound boolean DEFAULT false,
	OUT outcome text, OUT client authz.client_details)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_known record;
BEGIN
	IF p_initial_access IS NOT NULL THEN
		PERFORM 1 FROM authz.initial_access_tokens AS t
		WHERE t.token_id = p_initial_access AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp() FOR NO KEY UPDATE OF t;
		IF NOT FOUND THEN
			outcome := 'token_refused';
			RETURN;
		END IF;
	END IF;
	IF p_auth_method = 'none' AND p_metadata_digest IS NOT NULL AND p_same_within > 0 THEN
		PERFORM pg_advisory_xact_lock(hashtextextended(encode(p_metadata_digest, 'hex'), 7591));
		SELECT c.client_id, c.shared INTO v_known FROM authz.clients AS c
		WHERE c.metadata_digest = p_metadata_digest AND c.origin = 'dynamic' AND c.auth_method = 'none' AND c.enabled
		  AND c.registration_id IS NOT NULL AND c.created_at > clock_timestamp() - p_same_within * interval '1 second'
		  AND c.initial_access IS NOT DISTINCT FROM p_initial_access
		ORDER BY c.created_at DESC LIMIT 1 FOR NO KEY UPDATE OF c;
		IF FOUND THEN
			IF NOT v_known.shared THEN
				UPDATE authz.clients AS c SET shared = true WHERE c.client_id = v_known.client_id;
			END IF;
			outcome := 'known';
			SELECT d.* INTO client FROM authz.client_details AS d WHERE d.client_id = v_known.client_id;
			RETURN;
		END IF;
	END IF;
	IF p_initial_access IS NOT NULL THEN
		UPDATE authz.initial_access_tokens AS t SET uses_left = t.uses_left - 1, used = t.used + 1, last_used_at = clock_timestamp()
		WHERE t.token_id = p_initial_access AND (t.uses_left IS NULL OR t.uses_left > 0);
		IF NOT FOUND THEN
			outcome := 'token_refused';
			RETURN;
		END IF;
	END IF;
	client := authz.client_insert(
		p_client_id, p_origin, p_name, p_auth_method, p_secret_digest, p_grant_types, p_redirect_uris, p_scope, p_application_type, p_client_uri,
		p_logo_uri, p_tos_uri, p_policy_uri, p_software_id, p_software_version, p_contacts, p_resource, p_jwks, p_jwks_uri,
		p_assertion_algorithm, p_tls_subject_kind, p_tls_subject, p_certificate_bound, p_sealed_secret, p_sealed_with, p_metadata_digest,
		p_registration_id, p_initial_access, p_lease, 'explicit', NULL, p_key_bound);
	outcome := 'added';
END
$$;

-- RFC 7592, 2: the one client that a registration access token is for. No row: unknown, deleted, disabled, or the token of another.
CREATE OR REPLACE FUNCTION authz.client_registered(p_registration_id uuid, p_client_id text)
RETURNS SETOF authz.client_details LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT d.* FROM authz.client_details AS d
	             WHERE d.registration_id = p_registration_id AND d.client_id = p_client_id AND d.origin = 'dynamic' AND d.enabled;
END
$$;

-- RFC 7592, 2.2: replaces all that was registered. `p_secret_digest` NULL: the client did not repeat its secret.
CREATE OR REPLACE FUNCTION authz.client_replace(
	p_registration_id uuid, p_client_id text, p_auth_method text, p_secret_digest bytea, p_name text, p_grant_types text[], p_redirect_uris text[],
	p_scope text, p_application_type text, p_client_uri text, p_logo_uri text, p_tos_uri text, p_policy_uri text, p_software_id text,
	p_software_version text, p_contacts jsonb, p_resource text, p_jwks jsonb, p_jwks_uri text, p_assertion_algorithm text,
	p_tls_subject_kind text, p_tls_subject text, p_certificate_bound boolean, p_key_bound boolean DEFAULT false,
	OUT outcome text, OUT client authz.client_details)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_client authz.clients;
BEGIN
	SELECT c.* INTO v_client FROM authz.clients AS c
	WHERE c.registration_id = p_registration_id AND c.client_id = p_client_id AND c.origin = 'dynamic' AND c.enabled FOR NO KEY UPDATE OF c;
	outcome := CASE
		WHEN NOT FOUND THEN 'unknown'
		WHEN v_client.shared THEN 'shared'
		WHEN p_auth_method IS DISTINCT FROM v_client.auth_method THEN 'method_differs'
		WHEN p_secret_digest IS NOT NULL AND p_secret_digest IS DISTINCT FROM v_client.secret_digest THEN 'secret_differs'
		ELSE 'replaced'
	END;
	IF outcome <> 'replaced' THEN
		RETURN;
	END IF;
	SELECT d.* INTO client FROM authz.client_update(
		p_client_id, p_name, p_grant_types, p_redirect_uris, p_scope, p_application_type, p_client_uri, p_logo_uri, p_tos_uri, p_policy_uri,
		p_software_id, p_software_version, p_contacts, v_client.resource, p_jwks, p_jwks_uri, p_assertion_algorithm, p_tls_subject_kind,
		p_tls_subject, p_certificate_bound, true, NULL, NULL, p_key_bound) AS d;
END
$$;

-- RFC 7592, 2.3: with its requests, codes and grants.
CREATE OR REPLACE FUNCTION authz.client_unregister(p_registration_id uuid, p_client_id text)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_shared boolean;
BEGIN
	SELECT c.shared INTO v_shared FROM authz.clients AS c
	WHERE c.registration_id = p_registration_id AND c.client_id = p_client_id AND c.origin = 'dynamic' AND c.enabled FOR UPDATE OF c;
	IF NOT FOUND THEN
		RETURN 'unknown';
	END IF;
	IF v_shared THEN
		RETURN 'shared';
	END IF;
	PERFORM authz.client_delete(p_client_id);
	RETURN 'deleted';
END
$$;

-- ---- initial access tokens ----

-- False: a living token has this name.
CREATE OR REPLACE FUNCTION authz.initial_access_add(p_token_id uuid, p_name text, p_lifetime bigint, p_uses integer)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	-- One that has expired or was used up gives its name up.
	UPDATE authz.initial_access_tokens AS t SET revoked_at = now()
	WHERE t.name = p_name AND t.revoked_at IS NULL AND (t.expires_at <= now() OR t.uses_left = 0);
	INSERT INTO authz.initial_access_tokens (token_id, name, expires_at, uses_left)
	VALUES (p_token_id, p_name, now() + p_lifetime * interval '1 second', p_uses)
	ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION authz.initial_access_list()
RETURNS TABLE (name text, created_at timestamptz, expires_at timestamptz, uses_left integer, used bigint, last_used_at timestamptz, state text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT t.name, t.created_at, t.expires_at, t.uses_left, t.used, t.last_used_at,
	                    CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked' WHEN t.expires_at <= now() THEN 'expired'
	                         WHEN t.uses_left = 0 THEN 'used up' ELSE 'alive' END
	             FROM authz.initial_access_tokens AS t ORDER BY t.created_at;
END
$$;

CREATE OR REPLACE FUNCTION authz.initial_access_revoke(p_name text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.initial_access_tokens AS t SET revoked_at = now() WHERE t.name = p_name AND t.revoked_at IS NULL;
	RETURN FOUND;
END
$$;

-- ---- leases ----

-- Deletes registered clients that nobody uses: those that never got a grant within `p_lease` seconds, and those whose last grant has been dead for 90
-- days. Looks at no more than `p_limit` whose time has come, and tells how many it deleted. The clients are locked before their grants are looked
-- at, so none can come in between; dead grants are kept for a month and clients are looked at every day, so no grant's end is missed.
CREATE OR REPLACE FUNCTION authz.sweep_clients(p_lease bigint, p_limit bigint)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_due text[];
	v_deleted bigint;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtext('authz.sweep_clients')) THEN
		RETURN 0;
	END IF;
	SELECT array_agg(d.client_id) INTO v_due FROM (
		SELECT c.client_id FROM authz.clients AS c WHERE c.lease_due_at <= now() AND c.origin = 'dynamic'
		ORDER BY c.lease_due_at LIMIT least(p_limit, 1000) FOR UPDATE SKIP LOCKED) AS d;
	IF v_due IS NULL THEN
		RETURN 0;
	END IF;
	UPDATE authz.clients AS c
	SET last_alive_at = greatest(c.last_alive_at, c.last_granted_at, s.alive_at),
	    lease_due_at = CASE
			WHEN s.in_use THEN now() + interval '1 day'
			WHEN greatest(c.last_alive_at, c.last_granted_at, s.alive_at) IS NULL THEN c.created_at + p_lease * interval '1 second'
			ELSE least(now() + interval '1 day', greatest(c.last_alive_at, c.last_granted_at, s.alive_at) + interval '90 days')
		END
	FROM (SELECT d.client_id,
	             (SELECT max(least(now(), g.expires_at, g.revoked_at)) FROM authz.grants AS g WHERE g.client_id = d.client_id) AS alive_at,
	             EXISTS (SELECT 1 FROM authz.grants AS g WHERE g.client_id = d.client_id AND g.revoked_at IS NULL AND g.expires_at > now())
	             OR EXISTS (SELECT 1 FROM authz.codes AS k WHERE k.client_id = d.client_id AND k.redeemed_at IS NULL AND k.expires_at > now())
	             OR EXISTS (SELECT 1 FROM authz.requests AS q WHERE q.client_id = d.client_id AND q.expires_at > now()) AS in_use
	      FROM unnest(v_due) AS d (client_id)) AS s
	WHERE c.client_id = s.client_id;
	DELETE FROM authz.clients AS c WHERE c.client_id = ANY (v_due) AND c.lease_due_at <= now();
	GET DIAGNOSTICS v_deleted = ROW_COUNT;
	RETURN v_deleted;
END
$$;
