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

-- p_records: a JSON array of {chain, seq, program, time, line} and what a line says of event, username, client, grant, item, outcome and request.
-- Lines that came before are left out, so a batch may come again. Gives how many are new.
CREATE OR REPLACE FUNCTION mcp.audit_put(p_records text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = mcp, pg_temp SET timezone = 'UTC' AS $$
DECLARE
	batch mcp.audit[];
	month timestamptz;
	added bigint;
BEGIN
	-- No line makes a partition of a time that nobody is in.
	batch := ARRAY(
		SELECT ROW(r.chain, r.seq, greatest(least(r."time", now() + interval '1 day'), now() - interval '10 years'), r.program, r.event,
		           r.username, r.client, r."grant", r.item, r.outcome, r.request, sha256(convert_to(r.line, 'UTF8')), r.line)::mcp.audit
		FROM (SELECT DISTINCT ON (j.chain, j.seq) j.*
		      FROM json_to_recordset(p_records::json) AS j(chain uuid, seq bigint, program text, "time" timestamptz, event text, username text,
		                                                   client text, "grant" text, item text, outcome text, request text, line text)
		      ORDER BY j.chain, j.seq) AS r);
	INSERT INTO mcp.audit_chains (chain, program, seq, at)
	SELECT DISTINCT ON (b.chain) b.chain, b.program, 0, b.at FROM unnest(batch) AS b ORDER BY b.chain, b.seq
	ON CONFLICT DO NOTHING;
	PERFORM 1 FROM mcp.audit_chains AS c WHERE c.chain IN (SELECT b.chain FROM unnest(batch) AS b) ORDER BY c.chain FOR UPDATE;
	batch := ARRAY(SELECT b FROM unnest(batch) AS b JOIN mcp.audit_chains AS c ON c.chain = b.chain AND b.seq > c.seq);
	FOR month IN SELECT DISTINCT date_trunc('month', b.at) FROM unnest(batch) AS b LOOP
		PERFORM mcp.audit_make_partition(month);
	END LOOP;
	INSERT INTO mcp.audit SELECT b.* FROM unnest(batch) AS b;
	GET DIAGNOSTICS added = ROW_COUNT;
	UPDATE mcp.audit_chains AS c SET seq = n.seq, at = n.at, digest = n.digest
	FROM (SELECT DISTINCT ON (b.chain) b.* FROM unnest(batch) AS b ORDER BY b.chain, b.seq DESC) AS n
	WHERE n.chain = c.chain;
	RETURN added;
END
$$;

-- How far each chain has come: what `sallyport-mcp audit verify` compares a file's end with.
CREATE OR REPLACE FUNCTION mcp.audit_heads()
RETURNS TABLE (chain text, program text, seq bigint, digest text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = mcp, pg_temp AS $$
	SELECT replace(c.chain::text, '-', ''), c.program, c.seq, encode(c.digest, 'hex'), c.at
	FROM mcp.audit_chains AS c WHERE c.seq > 0 ORDER BY c.at, c.chain
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
	SELECT EXISTS (SELECT FROM mcp.audit AS a WHERE a.username = p_username AND a.item = p_item AND a.outcome IN ('allowed', 'started')
	               AND a.at < now() - interval '5 seconds')
$$;
