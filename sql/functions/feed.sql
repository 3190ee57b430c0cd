-- SPDX-License-Identifier: Apache-2.0
-- What has died or changed is told twice: at once to every daemon that listens (NOTIFY on channel sallyport_authz: "<kind> <id>"), so that it
-- drops what it remembers, and by an event to the resource servers that may remember it. Triggers do it for every way of dying, so that no
-- verdict has to think of it; they have the owner's rights and a search_path, which the functions that they share run on. That a row was added is
-- not told (but for keys, resources and scopes): nobody may remember that something is absent.

CREATE OR REPLACE FUNCTION authz.announce(p_kind text, p_id text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('sallyport_authz', p_kind || coalesce(' ' || p_id, ''));
END
$$;

CREATE OR REPLACE FUNCTION authz.feed_add(p_resource text, p_kind text, p_id text, p_detail text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO authz.feed_events AS e (resource, kind, id, detail) VALUES (p_resource, p_kind, p_id, p_detail)
	ON CONFLICT (resource, xid, kind, id) DO UPDATE SET detail = excluded.detail;
END
$$;

-- The living grants of a person or of a client give something else now ('claims'), or nothing ('grant'). Of very many in one transaction (a role of a
-- thousand people changes), that nothing is sure any more; where that is said, nothing else needs to be.
CREATE OR REPLACE FUNCTION authz.feed_add_grants(p_kind text, p_person_id uuid, p_client_id text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_grant record;
	v_before integer := coalesce(nullif(current_setting('authz.feed_grants_told', true), ''), '0')::integer; -- in this transaction
	v_count integer := v_before;
BEGIN
	FOR v_grant IN
		SELECT g.grant_id, g.resource, CASE
			WHEN p.person_id IS NOT NULL THEN array_to_string(authz.scopes_common(g.scopes, p.scopes), ' ')
			WHEN 'client_credentials' = ANY (c.grant_types) THEN c.scope END AS scope
		FROM authz.grants AS g JOIN authz.clients AS c ON c.client_id = g.client_id LEFT JOIN authz.people AS p ON p.person_id = g.person_id
		WHERE (g.person_id = p_person_id OR g.client_id = p_client_id) AND g.revoked_at IS NULL AND g.expires_at > now()
		  AND NOT EXISTS (SELECT 1 FROM authz.feed_events AS e
		                  WHERE e.resource = g.resource AND e.xid = pg_current_xact_id() AND e.kind = 'reset' AND e.id = '')
	LOOP
		v_count := v_count + 1;
		EXIT WHEN v_count > 1000;
		PERFORM authz.feed_add(v_grant.resource, p_kind, v_grant.grant_id::text,
		                       CASE p_kind WHEN 'claims' THEN coalesce(v_grant.scope, '') ELSE 'person_disabled' END);
	END LOOP;
	IF v_count > 1000 AND v_before <= 1000 THEN
		PERFORM authz.feed_add(r.uri, 'reset', '', NULL) FROM authz.resources AS r;
	END IF;
	PERFORM set_config('authz.feed_grants_told', v_count::text, true);
END
$$;

-- ---- what is told of which table ----

CREATE OR REPLACE FUNCTION authz.grant_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	IF TG_OP = 'UPDATE' THEN
		PERFORM authz.announce('grant', NEW.grant_id::text);
		IF NEW.revoked_at IS NOT NULL THEN
			PERFORM authz.feed_add(NEW.resource, 'grant', NEW.grant_id::text, NEW.revoked_for::text);
		ELSE
			PERFORM authz.feed_add(NEW.resource, 'claims', NEW.grant_id::text, array_to_string(CASE
				WHEN NEW.person_id IS NULL THEN NEW.scopes
				ELSE (SELECT authz.scopes_common(NEW.scopes, p.scopes) FROM authz.people AS p WHERE p.person_id = NEW.person_id) END, ' '));
		END IF;
	ELSIF EXISTS (SELECT 1 FROM authz.clients AS c WHERE c.client_id = OLD.client_id) THEN -- else its client went, which says it of all of them
		PERFORM authz.announce('grant', OLD.grant_id::text);
		PERFORM authz.feed_add(OLD.resource, 'grant', OLD.grant_id::text, NULL);
	END IF;
	RETURN NULL;
END
$$;
-- Rotating a refresh token touches neither column, so the trigger is not even looked at.
CREATE OR REPLACE TRIGGER grant_changed AFTER UPDATE OF revoked_at, scopes ON authz.grants FOR EACH ROW
	WHEN (OLD.revoked_at IS DISTINCT FROM NEW.revoked_at OR OLD.scopes IS DISTINCT FROM NEW.scopes) EXECUTE FUNCTION authz.grant_told();
CREATE OR REPLACE TRIGGER grant_deleted AFTER DELETE ON authz.grants FOR EACH ROW
	WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > now()) EXECUTE FUNCTION authz.grant_told();

CREATE OR REPLACE FUNCTION authz.token_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.announce('token', NEW.jti);
	PERFORM authz.feed_add(g.resource, 'token', NEW.jti, NULL) FROM authz.grants AS g WHERE g.grant_id = NEW.grant_id;
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER token_revoked AFTER INSERT ON authz.revoked_tokens FOR EACH ROW EXECUTE FUNCTION authz.token_told();

CREATE OR REPLACE FUNCTION authz.session_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.announce('session', OLD.session_id::text);
	PERFORM authz.feed_add(x.resource, 'session', OLD.session_id::text, OLD.person_id::text)
	FROM (SELECT DISTINCT g.resource FROM authz.grants AS g
	      WHERE g.person_id = OLD.person_id AND g.revoked_at IS NULL AND g.expires_at > now()) AS x;
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER session_ended AFTER DELETE ON authz.sessions FOR EACH ROW
	WHEN (OLD.expires_at > now() AND OLD.last_seen_at + OLD.idle > now()) EXECUTE FUNCTION authz.session_told();

CREATE OR REPLACE FUNCTION authz.client_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.announce('client', OLD.client_id);
	IF OLD.enabled AND (TG_OP = 'DELETE' OR NOT NEW.enabled) THEN
		PERFORM authz.feed_add(x.resource, 'client', OLD.client_id, NULL)
		FROM (SELECT DISTINCT g.resource FROM authz.grants AS g
		      WHERE g.client_id = OLD.client_id AND g.revoked_at IS NULL AND g.expires_at > now()) AS x;
	ELSIF TG_OP = 'UPDATE' AND NEW.enabled
	      AND (NOT OLD.enabled OR OLD.scope <> NEW.scope OR OLD.grant_types IS DISTINCT FROM NEW.grant_types) THEN
		PERFORM authz.feed_add_grants('claims', NULL, OLD.client_id);
	END IF;
	RETURN OLD;
END
$$;
-- Whatever it is, but for the stamps of its use and what only registration looks at.
CREATE OR REPLACE TRIGGER client_changed AFTER UPDATE ON authz.clients FOR EACH ROW
	WHEN (to_jsonb(OLD) - '{last_used_at,last_granted_at,last_alive_at,lease_due_at,shared,metadata_digest}'::text[]
	      IS DISTINCT FROM to_jsonb(NEW) - '{last_used_at,last_granted_at,last_alive_at,lease_due_at,shared,metadata_digest}'::text[])
	EXECUTE FUNCTION authz.client_told();
-- Before: afterwards its grants are gone.
CREATE OR REPLACE TRIGGER client_deleted BEFORE DELETE ON authz.clients FOR EACH ROW EXECUTE FUNCTION authz.client_told();

CREATE OR REPLACE FUNCTION authz.person_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.announce('person', OLD.person_id::text);
	IF TG_OP = 'UPDATE' THEN
		PERFORM authz.feed_add_grants(CASE WHEN NEW.enabled THEN 'claims' ELSE 'grant' END, NEW.person_id, NULL);
	END IF;
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER person_changed AFTER UPDATE OF enabled, scopes, roles, groups, claims ON authz.people FOR EACH ROW
	WHEN ((OLD.enabled, OLD.scopes, OLD.roles, OLD.groups, OLD.claims)
	      IS DISTINCT FROM (NEW.enabled, NEW.scopes, NEW.roles, NEW.groups, NEW.claims))
	EXECUTE FUNCTION authz.person_told();
CREATE OR REPLACE TRIGGER person_deleted AFTER DELETE ON authz.people FOR EACH ROW EXECUTE FUNCTION authz.person_told();

CREATE OR REPLACE FUNCTION authz.resource_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.announce('resource', CASE TG_OP WHEN 'DELETE' THEN OLD.uri ELSE NEW.uri END);
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER resource_added AFTER INSERT OR DELETE ON authz.resources FOR EACH ROW EXECUTE FUNCTION authz.resource_told();
CREATE OR REPLACE TRIGGER resource_changed AFTER UPDATE ON authz.resources FOR EACH ROW
	WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION authz.resource_told();

CREATE OR REPLACE FUNCTION authz.scope_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
DECLARE
	v_resource text := CASE TG_OP WHEN 'DELETE' THEN OLD.resource ELSE NEW.resource END;
BEGIN
	PERFORM authz.announce('resource', v_resource);
	PERFORM authz.feed_add(v_resource, 'reset', '', NULL); -- what people could be granted there has changed
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER scope_added AFTER INSERT OR DELETE ON authz.scopes FOR EACH ROW EXECUTE FUNCTION authz.scope_told();
CREATE OR REPLACE TRIGGER scope_changed AFTER UPDATE ON authz.scopes FOR EACH ROW
	WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION authz.scope_told();

CREATE OR REPLACE FUNCTION authz.keys_told()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	PERFORM authz.announce('keys', NULL);
	RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER keys_changed AFTER INSERT OR UPDATE OR DELETE ON authz.signing_keys FOR EACH ROW EXECUTE FUNCTION authz.keys_told();

-- ---- reading ----

-- Whether an event that `p_base` does not see may not be kept any more. What was under way in it and still is, cannot have been swept: a transaction
-- that lasts for hours, in whatever database of the cluster, does not make every position an old one.
CREATE OR REPLACE FUNCTION authz.feed_is_lost(p_resource text, p_base pg_snapshot, p_now pg_snapshot)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
	SELECT EXISTS (
		SELECT 1 FROM authz.feed_horizons AS h
		WHERE h.resource = p_resource AND h.xid >= pg_snapshot_xmin(p_base)
		  AND (h.xid >= pg_snapshot_xmax(p_base)
		       OR EXISTS (SELECT 1 FROM pg_snapshot_xip(p_base) AS x WHERE x <= h.xid AND pg_visible_in_snapshot(x, p_now))))
$$;

-- RFC 8936 for one resource server, without keeping anything of it. A position is (timeline, base, upper, after): every event that `base` sees was
-- heard of; of those that only `upper` sees, the ones up to `after`. NULL `p_upper`: all of base, nothing more. Events of transactions that were under
-- way when the snapshot was taken are not in it, and come later, whatever their number.
--   client_refused   nobody, or no resource server
--   reset            the position is absent, of another timeline (a failover may have lost what it saw), of the future, older than what is kept, or
--                    there is more to say than to forget: one row with the position of now
--   nothing          one row
--   event            a row each, in order; `more` if there are more of this page
CREATE OR REPLACE FUNCTION authz.feed_poll(
	p_client_id text, p_method text, p_secret bytea, p_raw_secret bytea, p_timeline text, p_base text, p_upper text, p_after bigint, p_limit bigint)
RETURNS TABLE (outcome text, resource text, timeline text, base text, upper text, event_id bigint, kind text, id text, detail text, happened_at bigint,
               now bigint, more boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
#variable_conflict use_column
DECLARE
	v_now pg_snapshot := pg_current_snapshot();
	v_time bigint := floor(extract(epoch FROM clock_timestamp()));
	v_timeline text := left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
	v_resource text;
	v_base pg_snapshot := p_base::pg_snapshot;
	v_upper pg_snapshot := p_upper::pg_snapshot;
	v_after bigint := p_after;
	v_lost boolean;
BEGIN
	SELECT c.resource INTO v_resource FROM authz.clients AS c
	WHERE c.client_id = p_client_id AND c.resource IS NOT NULL
	  AND authz.client_proved(c.enabled, c.auth_method, c.secret_digest, p_method, p_secret, p_raw_secret);
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'client_refused', v_resource, NULL, NULL, NULL, NULL::bigint, NULL, NULL, NULL, NULL::bigint, v_time, false;
		RETURN;
	END IF;
	v_lost := v_base IS NULL OR v_timeline IS DISTINCT FROM p_timeline
	          OR pg_snapshot_xmax(v_base) > pg_snapshot_xmax(v_now) OR pg_snapshot_xmax(v_upper) > pg_snapshot_xmax(v_now)
	          OR authz.feed_is_lost(v_resource, v_base, v_now);
	WHILE NOT coalesce(v_lost, false) LOOP
		IF v_upper IS NULL THEN
			v_upper := v_now;
			v_after := 0;
			v_lost := (SELECT count(*) > 5000 FROM (
				SELECT FROM authz.feed_events AS e
				WHERE e.resource = v_resource AND e.xid >= pg_snapshot_xmin(v_base) AND NOT pg_visible_in_snapshot(e.xid, v_base) LIMIT 5001) AS x);
			CONTINUE WHEN v_lost;
		END IF;
		RETURN QUERY
		SELECT 'event', v_resource, v_timeline, v_base::text, v_upper::text, p.event_id, p.kind, p.id::text, p.detail,
		       floor(extract(epoch FROM p.happened_at))::bigint, v_time, p.count > p_limit
		FROM (SELECT q.*, count(*) OVER () AS count
		      FROM (SELECT e.* FROM authz.feed_events AS e
		            WHERE e.resource = v_resource AND e.xid >= pg_snapshot_xmin(v_base) AND NOT pg_visible_in_snapshot(e.xid, v_base)
		              AND pg_visible_in_snapshot(e.xid, v_upper) AND e.event_id > v_after
		            ORDER BY e.event_id LIMIT p_limit + 1) AS q) AS p
		ORDER BY p.event_id LIMIT p_limit;
		IF FOUND THEN
			RETURN;
		ELSIF v_upper::text = v_now::text THEN
			RETURN QUERY SELECT 'nothing', v_resource, v_timeline, v_base::text, NULL, NULL::bigint, NULL, NULL, NULL, NULL::bigint, v_time, false;
			RETURN;
		END IF;
		v_base := v_upper; -- the page is at its end
		v_upper := NULL;
	END LOOP;
	RETURN QUERY SELECT 'reset', v_resource, v_timeline, v_now::text, NULL, NULL::bigint, NULL, NULL, NULL, NULL::bigint, v_time, false;
END
$$;

-- Events are kept until the last token that they speak of has expired, and an hour.
CREATE OR REPLACE FUNCTION authz.feed_sweep(p_token_lifetime bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	WITH dead AS (
		DELETE FROM authz.feed_events WHERE event_id IN (
			SELECT e.event_id FROM authz.feed_events AS e
			WHERE e.happened_at < now() - (p_token_lifetime + 3600) * interval '1 second' ORDER BY e.happened_at LIMIT 20000)
		RETURNING resource, xid)
	INSERT INTO authz.feed_horizons AS h (resource, xid)
	SELECT d.resource, (array_agg(d.xid ORDER BY d.xid DESC))[1] FROM dead AS d GROUP BY d.resource
	ON CONFLICT (resource) DO UPDATE SET xid = greatest(h.xid, excluded.xid);
END
$$;
