#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Proofs by keys and certificates: what is read for them, what verdicts compare, and that an assertion counts once. On a PostgreSQL of its own,
# as the roles that will call the functions. TAP.
. "$(dirname "${BASH_SOURCE[0]}")/lib/cluster.sh"
is "migrations, functions and grants apply" "" "$(apply)"

add() { # id, method, digest, jwks, jwks_uri, algorithm, kind, subject, bound, sealed, sealed_with
	daemon "SELECT client_id FROM authz.client_add('$1', 'admin', 'x', '$2', $3, '{}', '{}', '', 'web', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	        'http://127.0.0.1:9401/mcp', $4, $5, $6, $7, $8, $9, ${10}, ${11}, NULL, NULL)"
}
K="'{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\"}]}'"
is "a client with keys needs no digest from the daemon" "jwt" "$(add jwt private_key_jwt NULL "$K" NULL "'ES256'" NULL NULL false NULL NULL)"
is "nor one with published keys" "uri" "$(add uri private_key_jwt NULL NULL "'https://c.example/jwks'" NULL NULL NULL true NULL NULL)"
is "nor one with a certificate" "tls" "$(add tls tls_client_auth NULL NULL NULL NULL "'san_dns'" "'a.example'" false NULL NULL)"
is "a shared secret comes with its digest and sealed" "mac" "$(add mac client_secret_jwt "sha256('s')" NULL NULL NULL NULL NULL false \
	"decode(repeat('00', 60), 'hex')" 7)"
has "keys or their place must be there" "keys_for_signatures" "$(add none private_key_jwt NULL NULL NULL NULL NULL NULL false NULL NULL)"
has "a place is https" "jwks_uri_check" "$(add none private_key_jwt NULL NULL "'http://c.example/'" NULL NULL NULL false NULL NULL)"

keys() { daemon "SELECT auth_method, encode(key_digest, 'hex'), jwks, jwks_uri, assertion_algorithm, octet_length(sealed_secret), sealed_with, tls_subject_kind,
	tls_subject, certificate_bound FROM authz.client_keys('$1')"; }
digest() { owner "SELECT encode(secret_digest, 'hex') FROM authz.clients WHERE client_id = '$1'"; }
is "keys are read with their digest" "private_key_jwt|$(digest jwt)|{\"keys\": [{\"kid\": \"a\", \"kty\": \"EC\"}]}||ES256|||||f" "$(keys jwt)"
is "so is the place of keys, and a demand for binding" "private_key_jwt|$(digest uri)||https://c.example/jwks||||||t" "$(keys uri)"
is "so is the name in a certificate" "tls_client_auth|$(digest tls)||||||san_dns|a.example|f" "$(keys tls)"
is "so is a sealed secret" "client_secret_jwt|$(digest mac)||||60|7|||f" "$(keys mac)"
is "of an unknown client nothing is read" "" "$(keys nobody)"
is "the digest of a shared secret is the daemon's" "$(owner "SELECT encode(sha256('s'), 'hex')")" "$(digest mac)"

proved() { # id, method, digest
	daemon "SELECT authz.prove_client('$1', '$2', decode('$3', 'hex'), decode('$3', 'hex'), false)"
}
yes=$(proved jwt private_key_jwt "$(digest jwt)")
is "a proof against these keys holds" "nothing" "$yes"
is "against those of another client it does not" "client_refused" "$(proved jwt private_key_jwt "$(digest uri)")"
is "nor by another method" "client_refused" "$(proved jwt self_signed_tls_client_auth "$(digest jwt)")"
is "nor as a secret" "client_refused" "$(proved jwt client_secret_post "$(digest jwt)")"

old=$(digest jwt)
change() { owner "UPDATE authz.clients SET $2 WHERE client_id = '$1'"; }
change jwt "jwks = '{\"keys\":[{\"kty\":\"EC\",\"kid\":\"b\"}]}'"
is "with new keys the digest is another one" "t" "$([ "$old" != "$(digest jwt)" ] && echo t)"
is "and what was verified against the old ones proves nothing" "client_refused" "$(proved jwt private_key_jwt "$old")"
change jwt "jwks = $K"
is "the same keys have the same digest" "$old" "$(digest jwt)"
change jwt "assertion_algorithm = NULL"
is "the algorithm is part of it" "t" "$([ "$old" != "$(digest jwt)" ] && echo t)"
old=$(digest tls)
change tls "tls_subject = 'b.example'"
is "the name in a certificate is" "t" "$([ "$old" != "$(digest tls)" ] && echo t)"
old=$(digest tls)
change tls "secret_digest = sha256('x')"
is "nobody can put another digest in its place" "$old" "$(digest tls)"
change mac "name = 'y'"
is "a secret's digest stays when something else changes" "$(owner "SELECT encode(sha256('s'), 'hex')")" "$(digest mac)"
change jwt "enabled = false"
is "of a disabled client nothing is read" "" "$(keys jwt)"

use() { daemon "SELECT authz.assertion_use('$1', sha256('$2'), floor(extract(epoch FROM clock_timestamp()))::bigint + $3)"; }
is "an assertion counts" "t" "$(use uri j 60)"
is "once" "f" "$(use uri j 60)"
is "also with another end" "f" "$(use uri j 120)"
is "of another client it is another one" "t" "$(use mac j 60)"
is "one that has expired does not count" "f" "$(use uri k 0)"
is "and leaves nothing behind" "2" "$(owner "SELECT count(*) FROM authz.used_assertions")"
for n in 1 2 3 4 5 6 7 8; do use uri race 60 >>"$base/race" & done
wait
is "of eight at the same time one counts" "1" "$(grep -c t "$base/race")"
owner "INSERT INTO authz.used_assertions VALUES ('uri', sha256('old'), now() - interval '2 minutes')" >/dev/null
daemon "SELECT authz.sweep(600)" >/dev/null
is "what has expired is swept, what has not is kept" "3" "$(owner "SELECT count(*) FROM authz.used_assertions")"
is "assertions of the past are gone" "0" "$(owner "SELECT count(*) FROM authz.used_assertions WHERE expires_at < now()")"
has "the operator has no use for keys" "permission denied" "$(operator "SELECT * FROM authz.client_keys('uri')")"
has "nobody sees the table" "permission denied" "$(daemon "SELECT * FROM authz.used_assertions")"

finish
