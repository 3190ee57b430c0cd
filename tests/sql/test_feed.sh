#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What dies or changes is told by NOTIFY and by the feed, whatever way it died; the feed loses nothing; keys by age and in an emergency.
# On a PostgreSQL of its own, as the roles that will call. TAP on standard output.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"
is "and apply again" "" "$(apply_functions)"

# ---- two resources with a server each, two people, two clients ----
R=https://r.example/mcp R2=https://r2.example/mcp
S="sha256('secret')" W="sha256('wrong')"
owner "
SELECT authz.resource_put('$R', 'R', true, '{\"scopes\": [{\"name\": \"a\", \"title\": \"A\"}, {\"name\": \"b\", \"title\": \"B\"}]}');
SELECT authz.resource_put('$R2', 'R2', false, '{\"scopes\": [{\"name\": \"a\", \"title\": \"A\"}]}');
INSERT INTO authz.people (person_id, username, display_name, scopes, own_scopes) VALUES
	('a0000000-0000-0000-0000-000000000001', 'alice', 'Alice', '{a,b}', '{a,b}'),
	('a0000000-0000-0000-0000-000000000002', 'bob', 'Bob', '{a}', '{a}');
INSERT INTO authz.clients (client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type, resource) VALUES
	('rs', 'admin', 'R', 'client_secret_basic', $S, '{}', '{}', '', 'web', '$R'),
	('rs2', 'admin', 'R2', 'client_secret_basic', $S, '{}', '{}', '', 'web', '$R2'),
	('pub', 'dynamic', 'P', 'none', NULL, '{authorization_code,refresh_token}', '{http://localhost/cb}', '', 'native', NULL),
	('pub2', 'dynamic', 'P2', 'none', NULL, '{authorization_code,refresh_token}', '{http://localhost/cb}', '', 'native', NULL)" >/dev/null
alice=a0000000-0000-0000-0000-000000000001 bob=a0000000-0000-0000-0000-000000000002
grant() { # person, [client, resource]
	local id; id=$(uuid)
	owner "INSERT INTO authz.grants (grant_id, person_id, client_id, resource, scopes, auth_time, expires_at, generation)
		VALUES ('$id', '$1', '${2:-pub}', '${3:-$R}', '{a,b}', now(), now() + interval '1 day', 1)" >/dev/null
	echo "$id"
}

# ---- reading ----
poll_as() { # server, position of four SQL values, limit, columns
	daemon "SELECT $4 FROM authz.feed_poll('$1', 'client_secret_basic', $S, $S, $2, $3) AS e"
}
now() { poll_as "${1:-rs}" "NULL, NULL, NULL, 0" 10 "format('''%s'', ''%s'', NULL, 0', timeline, base)"; }
# the events behind a position: kind, id, detail
news() { poll_as "${2:-rs}" "$1" "${3:-1000}" "concat_ws(' ', outcome, kind, id, detail)"; }
is "poll: refused" "client_refused" "$(daemon "SELECT outcome FROM authz.feed_poll('rs', 'client_secret_basic', $W, $W, NULL, NULL, NULL, 0, 10)")"
is "poll: a client that is no resource server" "client_refused" "$(daemon "SELECT outcome FROM authz.feed_poll('pub', 'none', '', '', NULL, NULL, NULL, 0, 10)")"
is "poll: without position, the position of now" "reset|$R|t" "$(poll_as rs "NULL, NULL, NULL, 0" 10 "outcome, resource, base = pg_current_snapshot()::text")"
P=$(now)
is "poll: nothing happened" "nothing" "$(news "$P")"

# Each way of dying; the position before, the command, what the resource's server hears of it.
G=$(grant $alice) G2=$(grant $alice pub "$R2")
P=$(now) P2=$(now rs2)
owner "UPDATE authz.grants SET revoked_at = now(), revoked_for = 'client_asked' WHERE grant_id = '$G'" >/dev/null
is "a revoked grant" "event grant $G client_asked" "$(news "$P")"
is "... is no news for another resource" "nothing" "$(news "$P2" rs2)"
is "... nor has it anything to do with a refresh" "nothing" "$(P=$(now rs2); owner "UPDATE authz.grants SET generation = 2 WHERE grant_id = '$G2'" >/dev/null; news "$P" rs2)"
is "a position can be gone on from twice" "event grant $G client_asked" "$(news "$P")"
P2=$(now rs2)
daemon "SELECT authz.revoke('pub', 'none', '', '', '$G2', 'jti-1', extract(epoch FROM now())::bigint + 600)" >/dev/null
is "a revoked token" "event token jti-1" "$(news "$P2" rs2)"
P2=$(now rs2); owner "UPDATE authz.grants SET scopes = '{a}' WHERE grant_id = '$G2'" >/dev/null
is "changed scopes of a grant" "event claims $G2 a" "$(news "$P2" rs2)"
P2=$(now rs2); owner "DELETE FROM authz.grants WHERE grant_id = '$G2'" >/dev/null
is "a deleted grant" "event grant $G2" "$(news "$P2" rs2)"
P=$(now); owner "DELETE FROM authz.grants WHERE grant_id = '$G'" >/dev/null
is "a deleted grant that was dead" "nothing" "$(news "$P")"

G=$(grant $alice) H=$(grant $bob pub2)
P=$(now); operator "SELECT authz.person_set_scopes('alice', '{b}')" >/dev/null
is "changed scopes of a person" "event claims $G b" "$(news "$P")"
P=$(now); operator "SELECT authz.person_set_scopes('alice', '{}')" >/dev/null
is "... all of them lost" "event claims $G " "$(news "$P")"
operator "SELECT authz.person_set_scopes('alice', '{a,b}')" >/dev/null
P=$(now); operator "SELECT authz.person_set_enabled('alice', false)" >/dev/null
is "a disabled person" "event grant $G person_disabled" "$(news "$P")"
P=$(now); owner "UPDATE authz.people SET enabled = false WHERE username = 'bob'" >/dev/null
is "... whoever does it" "event grant $H person_disabled" "$(news "$P")"
P=$(now); owner "UPDATE authz.people SET enabled = true" >/dev/null
is "a person who is enabled again" "event claims $H a" "$(news "$P")"
P=$(now); owner "UPDATE authz.clients SET enabled = false WHERE client_id = 'pub2'" >/dev/null
is "a disabled client" "event client pub2" "$(news "$P")"
P=$(now); owner "UPDATE authz.clients SET enabled = true WHERE client_id = 'pub2'" >/dev/null
is "a client that is enabled again" "event claims $H a" "$(news "$P")"
P=$(now); owner "UPDATE authz.clients SET grant_types = '{authorization_code}' WHERE client_id = 'pub2'" >/dev/null
is "attack: a client that lost a grant type" "event claims $H a" "$(news "$P")"
owner "INSERT INTO authz.clients (client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type)
	VALUES ('robot', 'admin', 'R', 'client_secret_basic', $S, '{client_credentials}', '{}', 'a b', 'web');
	INSERT INTO authz.grants (grant_id, client_id, resource, scopes, auth_time, expires_at, generation)
	VALUES ('b0000000-0000-0000-0000-000000000001', 'robot', '$R', '{a,b}', now(), 'infinity', 0)" >/dev/null
P=$(now); owner "UPDATE authz.clients SET scope = 'b' WHERE client_id = 'robot'" >/dev/null
is "attack: a client's own grant gives what the client has today" "event claims b0000000-0000-0000-0000-000000000001 b" "$(news "$P")"
P=$(now); owner "UPDATE authz.clients SET grant_types = '{}' WHERE client_id = 'robot'" >/dev/null
is "attack: a client that lost client_credentials" "event claims b0000000-0000-0000-0000-000000000001 " "$(news "$P")"
owner "DELETE FROM authz.clients WHERE client_id = 'robot'" >/dev/null
P=$(now); owner "UPDATE authz.clients SET last_used_at = now() WHERE client_id = 'pub2'" >/dev/null
is "a client that was used" "nothing" "$(news "$P")"
P=$(now); daemon "SELECT authz.client_delete('pub2')" >/dev/null
is "a deleted client, which says it of all its grants" "event client pub2" "$(news "$P")"
G=$(grant $bob)
P=$(now); owner "DELETE FROM authz.people WHERE username = 'bob'" >/dev/null
is "a deleted person" "event grant $G" "$(news "$P")"
G=$(grant $alice) X=$(uuid)
owner "INSERT INTO authz.sessions (session_id, person_id, idle, expires_at) VALUES ('$X', '$alice', '1 hour', now() + interval '1 day')" >/dev/null
P=$(now); daemon "SELECT authz.sign_out('$X')" >/dev/null
is "an ended session" "event session $X $alice" "$(news "$P")"
owner "INSERT INTO authz.sessions (session_id, person_id, created_at, idle, expires_at) VALUES ('$X', '$alice', now() - interval '1 day', '1 hour', now())" >/dev/null
P=$(now); daemon "SELECT authz.sweep(600)" >/dev/null
is "a session that has expired" "nothing" "$(news "$P")"
P=$(now); owner "UPDATE authz.scopes SET title = 'New' WHERE resource = '$R' AND name = 'a'" >/dev/null
is "changed scopes of a resource" "event reset " "$(news "$P")"
owner "INSERT INTO authz.clients (client_id, origin, name, auth_method, grant_types, redirect_uris, scope, application_type)
	VALUES ('big', 'dynamic', 'B', 'none', '{authorization_code}', '{http://localhost/cb}', '', 'native');
	INSERT INTO authz.grants (person_id, client_id, resource, scopes, auth_time, expires_at, generation)
	SELECT '$alice', 'big', '$R', '{a}', now(), now() + interval '1 day', 1 FROM generate_series(1, 1001)" >/dev/null
P=$(now); owner "UPDATE authz.clients SET scope = 'a' WHERE client_id = 'big'" >/dev/null
is "of very many grants that change at once, nothing is sure any more" "1001 reset" "$(news "$P" rs 2000 | awk '{ last = $2 } END { print NR, last }')"
owner "DELETE FROM authz.clients WHERE client_id = 'big'" >/dev/null
owner "INSERT INTO authz.people (username, display_name, scopes, own_scopes) SELECT 'many' || i, 'M', '{a}', '{a}' FROM generate_series(1, 30) AS i;
	INSERT INTO authz.grants (person_id, client_id, resource, scopes, auth_time, expires_at, generation)
	SELECT p.person_id, 'pub', r.uri, '{a}', now(), now() + interval '1 day', 1
	FROM authz.people AS p, generate_series(1, 50) AS i, (VALUES ('$R'), ('$R2')) AS r(uri) WHERE p.username LIKE 'many%'" >/dev/null
P=$(now) P2=$(now rs2); owner "UPDATE authz.people SET scopes = '{b}' WHERE username LIKE 'many%'" >/dev/null
is "attack: grants of many people that change at once" "t 1 1" "$(owner "SELECT count(*) <= 1002, count(*) FILTER (WHERE kind = 'reset' AND resource = '$R'),
	count(*) FILTER (WHERE kind = 'reset' AND resource = '$R2') FROM authz.feed_events WHERE xid = (SELECT max(xid) FROM authz.feed_events)" | tr '|' ' ')"
is "... and the next transaction begins anew" "event claims" "$(P=$(now); owner "UPDATE authz.people SET scopes = '{a}' WHERE username = 'many1'" >/dev/null
	news "$P" rs 2000 | cut -d' ' -f1,2 | sort -u)"
owner "BEGIN; UPDATE authz.scopes SET title = 'B' WHERE resource = '$R' AND name = 'a'; UPDATE authz.people SET scopes = '{a,b}' WHERE username = 'many1'; COMMIT" >/dev/null
is "... where nothing is sure any more, nothing else is said" "0 50" "$(owner "SELECT count(*) FILTER (WHERE resource = '$R' AND kind = 'claims'),
	count(*) FILTER (WHERE resource = '$R2' AND kind = 'claims') FROM authz.feed_events WHERE xid = (SELECT max(xid) FROM authz.feed_events)" | tr '|' ' ')"
owner "DELETE FROM authz.people WHERE username LIKE 'many%'" >/dev/null

# ---- nothing is lost ----
ids=(); for i in $(seq 12); do ids+=("$(grant $alice)"); done
kill_grant() { owner "UPDATE authz.grants SET revoked_at = now(), revoked_for = 'operator' WHERE grant_id = '$1'" >/dev/null; }
# Of a page of 5, every row says how to go on behind it.
step() { poll_as rs "$1" 5 "format('''%s'', ''%s'', %s, %s', timeline, base, coalesce(quote_literal(upper), 'NULL'), coalesce(event_id, 0)), outcome, id, more"; }
P=$(now); for id in "${ids[@]}"; do kill_grant "$id"; done
got=() pages= at=$P
for i in 1 2 3 4; do
	page=$(step "$at")
	pages="$pages$(echo "$page" | awk -F'|' '{ n++; o = $2; m = $4 } END { printf "%s:%d:%s ", o, n, m }')"
	got+=($(echo "$page" | awk -F'|' '$2 == "event" { print $3 }'))
	at=$(echo "$page" | tail -n 1 | cut -d'|' -f1)
	[ $i = 1 ] && { first=$at; ids+=("$(grant $alice)"); kill_grant "${ids[-1]}"; } # while the pages are read
done
is "pages follow each other; what happens meanwhile comes behind them" "event:5:t event:5:t event:2:f event:1:f " "$pages"
is "... everything once" "$(printf '%s\n' "${ids[@]}" | sort)" "$(printf '%s\n' "${got[@]}" | sort)"
is "... then there is nothing" "nothing" "$(step "$at" | cut -d'|' -f2)"
is "... a page can be asked for again" "${got[5]}" "$(step "$first" | head -n 1 | cut -d'|' -f3)"

# A transaction that began before the others and commits after them: its events have smaller numbers.
late=$(grant $alice) early=$(grant $alice)
P=$(now)
mkfifo "$base/in"
psql -U postgres <"$base/in" >"$base/out" 2>&1 &
exec 7>"$base/in"
echo "BEGIN; UPDATE authz.grants SET revoked_at = now(), revoked_for = 'operator' WHERE grant_id = '$late'; \\echo done" >&7
until grep -q done "$base/out"; do read -rt 0.05 <> <(:) || :; done
kill_grant "$early"
is "what is committed is told, whoever is still at it" "$early" "$(step "$P" | cut -d'|' -f3)"
Q=$(step "$P" | tail -n 1 | cut -d'|' -f1)
is "what is not committed is not told" "nothing" "$(step "$Q" | cut -d'|' -f2)"
M=$(now) # a position of somebody who begins in between
echo "COMMIT; \\echo committed" >&7
until grep -q committed "$base/out"; do read -rt 0.05 <> <(:) || :; done
exec 7>&-
is "what is committed late is told late, though its number is smaller" "$late" "$(step "$Q" | cut -d'|' -f3)"
is "... to whoever began in between too" "$late" "$(step "$M" | cut -d'|' -f3)"
is "... and is not told twice" "nothing" "$(step "$(step "$Q" | tail -n 1 | cut -d'|' -f1)" | cut -d'|' -f2)"

# ---- positions that cannot be gone on from ----
timeline=$(owner "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")
is "a position of another timeline" "reset" "$(news "'0000000F', '1:1:', NULL, 0")"
is "a position of the future" "reset" "$(news "'$timeline', '900000000:900000000:', NULL, 0")"
is "... of its page" "reset" "$(news "'$timeline', '700:700:', '900000000:900000000:', 0")"
P=$(now)
owner "UPDATE authz.feed_events SET happened_at = now() - interval '2 hours'" >/dev/null
daemon "SELECT authz.sweep(600)" >/dev/null
is "events are kept for a while only" "0" "$(owner "SELECT count(*) FROM authz.feed_events")"
is "a position that saw all that is gone" "nothing" "$(news "$P")"
is "a position that did not" "reset" "$(news "$Q")"
# attack: a transaction that never ends, in another database of the cluster, while events are made and swept
psql -U postgres -d postgres <"$base/in" >"$base/endless" 2>&1 &
exec 7>"$base/in"
echo "BEGIN; SELECT pg_current_xact_id(); \\echo begun" >&7
until grep -q begun "$base/endless"; do read -rt 0.05 <> <(:) || :; done
M=$(now)
kill_grant "$(grant $alice)"
P=$(now)
is "attack: a transaction without end is seen by every position" "t t" "$(owner "SELECT pg_snapshot_xmin(s) < x.xid, pg_visible_in_snapshot(x.xid, s)
	FROM (SELECT pg_current_snapshot() AS s) AS s, authz.feed_events AS x" | tr '|' ' ')"
owner "UPDATE authz.feed_events SET happened_at = now() - interval '2 hours'" >/dev/null
daemon "SELECT authz.sweep(600)" >/dev/null
is "attack: a transaction without end makes no new position an old one" "nothing nothing" "$(news "$P") $(P=$(now); news "$P")"
is "... but one that did not see what was swept" "reset" "$(news "$M")"
echo "COMMIT; \\echo ended" >&7
until grep -q ended "$base/endless"; do read -rt 0.05 <> <(:) || :; done
exec 7>&-
kill_grant "$(grant $alice)"
is "sweeping does not take what is new" "1" "$(daemon "SELECT authz.sweep(600)" >/dev/null; owner "SELECT count(*) FROM authz.feed_events")"
P=$(now)
owner "INSERT INTO authz.feed_events (resource, kind, id) SELECT '$R', 'grant', i::text FROM generate_series(1, 5001) AS i" >/dev/null
is "more than can be told" "reset" "$(news "$P")"
owner "DELETE FROM authz.feed_events" >/dev/null

# ---- NOTIFY ----
heard() { # what a listener hears of a command
	psql -U sallyport_authz -c "LISTEN sallyport_authz" -c "$1" 2>&1 | sed -n 's/.*with payload "\(.*\)" received.*/\1/p'
}
# as the owner, with a listener in the same session
told() { psql -U postgres -c "LISTEN sallyport_authz" -c "$1" 2>&1 | sed -n 's/.*with payload "\(.*\)" received.*/\1/p'; }
G=$(grant $alice)
is "notice: a token" "token jti-9" "$(heard "SELECT authz.revoke('pub', 'none', '', '', '$G', 'jti-9', extract(epoch FROM now())::bigint + 600)")"
is "notice: a grant" "grant $G" "$(heard "SELECT authz.revoke('pub', 'none', '', '', '$G', NULL, 0)")"
G=$(grant $alice)
is "notice: a person" "person $alice" "$(told "UPDATE authz.people SET scopes = '{a}' WHERE username = 'alice'")"
is "notice: a client" "client pub" "$(told "UPDATE authz.clients SET name = 'Other' WHERE client_id = 'pub'")"
is "notice: not of a client's use" "" "$(told "UPDATE authz.clients SET last_used_at = now() WHERE client_id = 'pub'")"
is "notice: a resource" "resource $R2" "$(told "UPDATE authz.resources SET name = 'Other' WHERE uri = '$R2'")"
is "notice: a resource's scopes, once" "resource $R2" "$(told "SELECT authz.resource_put('$R2', 'Other', false, '{\"scopes\": [{\"name\": \"x\", \"title\": \"X\"}]}')" |
	grep resource)"
is "notice: a deleted client" "client pub" "$(heard "SELECT authz.client_delete('pub')")"

# ---- keys ----
add_key() { owner "INSERT INTO authz.signing_keys VALUES ('$1', 'ES256', '\\x$(printf '00%.0s' $(seq 28))', 1, now() + interval '$2', now() + interval '$2')"; }
K="'ES256', '\\x$(printf '00%.0s' $(seq 28))'::bytea, 1"
keys() { owner "SELECT string_agg(kid || CASE WHEN signs THEN '*' ELSE '' END, ' ' ORDER BY signs_from) FROM authz.signing_keys(600)"; }
rotate() { daemon "SELECT authz.signing_key_rotate('$1', $K, $((90 * 86400)), 86400)"; }
is "notice: keys" "keys" "$(heard "SELECT authz.signing_key_add_first('k0', $K)")"
is "rotation: too early" "f k0*" "$(rotate k1) $(keys)"
owner "UPDATE authz.signing_keys SET created_at = now() - interval '89 days', signs_from = now() - interval '89 days'" >/dev/null
for i in 1 2 3 4 5 6; do rotate "k$i" >"$base/k.$i" & done; wait
is "rotation: many daemons at once add one key" "1" "$(cat "$base"/k.* | grep -c t)"
is "... which is published before it signs" "k0* t t" "$(keys | cut -d' ' -f1) $(owner "SELECT count(*) = 2,
	max(signs_from) BETWEEN now() + interval '1439 minutes' AND now() + interval '1 day' FROM authz.signing_keys" | tr '|' ' ')"
is "rotation: not again" f "$(rotate k9)"
owner "UPDATE authz.signing_keys SET created_at = created_at - interval '1 day', signs_from = signs_from - interval '1 day'" >/dev/null
is "... signs when its time has come, and the old one stays" "t" "$(keys | grep -q '^k0 k[1-6]\*$' && echo t)"
withdraw() { operator "SELECT authz.signing_key_withdraw('$1', '$2', $K)"; }
is "withdraw: unknown" "unknown" "$(withdraw nobody k7)"
P=$(now)
signing=$(owner "SELECT authz.signing_key_now()")
is "withdraw: the one that signs is replaced at once" "replaced k0 k7*" "$(withdraw "$signing" k7) $(keys)"
is "... and nothing that was remembered is sure any more" "event reset " "$(news "$P")"
is "withdraw: another one" "withdrawn k7*" "$(withdraw k0 k8) $(keys)"
is "withdraw: the last one is replaced" "replaced k8*" "$(withdraw k7 k8) $(keys)"
add_key k9 '1 day'
is "withdraw: the one that signs, while its successor waits" "replaced ka* k9" "$(withdraw k8 ka) $(keys)"
is "withdraw: the successor" "withdrawn ka*" "$(withdraw k9 kb) $(keys)"
is "the daemon may not withdraw" "permission denied" "$(daemon "SELECT authz.signing_key_withdraw('ka', 'kb', $K)" | grep -o 'permission denied')"

finish
