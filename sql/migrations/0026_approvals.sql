-- SPDX-License-Identifier: Apache-2.0
-- A person's approval of one call (RFC 9396). What she is shown stands in the request only, which is gone within minutes; the code has what the
-- token will say of it: a digest.
ALTER TABLE authz.requests
	ADD COLUMN details  text CHECK (octet_length(details) <= 16384),
	ADD COLUMN approval text CHECK (octet_length(approval) <= 4096),
	ADD CONSTRAINT approved_as_shown CHECK ((details IS NULL) = (approval IS NULL));
ALTER TABLE authz.codes ADD COLUMN approval text CHECK (octet_length(approval) <= 4096);
