-- SPDX-License-Identifier: Apache-2.0
-- Initial access tokens (RFC 7591, 3: MACed handles, so the row holds no secret), and the leases of registered clients.
CREATE TABLE authz.initial_access_tokens (
	token_id     uuid PRIMARY KEY,
	name         text        NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@ -]{0,63}$'),
	created_at   timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz NOT NULL,
	uses_left    integer     CHECK (uses_left >= 0), -- NULL: any number
	used         bigint      NOT NULL DEFAULT 0,
	last_used_at timestamptz,
	revoked_at   timestamptz
);
-- A name can be given again once its token was revoked.
CREATE UNIQUE INDEX initial_access_tokens_name ON authz.initial_access_tokens (name) WHERE revoked_at IS NULL;

ALTER TABLE authz.clients
	ADD COLUMN initial_access uuid REFERENCES authz.initial_access_tokens ON DELETE SET NULL,
	ADD COLUMN last_alive_at  timestamptz, -- when it was last seen with a living grant
	ADD COLUMN lease_due_at   timestamptz; -- of a registered client: when to look whether anybody still uses it
CREATE INDEX clients_initial_access ON authz.clients (initial_access) WHERE initial_access IS NOT NULL;
CREATE INDEX clients_lease_due ON authz.clients (lease_due_at) WHERE lease_due_at IS NOT NULL;
DROP INDEX authz.clients_never_used;
UPDATE authz.clients SET lease_due_at = now() WHERE origin = 'dynamic';
