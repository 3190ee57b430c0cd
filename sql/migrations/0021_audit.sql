-- SPDX-License-Identifier: Apache-2.0
-- The audit log outside of the machines that write it: each line as it stands in its file, once, and how far each chain of lines has come.
-- A chain is the lines of one process (contrib/doc/audit.md).
CREATE TABLE mcp.audit_chains (
	chain     uuid        PRIMARY KEY,
	program   text        NOT NULL,
	opened_at timestamptz NOT NULL DEFAULT now(),
	seq       bigint      NOT NULL CHECK (seq >= 0),
	digest    bytea       CHECK (octet_length(digest) = 32), -- of the newest line; NULL before the first
	at        timestamptz NOT NULL                           -- of the newest line
);

-- That a line comes once only is decided under the lock of its chain's row: a primary key must have the time in it here.
CREATE TABLE mcp.audit (
	chain    uuid        NOT NULL,
	seq      bigint      NOT NULL CHECK (seq > 0),
	at       timestamptz NOT NULL,
	program  text        NOT NULL,
	event    text,
	username text,
	client   text,
	grant_id text,
	item     text, -- tool, resource or prompt
	outcome  text,
	request  text,
	digest   bytea       NOT NULL CHECK (octet_length(digest) = 32),
	line     text        NOT NULL,
	PRIMARY KEY (chain, seq, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_at ON mcp.audit (at);
CREATE INDEX audit_username ON mcp.audit (username, at);
CREATE INDEX audit_request ON mcp.audit (request);

-- How long lines are kept. The operator says so here, not a daemon: whoever takes over a daemon cannot shorten what is known of her.
CREATE TABLE mcp.audit_retention (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	days     integer NOT NULL DEFAULT 90 CHECK (days BETWEEN 1 AND 36500)
);
INSERT INTO mcp.audit_retention DEFAULT VALUES;
