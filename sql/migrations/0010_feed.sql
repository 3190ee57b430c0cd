-- SPDX-License-Identifier: Apache-2.0
-- What resource servers must hear of: dead grants and tokens, ended sessions, changed claims. Written by triggers (functions/feed.sql), read by
-- position: a snapshot of PostgreSQL, so that what is committed late is neither lost nor waited for.
CREATE TABLE authz.feed_events (
	event_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	xid         xid8        NOT NULL DEFAULT pg_current_xact_id(), -- who has a snapshot that sees it, has heard of it
	resource    text        COLLATE "C" NOT NULL,                  -- whose server is to hear of it; it may be gone
	-- reset: whatever was remembered is not sure any more
	kind        text        NOT NULL CHECK (kind IN ('grant', 'token', 'client', 'session', 'claims', 'reset')),
	id          text        COLLATE "C" NOT NULL,
	detail      text,                                              -- grant: why; claims: the scope of today; session: the person
	happened_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Each once in a transaction; also the order in which it is read.
CREATE UNIQUE INDEX feed_events_once ON authz.feed_events (resource, xid, kind, id);
CREATE INDEX feed_events_age ON authz.feed_events (happened_at);

-- The newest event of each resource that is not kept any more: a position that does not see it cannot be gone on from.
CREATE TABLE authz.feed_horizons (
	resource text COLLATE "C" PRIMARY KEY,
	xid      xid8 NOT NULL
);
