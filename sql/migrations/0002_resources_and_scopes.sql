-- SPDX-License-Identifier: Apache-2.0
-- Resources (RFC 8707: the audience of a token) and the scopes that each of them knows, with what a scope opens in words.
CREATE TABLE authz.resources (
	uri        text COLLATE "C" PRIMARY KEY CHECK (uri ~ '^https?://[!-~]+$' AND length(uri) <= 2048),
	name       text        NOT NULL CHECK (length(name) BETWEEN 1 AND 256),
	is_default boolean     NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT now()
);
-- A request that names no resource gets the default one: there is at most one.
CREATE UNIQUE INDEX resources_one_default ON authz.resources (is_default) WHERE is_default;

CREATE TABLE authz.scopes (
	resource text COLLATE "C" NOT NULL REFERENCES authz.resources ON DELETE CASCADE,
	-- RFC 6749, 3.3
	name     text COLLATE "C" NOT NULL CHECK (name ~ '^[\x21\x23-\x5b\x5d-\x7e]{1,128}$'),
	title    text  NOT NULL CHECK (length(title) BETWEEN 1 AND 512),
	tools    jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tools) = 'array'),
	PRIMARY KEY (resource, name)
);
