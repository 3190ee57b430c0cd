-- SPDX-License-Identifier: Apache-2.0
-- The schemas of both daemons, and what `sallyport-authz migrate` remembers. Run by it before the migrations, as the migrating user.
CREATE SCHEMA IF NOT EXISTS authz AUTHORIZATION sallyport_owner;
CREATE SCHEMA IF NOT EXISTS mcp AUTHORIZATION sallyport_owner;
SET LOCAL ROLE sallyport_owner;

-- Forward only: a migration is applied once and never edited afterwards (its digest is compared).
CREATE TABLE IF NOT EXISTS authz.schema_migrations (
	version    integer     PRIMARY KEY CHECK (version > 0),
	name       text        NOT NULL,
	digest     bytea       NOT NULL CHECK (octet_length(digest) = 32),
	applied_at timestamptz NOT NULL DEFAULT now()
);

-- Functions and grants: applied again whenever their text has changed.
CREATE TABLE IF NOT EXISTS authz.schema_files (
	name       text        PRIMARY KEY,
	digest     bytea       NOT NULL CHECK (octet_length(digest) = 32),
	applied_at timestamptz NOT NULL DEFAULT now()
);
