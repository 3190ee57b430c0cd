-- SPDX-License-Identifier: Apache-2.0
-- Who may do what: nobody sees a table; each role executes its own functions. Applied after the functions, whenever any of them changed.
REVOKE ALL ON SCHEMA authz, mcp FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA authz, mcp FROM PUBLIC, sallyport_authz, sallyport_admin, sallyport_mcp, sallyport_tools_read, sallyport_tools_write;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA authz, mcp FROM PUBLIC, sallyport_authz, sallyport_admin, sallyport_mcp, sallyport_tools_read, sallyport_tools_write;
REVOKE ALL ON SCHEMA authz, mcp FROM sallyport_tools_read, sallyport_tools_write;
REVOKE ALL ON SCHEMA authz FROM sallyport_mcp;
ALTER DEFAULT PRIVILEGES IN SCHEMA authz, mcp REVOKE ALL ON TABLES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; -- (functions: only the form without a schema takes the built-in grant away)
GRANT USAGE ON SCHEMA authz TO sallyport_authz, sallyport_admin;
GRANT USAGE ON SCHEMA mcp TO sallyport_mcp, sallyport_authz, sallyport_admin;

DO $$
DECLARE
	-- The daemon's verdicts, and the operator's verbs.
	daemon text[] := ARRAY[
		'admin_key', 'assertion_use', 'authorize', 'authorize_lookup', 'client_add', 'client_credentials', 'client_delete',
		'client_document', 'client_document_confirm', 'client_document_put', 'client_document_withdraw', 'client_get',
		'client_keys', 'client_list', 'client_register', 'client_registered', 'client_replace', 'client_unregister',
		'client_update', 'decide', 'feed_poll', 'introspect', 'introspect_api_key', 'page_view', 'person_for_sign_in', 'proof_use',
		'prove_client', 'redeem_code', 'refresh', 'revoke', 'sign_in', 'sign_out', 'signing_key_add_first',
		'signing_key_rotate', 'signing_keys', 'sweep', 'sweep_clients', 'userinfo'];
	operator text[] := ARRAY[
		'admin_key_add', 'admin_key_list', 'admin_key_revoke', 'api_key_add', 'api_key_list', 'api_key_revoke', 'client_add', 'client_delete', 'client_document_expire',
		'client_document_put', 'client_get', 'client_list', 'client_set_enabled', 'client_update', 'consent_forget',
		'consent_list', 'group_delete', 'group_list', 'group_put', 'initial_access_add', 'initial_access_list',
		'initial_access_revoke', 'person_add', 'person_list', 'person_set_claims', 'person_set_enabled', 'person_set_groups',
		'person_set_password', 'person_set_roles', 'person_set_scopes', 'person_show', 'resource_list', 'resource_put', 'revoke_all', 'role_delete',
		'role_list', 'role_put', 'signing_key_add', 'signing_key_add_first', 'signing_key_withdraw', 'signing_keys'];
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

-- Of schema mcp: what the MCP server does itself, what the authorization server does there (its audit lines), and what only the operator may.
DO $$
DECLARE
	daemon text[] := ARRAY['approval_spend', 'audit_expire', 'audit_heads', 'audit_knows', 'audit_put', 'quota_exchange', 'quota_forget'];
	authorization_server text[] := ARRAY['audit_put'];
	operator text[] := ARRAY['audit_expire', 'audit_heads', 'audit_retain'];
	f record;
BEGIN
	FOR f IN SELECT p.proname AS name, p.oid::pg_catalog.regprocedure AS signature FROM pg_catalog.pg_proc AS p
	         WHERE p.pronamespace = 'mcp'::pg_catalog.regnamespace
	LOOP
		IF f.name = ANY (daemon) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sallyport_mcp', f.signature);
		END IF;
		IF f.name = ANY (authorization_server) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sallyport_authz', f.signature);
		END IF;
		IF f.name = ANY (operator) THEN
			EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO sallyport_admin', f.signature);
		END IF;
	END LOOP;
END
$$;
