-- SPDX-License-Identifier: Apache-2.0
-- OpenID Connect: a nonce travels from the request to the ID token. The two scopes that speak of the person instead of a resource stand beside
-- each resource's own, so that consent, grants and tokens treat them like any other.
ALTER TABLE authz.requests ADD COLUMN nonce text CHECK (octet_length(nonce) <= 1024);
ALTER TABLE authz.codes ADD COLUMN nonce text CHECK (octet_length(nonce) <= 1024);

INSERT INTO authz.scopes (resource, name, title)
SELECT r.uri, s.name, s.title
FROM authz.resources AS r
CROSS JOIN (VALUES ('openid', 'Know that it is you'), ('profile', 'See your name')) AS s (name, title)
ON CONFLICT DO NOTHING;

-- Everybody may say who he is.
UPDATE authz.people AS p
SET scopes = ARRAY(SELECT s FROM unnest(p.scopes || ARRAY['openid', 'profile']) AS s GROUP BY s ORDER BY s COLLATE "C");
