-- SPDX-License-Identifier: Apache-2.0
-- Bearers of the admin REST. No row: unknown, revoked or expired.
CREATE OR REPLACE FUNCTION authz.admin_key(p_key_id uuid)
RETURNS TABLE (name text, scopes text[]) LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT k.name, k.scopes FROM authz.admin_keys AS k
	             WHERE k.key_id = p_key_id AND k.revoked_at IS NULL AND k.expires_at > now();
	IF FOUND THEN
		UPDATE authz.admin_keys AS k SET last_used_at = now()
		WHERE k.key_id = p_key_id AND (k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 hour');
	END IF;
END
$$;

-- False: a living key has this name.
CREATE OR REPLACE FUNCTION authz.admin_key_add(p_key_id uuid, p_name text, p_scopes text[], p_lifetime bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	-- One that has expired gives its name up.
	UPDATE authz.admin_keys AS k SET revoked_at = now() WHERE k.name = p_name AND k.revoked_at IS NULL AND k.expires_at <= now();
	INSERT INTO authz.admin_keys (key_id, name, scopes, expires_at)
	VALUES (p_key_id, p_name, p_scopes, now() + p_lifetime * interval '1 second')
	ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION authz.admin_key_list()
RETURNS TABLE (name text, scope text, created_at timestamptz, expires_at timestamptz, last_used_at timestamptz, state text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT k.name, array_to_string(k.scopes, ' '), k.created_at, k.expires_at, k.last_used_at,
	                    CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.expires_at <= now() THEN 'expired' ELSE 'alive' END
	             FROM authz.admin_keys AS k ORDER BY k.created_at;
END
$$;

CREATE OR REPLACE FUNCTION authz.admin_key_revoke(p_name text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	UPDATE authz.admin_keys AS k SET revoked_at = now() WHERE k.name = p_name AND k.revoked_at IS NULL;
	RETURN FOUND;
END
$$;
