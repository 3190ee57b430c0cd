-- SPDX-License-Identifier: Apache-2.0
-- Grants: one a redeemed approval. A refresh token is a handle of the grant with a generation; rotating it is an update of this one row.
CREATE TYPE authz.revocation AS ENUM ('code_replayed', 'refresh_reused', 'client_asked', 'person_disabled', 'operator');

CREATE TABLE authz.grants (
	grant_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	person_id   uuid        NOT NULL REFERENCES authz.people ON DELETE CASCADE,
	client_id   text COLLATE "C" NOT NULL REFERENCES authz.clients ON DELETE CASCADE,
	resource    text COLLATE "C" NOT NULL REFERENCES authz.resources ON DELETE CASCADE,
	scopes      text[]      NOT NULL CHECK (cardinality(scopes) > 0),
	auth_time   timestamptz NOT NULL,
	created_at  timestamptz NOT NULL DEFAULT now(),
	expires_at  timestamptz NOT NULL,
	-- Of the newest refresh token; 0: there is none.
	generation  bigint      NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
	-- Rotations inside the retry window, ascending: generations from recent_from[i] on (up to the next entry) were rotated away
	-- by recent_at[i]. Hurried rotations share an entry, so the row stays small.
	recent_from bigint[]      NOT NULL DEFAULT '{}',
	recent_at   timestamptz[] NOT NULL DEFAULT '{}',
	revoked_at  timestamptz,
	revoked_for authz.revocation,
	CONSTRAINT rotations_in_pairs CHECK (cardinality(recent_from) = cardinality(recent_at)),
	CONSTRAINT revoked_for_a_reason CHECK ((revoked_at IS NULL) = (revoked_for IS NULL))
) WITH (fillfactor = 70); -- room for refreshes on the same page (HOT)
CREATE INDEX grants_person ON authz.grants (person_id);
CREATE INDEX grants_client ON authz.grants (client_id);
CREATE INDEX grants_expires ON authz.grants (expires_at);
CREATE INDEX grants_revoked ON authz.grants (revoked_at) WHERE revoked_at IS NOT NULL;

-- Authorization codes, bound to all that was approved. A spent one is remembered: a replay must be known as one.
CREATE TABLE authz.codes (
	code_id        uuid PRIMARY KEY,
	person_id      uuid        NOT NULL REFERENCES authz.people ON DELETE CASCADE,
	client_id      text COLLATE "C" NOT NULL REFERENCES authz.clients ON DELETE CASCADE,
	resource       text COLLATE "C" NOT NULL REFERENCES authz.resources ON DELETE CASCADE,
	redirect_uri   text        NOT NULL,
	scopes         text[]      NOT NULL CHECK (cardinality(scopes) > 0),
	code_challenge text        NOT NULL CHECK (code_challenge ~ '^[A-Za-z0-9_-]{43}$'),
	auth_time      timestamptz NOT NULL,
	created_at     timestamptz NOT NULL DEFAULT now(),
	expires_at     timestamptz NOT NULL,
	redeemed_at    timestamptz,
	grant_id       uuid        UNIQUE REFERENCES authz.grants ON DELETE CASCADE,
	CONSTRAINT redeemed_for_a_grant CHECK ((redeemed_at IS NULL) = (grant_id IS NULL))
);
CREATE INDEX codes_expires ON authz.codes (expires_at);
CREATE INDEX codes_person ON authz.codes (person_id);
CREATE INDEX codes_client ON authz.codes (client_id);

-- Access tokens that were revoked one by one, until they would have expired anyway.
CREATE TABLE authz.revoked_tokens (
	jti        text COLLATE "C" PRIMARY KEY CHECK (length(jti) BETWEEN 1 AND 128),
	grant_id   uuid        NOT NULL REFERENCES authz.grants ON DELETE CASCADE,
	expires_at timestamptz NOT NULL
);
CREATE INDEX revoked_tokens_expires ON authz.revoked_tokens (expires_at);
CREATE INDEX revoked_tokens_grant ON authz.revoked_tokens (grant_id);
