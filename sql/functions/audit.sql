-- SPDX-License-Identifier: Apache-2.0
-- Audit lines come in and are never changed: the daemons can add lines at the end of a chain, and let those go whose time is over.

-- The partition of a month, made when its first line comes.
CREATE OR REPLACE FUNCTION mcp.audit_make_partition(p_month timestamptz)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = mcp, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	partition text := 'audit_' || to_char(p_month, 'YYYY_MM');
BEGIN
	IF to_regclass('mcp.' || partition) IS NOT NULL THEN
		RETURN;
	END IF;
	PERFORM pg_advisory_xact_lock(hashtext('mcp.audit_make_partition'));
	EXECUTE format('CREATE TABLE IF NOT EXISTS mcp.%I PARTITION OF mcp.audit FOR VALUES FROM (%L) TO (%L)', partition, p_month,
	               p_month + interval '1 month');
END
$$;

-- Lines as they stand in a file, and of each what its head says and what it is asked for by. A line belongs to the run of its chain whose newest line it names
-- the digest of; another one begins a run (after a gap, or because somebody tells what is not true), so nothing that is known is moved by a number alone. Lines
-- that are here are left out, so a batch may come again. Gives how many are new.
CREATE OR REPLACE FUNCTION mcp.audit_put(p_lines text[], p_programs text[], p_chains uuid[], p_seqs bigint[], p_prevs bytea[], p_times timestamptz[],
                                         p_events text[], p_usernames text[], p_clients text[], p_items text[], p_outcomes text[])
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = mcp, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	earliest timestamptz := now() - interval '10 years'; -- no line makes a partition of a time that nobody is in
	latest   timestamptz := now() + interval '1 day';
	month    timestamptz;
	added    bigint;
BEGIN
	LOCK TABLE mcp.audit_chains IN SHARE ROW EXCLUSIVE MODE; -- what a run has come to is read once it cannot change
	FOR month IN SELECT DISTINCT date_trunc('month', greatest(least(t.at, latest), earliest)) FROM unnest(p_times) AS t(at) LOOP
		PERFORM mcp.audit_make_partition(month);
	END LOOP;
	WITH line AS (
		SELECT DISTINCT ON (chain, seq, digest) l.n, l.chain, l.seq, l.prev, sha256(convert_to(l.line, 'UTF8')) AS digest,
		       greatest(least(l.at, latest), earliest) AS at
		FROM unnest(p_lines, p_chains, p_seqs, p_prevs, p_times) WITH ORDINALITY AS l(line, chain, seq, prev, at, n)
		ORDER BY chain, seq, digest
	), linked AS (
		SELECT l.*, (l.seq = lag(l.seq) OVER w + 1 AND l.prev = lag(l.digest) OVER w) IS NOT TRUE AS begins
		FROM line AS l WINDOW w AS (PARTITION BY l.chain ORDER BY l.seq, l.digest)
	), piece AS MATERIALIZED (
		SELECT k.*, sum(k.begins::integer) OVER (PARTITION BY k.chain ORDER BY k.seq, k.digest ROWS UNBOUNDED PRECEDING) AS piece FROM linked AS k
	), ends AS MATERIALIZED (
		SELECT p.*, f.since
		FROM (SELECT p.chain, p.piece, min(p.seq) AS since, max(p.seq) AS until FROM piece AS p GROUP BY p.chain, p.piece) AS f
		JOIN piece AS p ON p.chain = f.chain AND p.piece = f.piece AND p.seq = f.until
	), joined AS MATERIALIZED ( -- from which number on it is new; NULL: it is all here
		SELECT DISTINCT ON (e.chain, e.piece) e.*, r.run, r.since AS run_since, CASE WHEN r.run IS NOT NULL THEN r.seq + 1 ELSE e.since END AS new_from
		FROM ends AS e LEFT JOIN (mcp.audit_chains AS r JOIN piece AS p ON p.chain = r.chain AND ((p.seq = r.seq + 1 AND p.prev = r.digest)
		                                                                                         OR (p.seq = r.seq AND p.digest = r.digest)))
		     ON p.chain = e.chain AND p.piece = e.piece
		WHERE r.run IS NOT NULL
		   OR NOT EXISTS (SELECT FROM mcp.audit_chains AS known JOIN mcp.audit AS a ON a.chain = known.chain AND a.seq = e.seq AND a.at = e.at AND a.line = p_lines[e.n]
		                  WHERE known.chain = e.chain AND known.since <= e.since AND known.seq >= e.seq)
		ORDER BY e.chain, e.piece, r.run
	), put AS (
		INSERT INTO mcp.audit (chain, seq, at, event, username, client, item, outcome, line)
		SELECT p.chain, p.seq, p.at, left(l.event, 400), left(l.username, 400), left(l.client, 400), left(l.item, 400), left(l.outcome, 400), l.line
		FROM unnest(p_lines, p_events, p_usernames, p_clients, p_items, p_outcomes) WITH ORDINALITY AS l(line, event, username, client, item, outcome, n)
		JOIN piece AS p ON p.n = l.n JOIN joined AS j ON j.chain = p.chain AND j.piece = p.piece
		WHERE p.seq >= j.new_from OR p.seq < j.run_since
		RETURNING username, item, outcome, at
	), used AS (
		INSERT INTO mcp.audit_uses AS u (username, item, since, until)
		SELECT p.username, p.item, min(p.at), max(p.at) FROM put AS p
		WHERE p.username IS NOT NULL AND p.item IS NOT NULL AND p.outcome IN ('allowed', 'started') GROUP BY p.username, p.item ORDER BY 1, 2
		ON CONFLICT (username, item) DO UPDATE SET until = excluded.until WHERE u.until < excluded.until - interval '1 day'
	), went_on AS (
		UPDATE mcp.audit_chains AS c SET since = least(c.since, j.since), seq = j.seq, digest = j.digest, at = j.at
		FROM joined AS j WHERE j.run = c.run AND j.seq > c.seq
	), began AS (
		INSERT INTO mcp.audit_chains (chain, program, since, seq, digest, at)
		SELECT j.chain, p_programs[j.n], j.since, j.seq, j.digest, j.at FROM joined AS j WHERE j.run IS NULL
	)
	SELECT count(*) INTO added FROM put;
	RETURN added;
END
$$;

-- How far each chain has come, from its beginning without a gap: what `sallyport-mcp audit verify` compares a file's end with.
CREATE OR REPLACE FUNCTION mcp.audit_heads()
RETURNS TABLE (chain text, program text, seq bigint, digest text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = mcp, pg_temp AS $$
	SELECT replace(c.chain::text, '-', ''), c.program, c.seq, encode(c.digest, 'hex'), c.at
	FROM (SELECT DISTINCT ON (r.chain) r.* FROM mcp.audit_chains AS r ORDER BY r.chain, r.since, r.run) AS c ORDER BY c.at, c.chain
$$;

-- Lets the months go that are over for longer than lines are kept, and what is known of chains five years later. Gives how many months went.
CREATE OR REPLACE FUNCTION mcp.audit_expire()
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = mcp, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	keeps_from timestamptz := now() - (SELECT r.days FROM mcp.audit_retention AS r) * interval '1 day';
	partition text;
	gone bigint := 0;
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtext('mcp.audit_expire')) THEN
		RETURN 0;
	END IF;
	FOR partition IN SELECT t.relname FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS t ON t.oid = i.inhrelid
	                 WHERE i.inhparent = 'mcp.audit'::regclass
	LOOP
		IF to_date(substr(partition, 7), 'YYYY_MM') + interval '1 month' <= keeps_from THEN
			EXECUTE format('DROP TABLE mcp.%I', partition);
			gone := gone + 1;
		END IF;
	END LOOP;
	DELETE FROM mcp.audit_uses AS u WHERE u.until < keeps_from - interval '1 day';
	DELETE FROM mcp.audit_chains AS c WHERE c.at < keeps_from - interval '5 years';
	RETURN gone;
END
$$;

-- The operator's word on how long. NULL changes nothing. Gives what holds.
CREATE OR REPLACE FUNCTION mcp.audit_retain(p_days integer)
RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = mcp, pg_temp AS $$
	UPDATE mcp.audit_retention AS r SET days = coalesce(p_days, r.days) RETURNING r.days
$$;

-- Whether a person has used an item before the call that is asked about, whose own line may be here already.
CREATE OR REPLACE FUNCTION mcp.audit_knows(p_username text, p_item text)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = mcp, pg_temp AS $$
	SELECT EXISTS (SELECT FROM mcp.audit_uses AS u WHERE u.username = left(p_username, 400) AND u.item = left(p_item, 400)
	               AND u.since < now() - interval '5 seconds')
$$;
