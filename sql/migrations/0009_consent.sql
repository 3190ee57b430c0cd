-- SPDX-License-Identifier: Apache-2.0
-- Hierarchies of scopes, roles and groups of people; consents that are remembered; grants by the place that they return to.

-- What a scope opens beside itself, by name, at the same resource.
ALTER TABLE authz.scopes
	ADD COLUMN implies text[] NOT NULL DEFAULT '{}' CHECK (cardinality(implies) <= 100 AND array_position(implies, NULL) IS NULL);

-- A role is a named set of scopes; a group is a named set of people with roles and scopes of its own.
CREATE TABLE authz.roles (
	name   text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,63}$'),
	scopes text[] NOT NULL CHECK (cardinality(scopes) <= 100 AND array_position(scopes, NULL) IS NULL)
);
CREATE TABLE authz.groups (
	name   text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,63}$'),
	scopes text[] NOT NULL CHECK (cardinality(scopes) <= 100 AND array_position(scopes, NULL) IS NULL)
);
CREATE TABLE authz.group_roles (
	group_name text COLLATE "C" NOT NULL REFERENCES authz.groups ON DELETE CASCADE,
	role_name  text COLLATE "C" NOT NULL REFERENCES authz.roles ON DELETE CASCADE,
	PRIMARY KEY (group_name, role_name)
);
CREATE INDEX group_roles_role ON authz.group_roles (role_name);
CREATE TABLE authz.person_roles (
	person_id uuid NOT NULL REFERENCES authz.people ON DELETE CASCADE,
	role_name text COLLATE "C" NOT NULL REFERENCES authz.roles ON DELETE CASCADE,
	PRIMARY KEY (person_id, role_name)
);
CREATE INDEX person_roles_role ON authz.person_roles (role_name);
CREATE TABLE authz.person_groups (
	person_id  uuid NOT NULL REFERENCES authz.people ON DELETE CASCADE,
	group_name text COLLATE "C" NOT NULL REFERENCES authz.groups ON DELETE CASCADE,
	PRIMARY KEY (person_id, group_name)
);
CREATE INDEX person_groups_group ON authz.person_groups (group_name);

-- people.scopes, roles and groups are what all of that comes to: written by authz.people_recompute only, read by every verdict.
ALTER TABLE authz.people
	DROP CONSTRAINT people_scopes_check,
	ADD CONSTRAINT people_scopes_check CHECK (cardinality(scopes) <= 1000 AND array_position(scopes, NULL) IS NULL),
	ADD COLUMN own_scopes text[] NOT NULL DEFAULT '{}' CHECK (cardinality(own_scopes) <= 100 AND array_position(own_scopes, NULL) IS NULL),
	ADD COLUMN roles      text[] NOT NULL DEFAULT '{}' CHECK (cardinality(roles) <= 100),
	ADD COLUMN groups     text[] NOT NULL DEFAULT '{}' CHECK (cardinality(groups) <= 100);
UPDATE authz.people SET own_scopes = scopes;

ALTER TABLE authz.clients
	-- 'implicit': an application of the house, whose people are not asked. By the administrator only.
	ADD COLUMN consent          text NOT NULL DEFAULT 'explicit' CHECK (consent IN ('explicit', 'implicit')),
	ADD COLUMN default_resource text CHECK (length(default_resource) <= 2048), -- for requests that name none
	ADD CONSTRAINT implicit_consent_is_the_administrators CHECK (consent = 'explicit' OR origin = 'admin');

CREATE OR REPLACE VIEW authz.client_details AS
SELECT c.client_id, c.origin, c.enabled, c.name, c.auth_method, c.grant_types, c.redirect_uris, c.scope, c.application_type,
       c.client_uri, c.logo_uri, c.tos_uri, c.policy_uri, c.software_id, c.software_version, c.contacts, c.resource,
       floor(extract(epoch FROM c.created_at))::bigint AS created_at,
       floor(extract(epoch FROM c.last_used_at))::bigint AS last_used_at,
       c.jwks, c.jwks_uri, c.assertion_algorithm, c.tls_subject_kind, c.tls_subject, c.certificate_bound, c.registration_id, c.shared,
       floor(extract(epoch FROM c.last_granted_at))::bigint AS last_granted_at,
       c.consent, c.default_resource
FROM authz.clients AS c;

-- The browser came to /authorize from this site or by itself, not from a page of another one.
ALTER TABLE authz.requests ADD COLUMN direct boolean NOT NULL DEFAULT false;

-- Where the answer goes: host and port, of a loopback address without port, of a private-use scheme the scheme. Installations that
-- share a client id are told apart by it. '' for what is older than this column, and for grants without a browser.
ALTER TABLE authz.codes ADD COLUMN redirect_host text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE authz.grants ADD COLUMN redirect_host text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX grants_living ON authz.grants (person_id, client_id, resource, redirect_host, created_at) WHERE revoked_at IS NULL;

-- What a person has allowed, until it is withdrawn. It counts for the same document (empty: the client has none), place and resource.
CREATE TABLE authz.consents (
	person_id       uuid        NOT NULL REFERENCES authz.people ON DELETE CASCADE,
	client_id       text COLLATE "C" NOT NULL REFERENCES authz.clients ON DELETE CASCADE,
	resource        text COLLATE "C" NOT NULL REFERENCES authz.resources ON DELETE CASCADE,
	redirect_host   text COLLATE "C" NOT NULL,
	document_digest bytea       NOT NULL CHECK (octet_length(document_digest) IN (0, 32)),
	scopes          text[]      NOT NULL CHECK (cardinality(scopes) > 0),
	created_at      timestamptz NOT NULL DEFAULT now(),
	used_at         timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (person_id, client_id, resource, redirect_host)
);
CREATE INDEX consents_client ON authz.consents (client_id);
