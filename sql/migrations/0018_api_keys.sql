-- SPDX-License-Identifier: Apache-2.0
-- API keys: MACed handles that a resource server takes like an access token, so the row holds no secret. A key is a person's or a client's.
CREATE TABLE authz.api_keys (
	key_id       uuid PRIMARY KEY,
	name         text        NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$'),
	person_id    uuid        REFERENCES authz.people ON DELETE CASCADE,
	client_id    text COLLATE "C" REFERENCES authz.clients ON DELETE CASCADE,
	resource     text COLLATE "C" NOT NULL REFERENCES authz.resources ON DELETE CASCADE,
	scopes       text[]      NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 100 AND array_position(scopes, NULL) IS NULL),
	created_at   timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz NOT NULL,
	revoked_at   timestamptz,
	last_used_at timestamptz,
	CONSTRAINT of_a_person_or_a_client CHECK ((person_id IS NULL) <> (client_id IS NULL))
);
-- A name can be given again once its key was revoked.
CREATE UNIQUE INDEX api_keys_name ON authz.api_keys (name) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_person ON authz.api_keys (person_id);
CREATE INDEX api_keys_client ON authz.api_keys (client_id);
CREATE INDEX api_keys_resource ON authz.api_keys (resource);
