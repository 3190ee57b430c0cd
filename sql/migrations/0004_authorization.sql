-- SPDX-License-Identifier: Apache-2.0
-- Authorization requests: kept here whole, so that the browser carries nothing but a handle.
CREATE TABLE authz.requests (
	request_id     uuid PRIMARY KEY,
	browser_id     uuid        NOT NULL,
	client_id      text COLLATE "C" NOT NULL REFERENCES authz.clients ON DELETE CASCADE,
	resource       text COLLATE "C" NOT NULL REFERENCES authz.resources ON DELETE CASCADE,
	redirect_uri   text        NOT NULL CHECK (redirect_uri ~ '^[!-~]+$' AND length(redirect_uri) <= 2048),
	scopes         text[]      NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 100 AND array_position(scopes, NULL) IS NULL),
	state          text        CHECK (octet_length(state) <= 4096),
	code_challenge text        NOT NULL CHECK (code_challenge ~ '^[A-Za-z0-9_-]{43}$'), -- RFC 7636, S256
	prompt         text        CHECK (length(prompt) <= 256),
	created_at     timestamptz NOT NULL DEFAULT now(),
	expires_at     timestamptz NOT NULL,
	decision       text        CHECK (decision IN ('approved', 'denied', 'no_scope')),
	decided_at     timestamptz,
	CONSTRAINT decided_once CHECK ((decision IS NULL) = (decided_at IS NULL))
);
CREATE INDEX requests_expires ON authz.requests (expires_at);
CREATE INDEX requests_client ON authz.requests (client_id);
