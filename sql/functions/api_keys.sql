-- SPDX-License-Identifier: Apache-2.0
-- API keys. What a key may do is decided at each use: what it was given, and its owner may have today.

-- What the owner may have now; NULL if the owner is disabled.
CREATE OR REPLACE FUNCTION authz.api_key_allowed(p_person_id uuid, p_client_id text)
RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN CASE WHEN p_person_id IS NULL
		THEN (SELECT array_remove(string_to_array(c.scope, ' '), '') FROM authz.clients AS c WHERE c.client_id = p_client_id AND c.enabled)
		ELSE (SELECT p.scopes FROM authz.people AS p WHERE p.person_id = p_person_id AND p.enabled) END;
END
$$;

-- RFC 7662 of a key, under the rules of authz.introspect. A person's key has a client id of its own, which no client can have.
CREATE OR REPLACE FUNCTION authz.introspect_api_key(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_key_id uuid,
	OUT outcome text, OUT username text, OUT scope text, OUT client_id text, OUT subject text, OUT grantable_scope text, OUT expires_in bigint,
	OUT roles text[], OUT groups text[], OUT claims text, OUT resource text, OUT issued_at bigint, OUT expires_at bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_now timestamptz := clock_timestamp();
	v_resource text;
	v_key authz.api_keys;
	v_scopes text[];
BEGIN
	SELECT c.resource INTO v_resource FROM authz.clients AS c
	WHERE c.client_id = p_client_id AND c.resource IS NOT NULL
	  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret);
	IF NOT FOUND THEN
		outcome := 'client_refused';
		RETURN;
	END IF;
	SELECT k.* INTO v_key FROM authz.api_keys AS k
	WHERE k.key_id = p_key_id AND k.resource = v_resource AND k.revoked_at IS NULL AND k.expires_at > v_now;
	IF FOUND THEN
		v_scopes := authz.scopes_common(v_key.scopes, authz.api_key_allowed(v_key.person_id, v_key.client_id));
	END IF;
	IF v_scopes IS NULL THEN
		outcome := 'inactive';
		RETURN;
	END IF;
	outcome := 'active';
	SELECT p.username, p.roles, p.groups, p.claims INTO username, roles, groups, claims FROM authz.people AS p WHERE p.person_id = v_key.person_id;
	subject := coalesce(v_key.person_id::text, v_key.client_id);
	client_id := coalesce(v_key.client_id, 'api-key:' || v_key.name);
	scope := array_to_string(v_scopes, ' ');
	grantable_scope := ''; -- nobody can be asked for more
	resource := v_resource;
	issued_at := floor(extract(epoch FROM v_key.created_at));
	expires_at := floor(extract(epoch FROM v_key.expires_at));
	expires_in := floor(extract(epoch FROM least(v_key.expires_at, v_now + interval '1 day') - v_now));
	IF v_key.last_used_at IS NULL OR v_key.last_used_at < v_now - interval '1 hour' THEN -- a coarse clock: no write a question
		UPDATE authz.api_keys AS k SET last_used_at = v_now WHERE k.key_id = p_key_id;
	END IF;
END
$$;

-- 'added', or why not.
CREATE OR REPLACE FUNCTION authz.api_key_add(
	p_key_id uuid, p_name text, p_username text, p_client_id text, p_resource text, p_scopes text[], p_lifetime bigint)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_person_id uuid;
BEGIN
	IF p_client_id IS NULL THEN
		SELECT p.person_id INTO v_person_id FROM authz.people AS p WHERE p.username = lower(p_username COLLATE "C") AND p.enabled FOR SHARE; -- who disables the person waits, and ends this key too
		IF NOT FOUND THEN
			RETURN 'no_person';
		END IF;
	ELSIF NOT EXISTS (SELECT FROM authz.clients AS c WHERE c.client_id = p_client_id AND c.enabled) THEN
		RETURN 'no_client';
	END IF;
	IF NOT EXISTS (SELECT FROM authz.resources AS r WHERE r.uri = p_resource) THEN
		RETURN 'no_resource';
	END IF;
	IF EXISTS (SELECT FROM unnest(p_scopes) AS x WHERE authz.is_of_person(x)
	           OR NOT EXISTS (SELECT FROM authz.scopes AS s WHERE s.resource = p_resource AND s.name = x)) THEN
		RETURN 'no_scope';
	END IF;
	IF (p_scopes <@ authz.api_key_allowed(v_person_id, p_client_id)) IS NOT TRUE THEN
		RETURN 'scope_exceeded';
	END IF;
	-- One that has expired gives its name up.
	UPDATE authz.api_keys AS k SET revoked_at = now() WHERE k.name = p_name AND k.revoked_at IS NULL AND k.expires_at <= now();
	INSERT INTO authz.api_keys (key_id, name, person_id, client_id, resource, scopes, expires_at)
	VALUES (p_key_id, p_name, v_person_id, p_client_id, p_resource, p_scopes, now() + p_lifetime * interval '1 second')
	ON CONFLICT DO NOTHING;
	RETURN CASE WHEN FOUND THEN 'added' ELSE 'taken' END;
END
$$;

CREATE OR REPLACE FUNCTION authz.api_key_list()
RETURNS TABLE (name text, person text, client text, resource text, scope text, created_at timestamptz, expires_at timestamptz,
               last_used_at timestamptz, state text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT k.name, p.username::text, k.client_id::text, k.resource::text, array_to_string(k.scopes, ' '), k.created_at, k.expires_at,
	                    k.last_used_at,
	                    CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.expires_at <= now() THEN 'expired' ELSE 'alive' END
	             FROM authz.api_keys AS k LEFT JOIN authz.people AS p ON p.person_id = k.person_id ORDER BY k.created_at;
END
$$;

CREATE OR REPLACE FUNCTION authz.api_key_revoke(p_name text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.api_keys AS k SET revoked_at = now() WHERE k.name = p_name AND k.revoked_at IS NULL;
	RETURN FOUND;
END
$$;

-- ---- what is told of keys (feed.sql): to resource servers a key's id is its jti, and its grant ----

CREATE OR REPLACE FUNCTION authz.api_key_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.announce('token', OLD.key_id::text);
	IF EXISTS (SELECT FROM authz.resources AS r WHERE r.uri = OLD.resource) THEN
		PERFORM authz.feed_add(OLD.resource, 'token', OLD.key_id::text, NULL);
	END IF;
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER api_key_revoked AFTER UPDATE OF revoked_at ON authz.api_keys FOR EACH ROW
	WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION authz.api_key_told();
CREATE OR REPLACE TRIGGER api_key_deleted AFTER DELETE ON authz.api_keys FOR EACH ROW
	WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now()) EXECUTE FUNCTION authz.api_key_told();

-- Disabling a person ends the keys for good; what a person may have, may do less or more with them.
CREATE OR REPLACE FUNCTION authz.api_keys_of_person_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	IF NOT NEW.enabled THEN
		UPDATE authz.api_keys AS k SET revoked_at = now() WHERE k.person_id = NEW.person_id AND k.revoked_at IS NULL;
	ELSE
		PERFORM authz.feed_add(k.resource, 'claims', k.key_id::text, coalesce(array_to_string(authz.scopes_common(k.scopes, NEW.scopes), ' '), ''))
		FROM authz.api_keys AS k WHERE k.person_id = NEW.person_id AND k.revoked_at IS NULL AND k.expires_at > now();
	END IF;
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER api_keys_of_person AFTER UPDATE OF enabled, scopes, roles, groups, claims ON authz.people FOR EACH ROW
	WHEN ((OLD.enabled, OLD.scopes, OLD.roles, OLD.groups, OLD.claims)
	      IS DISTINCT FROM (NEW.enabled, NEW.scopes, NEW.roles, NEW.groups, NEW.claims))
	EXECUTE FUNCTION authz.api_keys_of_person_told();

-- The keys of a client sleep while it is disabled, as its own grants do.
CREATE OR REPLACE FUNCTION authz.api_keys_of_client_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.feed_add(k.resource, 'claims', k.key_id::text, CASE WHEN NEW.enabled
		THEN coalesce(array_to_string(authz.scopes_common(k.scopes, string_to_array(NEW.scope, ' ')), ' '), '') ELSE '' END)
	FROM authz.api_keys AS k WHERE k.client_id = NEW.client_id AND k.revoked_at IS NULL AND k.expires_at > now();
	IF NOT NEW.enabled THEN -- what runs ends
		PERFORM authz.feed_add(x.resource, 'client', NEW.client_id, NULL)
		FROM (SELECT DISTINCT k.resource FROM authz.api_keys AS k
		      WHERE k.client_id = NEW.client_id AND k.revoked_at IS NULL AND k.expires_at > now()) AS x;
	END IF;
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER api_keys_of_client AFTER UPDATE OF enabled, scope ON authz.clients FOR EACH ROW
	WHEN (OLD.enabled <> NEW.enabled OR OLD.scope <> NEW.scope) EXECUTE FUNCTION authz.api_keys_of_client_told();
