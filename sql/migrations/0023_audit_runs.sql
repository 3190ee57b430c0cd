-- SPDX-License-Identifier: Apache-2.0
-- What is known of a chain is a run of lines in which each names the digest of the one before: whoever tells of another line, with whatever number, moves no
-- run, and begins one of her own.
DELETE FROM mcp.audit_chains WHERE digest IS NULL;
ALTER TABLE mcp.audit_chains
	DROP CONSTRAINT audit_chains_pkey,
	ALTER COLUMN digest SET NOT NULL,
	ADD COLUMN run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	ADD COLUMN since bigint NOT NULL DEFAULT 1 CHECK (since > 0), -- number of its first line; `seq` is of its newest
	ADD CHECK (seq >= since);
ALTER TABLE mcp.audit_chains ALTER COLUMN since DROP DEFAULT;
CREATE INDEX audit_chains_chain ON mcp.audit_chains (chain);

-- Lines come in by the thousand, and are asked for by what a person used and by when. All else is in the line itself.
ALTER TABLE mcp.audit
	DROP CONSTRAINT audit_pkey,
	DROP COLUMN program,
	DROP COLUMN grant_id,
	DROP COLUMN request,
	DROP COLUMN digest;
DROP INDEX mcp.audit_at, mcp.audit_username;
CREATE INDEX audit_use ON mcp.audit (username, item, at);
CREATE INDEX audit_at ON mcp.audit USING brin (at);
