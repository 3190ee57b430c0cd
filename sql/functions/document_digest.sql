-- SPDX-License-Identifier: Apache-2.0
-- The SHA-256 of what a client is described by today, which consent is bound to: its document, or, of a client without one, what was registered of
-- that which people are shown and where answers go.
CREATE OR REPLACE FUNCTION authz.document_digest(p_client_id text)
RETURNS bytea LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = authz, pg_temp AS $$
BEGIN
	RETURN coalesce(
		(SELECT d.digest FROM authz.client_documents AS d WHERE d.client_id = p_client_id),
		(SELECT sha256(convert_to(jsonb_build_array(c.name, c.client_uri, c.redirect_uris)::text, 'UTF8'))
		 FROM authz.clients AS c WHERE c.client_id = p_client_id));
END
$$;
