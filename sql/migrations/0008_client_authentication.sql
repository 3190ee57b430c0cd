-- SPDX-License-Identifier: Apache-2.0
-- Clients of every kind: keys and certificates as proof, documents as registration, services without a person.
-- What the verdict functions compare stays secret_digest: the SHA-256 of the secret, or, for a method that the daemon verifies
-- (signatures, certificates), the SHA-256 of the key material that it was verified against.
ALTER TABLE authz.clients
	DROP CONSTRAINT clients_client_id_check,
	DROP CONSTRAINT clients_origin_check,
	DROP CONSTRAINT clients_auth_method_check,
	DROP CONSTRAINT clients_grant_types_check,
	ADD COLUMN jwks                jsonb CHECK (jsonb_typeof(jwks) = 'object'),
	ADD COLUMN jwks_uri            text  CHECK (jwks_uri ~ '^https://[!-~]+$' AND length(jwks_uri) <= 2048),
	ADD COLUMN assertion_algorithm text  CHECK (assertion_algorithm IN ('HS256', 'ES256', 'RS256', 'PS256', 'EdDSA')),
	ADD COLUMN sealed_secret       bytea CHECK (octet_length(sealed_secret) BETWEEN 28 AND 512),
	ADD COLUMN sealed_with         integer CHECK (sealed_with BETWEEN 0 AND 255), -- id of the master secret that opens it
	ADD COLUMN tls_subject_kind    text  CHECK (tls_subject_kind IN ('subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email')),
	ADD COLUMN tls_subject         text  CHECK (length(tls_subject) BETWEEN 1 AND 1024),
	ADD COLUMN certificate_bound   boolean NOT NULL DEFAULT false, -- RFC 8705, 3.4
	ADD COLUMN metadata_digest     bytea CHECK (octet_length(metadata_digest) = 32), -- of all that was registered, to know the same client again
	ADD COLUMN registration_id     uuid  UNIQUE,                   -- of the registration access token (RFC 7592)
	ADD COLUMN shared              boolean NOT NULL DEFAULT false, -- handed out to more than one registrant
	ADD COLUMN last_granted_at     timestamptz,
	ADD CONSTRAINT clients_origin_check CHECK (origin IN ('dynamic', 'admin', 'document')),
	ADD CONSTRAINT clients_client_id_check CHECK (
		CASE origin WHEN 'document' THEN client_id ~ '^https://[!-~]+$' AND length(client_id) <= 1024
		            ELSE client_id ~ '^[A-Za-z0-9._~-]{1,128}$' END),
	ADD CONSTRAINT clients_auth_method_check CHECK (auth_method IN ('none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt',
	                                                                'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth')),
	ADD CONSTRAINT clients_grant_types_check CHECK (grant_types <@ ARRAY['authorization_code', 'refresh_token', 'client_credentials']),
	ADD CONSTRAINT keys_in_one_place CHECK (jwks IS NULL OR jwks_uri IS NULL),
	ADD CONSTRAINT sealed_for_jwt_only CHECK ((auth_method = 'client_secret_jwt') = (sealed_secret IS NOT NULL)),
	ADD CONSTRAINT sealed_with_a_secret CHECK ((sealed_secret IS NULL) = (sealed_with IS NULL)),
	ADD CONSTRAINT keys_for_signatures CHECK (auth_method NOT IN ('private_key_jwt', 'self_signed_tls_client_auth')
	                                          OR jwks IS NOT NULL OR jwks_uri IS NOT NULL),
	ADD CONSTRAINT subject_for_certificates CHECK ((auth_method = 'tls_client_auth') = (tls_subject IS NOT NULL)),
	ADD CONSTRAINT subject_of_a_kind CHECK ((tls_subject IS NULL) = (tls_subject_kind IS NULL)),
	ADD CONSTRAINT service_is_confidential CHECK (NOT 'client_credentials' = ANY (grant_types) OR auth_method <> 'none'),
	ADD CONSTRAINT document_has_no_shared_secret CHECK (origin <> 'document'
	                                                    OR auth_method NOT IN ('client_secret_basic', 'client_secret_post', 'client_secret_jwt'));

-- A registration that comes twice is found by what it says.
CREATE INDEX clients_same_metadata ON authz.clients (metadata_digest, created_at) WHERE origin = 'dynamic' AND auth_method = 'none';

CREATE OR REPLACE VIEW authz.client_details AS
SELECT c.client_id, c.origin, c.enabled, c.name, c.auth_method, c.grant_types, c.redirect_uris, c.scope, c.application_type,
       c.client_uri, c.logo_uri, c.tos_uri, c.policy_uri, c.software_id, c.software_version, c.contacts, c.resource,
       floor(extract(epoch FROM c.created_at))::bigint AS created_at,
       floor(extract(epoch FROM c.last_used_at))::bigint AS last_used_at,
       c.jwks, c.jwks_uri, c.assertion_algorithm, c.tls_subject_kind, c.tls_subject, c.certificate_bound, c.registration_id, c.shared,
       floor(extract(epoch FROM c.last_granted_at))::bigint AS last_granted_at
FROM authz.clients AS c;
