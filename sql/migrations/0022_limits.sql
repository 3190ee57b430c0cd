-- SPDX-License-Identifier: Apache-2.0
-- How much of its budget each caller has left, over all processes of the MCP server (contrib/doc/limits.md). Not logged: after a crash budgets are full
-- again, which is what a new caller has.
CREATE UNLOGGED TABLE mcp.quota (
	key        bytea       PRIMARY KEY CHECK (octet_length(key) = 16), -- of digests: nothing of a person is told
	level      bigint      NOT NULL,                                   -- 60000 for each call; below zero there is a debt
	per_minute integer     NOT NULL CHECK (per_minute > 0),
	at         timestamptz NOT NULL                                    -- when it had this level
);
CREATE INDEX quota_at ON mcp.quota (at);
