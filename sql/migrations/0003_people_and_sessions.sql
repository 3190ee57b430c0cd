-- SPDX-License-Identifier: Apache-2.0
-- People, their sign-in sessions, and the counters that slow guessing down. Session ids open nothing by themselves: the cookie is a MACed handle.
CREATE TABLE authz.people (
	person_id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	-- One spelling only: what is typed is lowered before it is compared.
	username            text COLLATE "C" NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$'),
	display_name        text        NOT NULL CHECK (length(display_name) BETWEEN 1 AND 128),
	password_hash       text        CHECK (password_hash ~ '^\$argon2id\$' AND length(password_hash) < 256),
	scopes              text[]      NOT NULL CHECK (cardinality(scopes) <= 100 AND array_position(scopes, NULL) IS NULL),
	enabled             boolean     NOT NULL DEFAULT true,
	created_at          timestamptz NOT NULL DEFAULT now(),
	password_changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE authz.sessions (
	session_id   uuid PRIMARY KEY,
	person_id    uuid        NOT NULL REFERENCES authz.people ON DELETE CASCADE,
	created_at   timestamptz NOT NULL DEFAULT now(), -- when the password was given: auth_time
	last_seen_at timestamptz NOT NULL DEFAULT now(),
	idle         interval    NOT NULL CHECK (idle > interval '0'),
	expires_at   timestamptz NOT NULL,
	CHECK (expires_at > created_at)
);
CREATE INDEX sessions_person ON authz.sessions (person_id);
CREATE INDEX sessions_expires ON authz.sessions (expires_at);

-- Where a person has signed in before: strangers' failures elsewhere do not slow these addresses down.
CREATE TABLE authz.person_addresses (
	person_id  uuid        NOT NULL REFERENCES authz.people ON DELETE CASCADE,
	address    text        NOT NULL,
	last_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (person_id, address)
);
CREATE INDEX person_addresses_last ON authz.person_addresses (last_at);

-- Attempts are counted before the password is compared, so that parallel guesses count too. Names that nobody has are
-- counted alike; the key is a digest, so a row has the same size whatever was typed.
CREATE TABLE authz.sign_in_attempts (
	counter  text        NOT NULL CHECK (counter IN ('person_address', 'address', 'person')),
	key      bytea       NOT NULL CHECK (octet_length(key) = 32),
	attempts integer     NOT NULL CHECK (attempts >= 0),
	last_at  timestamptz NOT NULL,
	PRIMARY KEY (counter, key)
);
CREATE INDEX sign_in_attempts_last ON authz.sign_in_attempts (last_at);
