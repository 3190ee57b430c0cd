-- SPDX-License-Identifier: Apache-2.0
-- True for one caller in all: the approval counts for it, and for nobody else, whatever process asks and however many at once. It is marked where all
-- marks stand that count once, under a digest that no proof has, and swept away with them; none is good for as long as its mark stays.
CREATE OR REPLACE FUNCTION mcp.approval_spend(p_id uuid)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = mcp, pg_temp AS $$
BEGIN
	INSERT INTO authz.used_proofs (digest, expires_at)
	VALUES (sha256(convert_to('mcp approval ' || p_id, 'UTF8')), clock_timestamp() + interval '1 hour')
	ON CONFLICT DO NOTHING;
	RETURN FOUND;
END
$$;
