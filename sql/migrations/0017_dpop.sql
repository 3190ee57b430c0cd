-- SPDX-License-Identifier: Apache-2.0
-- Tokens that are bound to a key of the client (RFC 9449). What is kept of a key is its thumbprint (RFC 7638).
ALTER TABLE authz.clients ADD COLUMN key_bound boolean NOT NULL DEFAULT false; -- dpop_bound_access_tokens (RFC 9449, 5.2)

-- Of a request and a code: only with this key (dpop_jkt, RFC 9449, 10). Of a grant: its refresh tokens are good with this key only, because its
-- client has no other way to show who it is (RFC 9449, 5).
ALTER TABLE authz.requests ADD COLUMN key_thumbprint text CHECK (key_thumbprint ~ '^[A-Za-z0-9_-]{43}$');
ALTER TABLE authz.codes    ADD COLUMN key_thumbprint text CHECK (key_thumbprint ~ '^[A-Za-z0-9_-]{43}$');
ALTER TABLE authz.grants   ADD COLUMN key_thumbprint text CHECK (key_thumbprint ~ '^[A-Za-z0-9_-]{43}$');

-- Proofs that were used, until they are too old: each counts once. A proof lives for minutes, so the table stays small.
CREATE TABLE authz.used_proofs (
	digest     bytea       PRIMARY KEY CHECK (octet_length(digest) = 32), -- of key and jti
	expires_at timestamptz NOT NULL
);
CREATE INDEX used_proofs_expire ON authz.used_proofs (expires_at);

CREATE OR REPLACE VIEW authz.client_details AS
SELECT c.client_id, c.origin, c.enabled, c.name, c.auth_method, c.grant_types, c.redirect_uris, c.scope, c.application_type,
       c.client_uri, c.logo_uri, c.tos_uri, c.policy_uri, c.software_id, c.software_version, c.contacts, c.resource,
       floor(extract(epoch FROM c.created_at))::bigint AS created_at,
       floor(extract(epoch FROM c.last_used_at))::bigint AS last_used_at,
       c.jwks, c.jwks_uri, c.assertion_algorithm, c.tls_subject_kind, c.tls_subject, c.certificate_bound, c.registration_id, c.shared,
       floor(extract(epoch FROM c.last_granted_at))::bigint AS last_granted_at,
       c.consent, c.default_resource, c.key_bound
FROM authz.clients AS c;
