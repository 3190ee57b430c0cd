-- SPDX-License-Identifier: Apache-2.0
-- Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document): clients whose id is the URL of the document that describes them.
-- What the document says stands in authz.clients, where every verdict looks; here is where it came from.
CREATE TABLE authz.client_documents (
	client_id     text COLLATE "C" PRIMARY KEY REFERENCES authz.clients ON DELETE CASCADE,
	digest        bytea       NOT NULL CHECK (octet_length(digest) = 32), -- SHA-256 of its bytes: consent is bound to it
	imported      boolean     NOT NULL,                                   -- by the operator: never fetched
	withdrawn     boolean     NOT NULL DEFAULT false,                     -- its site answers with something else, or with none, since
	etag          text        CHECK (etag ~ '^(W/)?"[!#-~]*"$' AND length(etag) <= 256),
	last_modified text        CHECK (length(last_modified) = 29),
	fetched_at    timestamptz NOT NULL, -- when the site last gave or confirmed it
	fresh_until   timestamptz NOT NULL,
	changed_at    timestamptz NOT NULL,
	CONSTRAINT imported_stays CHECK (NOT imported OR NOT withdrawn)
);
-- The sweep looks for documents that came to nothing.
CREATE INDEX client_documents_fetched ON authz.client_documents (fetched_at) WHERE NOT imported;
