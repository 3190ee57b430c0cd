-- SPDX-License-Identifier: Apache-2.0
-- What processes of the MCP server tell each other of budgets.

-- p_used of p_keys was used since this process asked last. Gives what is left of each, over all processes. A debt is never deeper than what a minute fills,
-- and a clock that jumps fills no more than a budget holds: one that went back only begins to count anew.
CREATE OR REPLACE FUNCTION mcp.quota_exchange(p_keys bytea[], p_per_minute integer[], p_used integer[])
RETURNS TABLE (key bytea, level bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = mcp, pg_temp AS $$
	INSERT INTO mcp.quota AS q (key, level, per_minute, at)
	SELECT n.key, n.per_minute * 60000::bigint - least(n.used, 2 * n.per_minute) * 60000::bigint, n.per_minute, clock_timestamp()
	FROM unnest(p_keys, p_per_minute, p_used) AS n (key, per_minute, used)
	ORDER BY n.key -- all lock rows in one order
	ON CONFLICT ON CONSTRAINT quota_pkey DO UPDATE SET
		level = greatest(-excluded.per_minute * 60000::bigint,
			least(excluded.per_minute * 60000::bigint,
			      q.level + (greatest(0, least(120000, extract(epoch FROM clock_timestamp() - q.at) * 1000))::bigint) * excluded.per_minute)
			- (excluded.per_minute * 60000::bigint - excluded.level)),
		per_minute = excluded.per_minute, at = clock_timestamp()
	RETURNING q.key, q.level
$$;

-- Budgets that nobody has used for so long that they are full. Gives how many went.
CREATE OR REPLACE FUNCTION mcp.quota_forget()
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = mcp, pg_temp AS $$
	WITH gone AS (
		DELETE FROM mcp.quota WHERE key IN (
			SELECT o.key FROM mcp.quota AS o WHERE o.at < clock_timestamp() - interval '5 minutes' OR o.at > clock_timestamp() + interval '5 minutes'
			ORDER BY o.key LIMIT 10000 FOR UPDATE SKIP LOCKED)
		RETURNING 1)
	SELECT count(*) FROM gone
$$;
