-- SPDX-License-Identifier: Apache-2.0
-- RFC 9449, 11.1: true for the first use of a DPoP proof. Whoever comes at the same time waits for the other's transaction and gets false.
CREATE OR REPLACE FUNCTION authz.proof_use(p_digest bytea, p_lifetime bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	INSERT INTO authz.used_proofs (digest, expires_at) VALUES (p_digest, clock_timestamp() + p_lifetime * interval '1 second')
	ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;
