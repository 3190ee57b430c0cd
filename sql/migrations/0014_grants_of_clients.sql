-- SPDX-License-Identifier: Apache-2.0
-- Grants without a person: what a client was given for itself (client_credentials). One living grant a client and resource, for as long as the
-- client may have it; every token comes from it, so that a token costs no write. There is nobody to sign in, so there is no refresh token.
ALTER TABLE authz.grants
	ALTER COLUMN person_id DROP NOT NULL,
	ADD CONSTRAINT refresh_tokens_are_for_people CHECK (person_id IS NOT NULL OR generation = 0);
CREATE UNIQUE INDEX grants_of_clients ON authz.grants (client_id, resource) WHERE person_id IS NULL AND revoked_at IS NULL;

-- What it returns has changed: the subject may be a client.
DO $$
BEGIN
	IF to_regprocedure('authz.introspect(text, text, bytea, bytea, uuid, text)') IS NOT NULL THEN
		DROP FUNCTION authz.introspect(text, text, bytea, bytea, uuid, text);
	END IF;
END
$$;
