-- SPDX-License-Identifier: Apache-2.0
-- Signing keys, sealed with a secret that the database does not have. The one that signs is the newest whose time has come.
CREATE TABLE authz.signing_keys (
	kid        text COLLATE "C" PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{1,128}$'),
	algorithm  text        NOT NULL CHECK (algorithm IN ('ES256', 'RS256', 'PS256', 'EdDSA')),
	sealed     bytea       NOT NULL CHECK (octet_length(sealed) BETWEEN 28 AND 16384),
	secret_id  integer     NOT NULL CHECK (secret_id BETWEEN 0 AND 255),
	created_at timestamptz NOT NULL DEFAULT now(),
	signs_from timestamptz NOT NULL UNIQUE,
	CHECK (signs_from >= created_at)
);
