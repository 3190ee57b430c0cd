-- SPDX-License-Identifier: Apache-2.0
-- Who may do what: nobody sees a table; each role executes its own functions. Applied after the functions, whenever any of them changed.
REVOKE ALL ON SCHEMA authz FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA authz FROM PUBLIC, sallyport_authz, sallyport_admin, sallyport_tools_read, sallyport_tools_write;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA authz FROM PUBLIC, sallyport_authz, sallyport_admin, sallyport_tools_read, sallyport_tools_write;
REVOKE ALL ON SCHEMA authz FROM sallyport_tools_read, sallyport_tools_write;
ALTER DEFAULT PRIVILEGES IN SCHEMA authz REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; -- (functions: only the form without a schema takes the built-in grant away)
GRANT USAGE ON SCHEMA authz TO sallyport_authz, sallyport_admin;

-- A function whose parameters changed is another function to PostgreSQL: the older one of a name goes, or it could still be called.
DO $$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN SELECT p.oid FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_proc AS newer USING (pronamespace, proname)
	         WHERE p.pronamespace = 'authz'::pg_catalog.regnamespace AND newer.oid > p.oid
	LOOP
		EXECUTE format('DROP FUNCTION %s', f);
	END LOOP;
END
$$;

DO $$
DECLARE
	-- The daemon's verdicts, and the operator's verbs.
	daemon text[] := ARRAY['client_add', 'client_get', 'client_list', 'client_update', 'client_delete', 'authorize_lookup', 'request_add', 'page_view',
	                       'person_for_sign_in', 'sign_in', 'sign_out', 'decide', 'redeem_code', 'refresh', 'introspect', 'revoke', 'prove_client',
	                       'admin_key', 'signing_keys', 'signing_key_add_first', 'sweep'];
	operator text[] := ARRAY['client_add', 'client_get', 'client_list', 'client_update', 'client_set_enabled', 'client_delete', 'person_add', 'person_list',
	                         'person_set_enabled', 'person_set_password', 'person_set_scopes', 'resource_put', 'resource_list', 'signing_keys',
	                         'signing_key_add', 'signing_key_add_first', 'admin_key_add', 'admin_key_list', 'admin_key_revoke'];
	f record;
BEGIN
	FOR f IN SELECT p.proname AS name, p.oid::pg_catalog.regprocedure AS signature FROM pg_catalog.pg_proc AS p
	         WHERE p.pronamespace = 'authz'::pg_catalog.regnamespace
	LOOP
		IF f.name = ANY (daemon) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sallyport_authz', f.signature);
		END IF;
		IF f.name = ANY (operator) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sallyport_admin', f.signature);
		END IF;
	END LOOP;
END
$$;
