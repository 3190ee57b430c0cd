-- SPDX-License-Identifier: Apache-2.0
-- The SHA-256 of the document that a client is described by today; empty for a client that registered otherwise.
CREATE OR REPLACE FUNCTION authz.document_digest(p_client_id text)
RETURNS bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN coalesce((SELECT d.digest FROM authz.client_documents AS d WHERE d.client_id = p_client_id), '\x'::bytea);
END
$$;
