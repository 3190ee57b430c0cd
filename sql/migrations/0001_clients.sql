-- SPDX-License-Identifier: Apache-2.0
-- Clients: RFC 7591 metadata. A secret is kept as its SHA-256 only (256 random bits need no slow hash).
CREATE TABLE authz.clients (
	client_id        text COLLATE "C" PRIMARY KEY CHECK (client_id ~ '^[A-Za-z0-9._~-]{1,128}$'),
	origin           text        NOT NULL CHECK (origin IN ('dynamic', 'admin')),
	enabled          boolean     NOT NULL DEFAULT true,
	name             text        NOT NULL CHECK (length(name) <= 256),
	auth_method      text        NOT NULL CHECK (auth_method IN ('none', 'client_secret_basic', 'client_secret_post')),
	secret_digest    bytea       CHECK (octet_length(secret_digest) = 32),
	grant_types      text[]      NOT NULL CHECK (grant_types <@ ARRAY['authorization_code', 'refresh_token']),
	redirect_uris    text[]      NOT NULL CHECK (cardinality(redirect_uris) <= 32 AND array_position(redirect_uris, NULL) IS NULL
	                                             AND array_to_string(redirect_uris, '') ~ '^[!-~]*$'),
	scope            text        NOT NULL CHECK (length(scope) <= 16384),
	application_type text        NOT NULL CHECK (application_type IN ('native', 'web')),
	client_uri       text        CHECK (length(client_uri) <= 2048),
	logo_uri         text        CHECK (length(logo_uri) <= 2048),
	tos_uri          text        CHECK (length(tos_uri) <= 2048),
	policy_uri       text        CHECK (length(policy_uri) <= 2048),
	software_id      text        CHECK (length(software_id) <= 256),
	software_version text        CHECK (length(software_version) <= 256),
	contacts         jsonb       CHECK (jsonb_typeof(contacts) = 'array'),
	resource         text        CHECK (length(resource) <= 2048), -- of a resource server: the resource it may introspect for
	created_at       timestamptz NOT NULL DEFAULT now(),
	last_used_at     timestamptz,
	CONSTRAINT secret_if_and_only_if_confidential CHECK ((auth_method = 'none') = (secret_digest IS NULL)),
	CONSTRAINT resource_server_is_confidential CHECK (resource IS NULL OR auth_method <> 'none'),
	CONSTRAINT code_needs_redirect_uri CHECK (NOT 'authorization_code' = ANY (grant_types) OR cardinality(redirect_uris) > 0)
);
-- The sweep looks for registrations that nobody ever used.
CREATE INDEX clients_never_used ON authz.clients (created_at) WHERE origin = 'dynamic' AND last_used_at IS NULL;

-- What callers may see of a client: everything but the secret's digest.
CREATE VIEW authz.client_details AS
SELECT c.client_id, c.origin, c.enabled, c.name, c.auth_method, c.grant_types, c.redirect_uris, c.scope, c.application_type,
       c.client_uri, c.logo_uri, c.tos_uri, c.policy_uri, c.software_id, c.software_version, c.contacts, c.resource,
       floor(extract(epoch FROM c.created_at))::bigint AS created_at,
       floor(extract(epoch FROM c.last_used_at))::bigint AS last_used_at
FROM authz.clients AS c;
