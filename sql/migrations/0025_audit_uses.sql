-- SPDX-License-Identifier: Apache-2.0
-- Who has used what, once: so the lines themselves need no index of it, which was the largest part of what a line cost.
CREATE TABLE mcp.audit_uses (
	username text NOT NULL,
	item     text NOT NULL,
	since    timestamptz NOT NULL,
	until    timestamptz NOT NULL, -- to the day: moved once a day at most
	PRIMARY KEY (username, item)
);
INSERT INTO mcp.audit_uses (username, item, since, until)
SELECT left(a.username, 400), left(a.item, 400), min(a.at), max(a.at) FROM mcp.audit AS a
WHERE a.username IS NOT NULL AND a.item IS NOT NULL AND a.outcome IN ('allowed', 'started')
GROUP BY 1, 2;
DROP INDEX mcp.audit_use;
