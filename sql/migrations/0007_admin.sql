-- SPDX-License-Identifier: Apache-2.0
-- Bearers of the admin REST: MACed handles, so the row holds no secret.
CREATE TABLE authz.admin_keys (
	key_id       uuid PRIMARY KEY,
	name         text        NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@ -]{0,63}$'),
	scopes       text[]      NOT NULL CHECK (cardinality(scopes) > 0 AND array_position(scopes, NULL) IS NULL),
	created_at   timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz NOT NULL,
	revoked_at   timestamptz,
	last_used_at timestamptz
);
-- A name can be given again once its key was revoked.
CREATE UNIQUE INDEX admin_keys_name ON authz.admin_keys (name) WHERE revoked_at IS NULL;
