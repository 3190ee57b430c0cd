-- SPDX-License-Identifier: Apache-2.0
-- Client assertions (RFC 7523, 3) that were used, until they expire: each counts once. An assertion lives for minutes, so the table stays small.
CREATE TABLE authz.used_assertions (
	client_id  text        COLLATE "C" NOT NULL,
	jti_digest bytea       NOT NULL CHECK (octet_length(jti_digest) = 32),
	expires_at timestamptz NOT NULL,
	PRIMARY KEY (client_id, jti_digest)
);
CREATE INDEX used_assertions_expire ON authz.used_assertions (expires_at);
