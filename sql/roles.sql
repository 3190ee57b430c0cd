-- SPDX-License-Identifier: Apache-2.0
-- The roles, made where they are absent and where the migrating user may make roles; otherwise the database's administrator makes
-- them (the names are fixed). None has a password here: peer authentication, or ALTER ROLE ... PASSWORD by the administrator.
--
--   sallyport_owner        owns the schemas authz and mcp and their functions; nobody signs in as it
--   sallyport_authz        the authorization server: may execute its functions, sees no table
--   sallyport_admin        the operator's verbs: the same with the operator's functions
--   sallyport_mcp          the MCP server's own: may execute its functions in schema mcp, sees no table and nothing of authz
--   sallyport_tools_read   SQL tools of mcp that only read; no access to these schemas
--   sallyport_tools_write  SQL tools of mcp that write; no access to these schemas
DO $$
DECLARE
	may boolean := (SELECT r.rolsuper OR r.rolcreaterole FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user);
	role_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['sallyport_owner', 'sallyport_authz', 'sallyport_admin', 'sallyport_mcp',
	                                 'sallyport_tools_read', 'sallyport_tools_write']
	LOOP
		CONTINUE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_roles AS r WHERE r.rolname = role_name);
		IF NOT may THEN
			RAISE EXCEPTION 'role % does not exist and % may not create roles', role_name, current_user;
		END IF;
		EXECUTE format('CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT', role_name,
		               CASE role_name WHEN 'sallyport_owner' THEN 'NOLOGIN' ELSE 'LOGIN' END);
	END LOOP;
	-- To hand the schema to its owner, the migrating user must be a member of it.
	IF NOT pg_catalog.pg_has_role(current_user, 'sallyport_owner', 'MEMBER') THEN
		EXECUTE format('GRANT sallyport_owner TO %I', current_user);
	END IF;
	IF may THEN
		-- Every statement of the daemon goes by a key: plans are made once, and never depend on how small a table was on that day.
		ALTER ROLE sallyport_authz SET plan_cache_mode = 'force_generic_plan';
		ALTER ROLE sallyport_authz SET enable_seqscan = off;
		ALTER ROLE sallyport_authz SET jit = off;
		ALTER ROLE sallyport_authz SET statement_timeout = '10s';
		ALTER ROLE sallyport_authz SET idle_in_transaction_session_timeout = '10s';
		ALTER ROLE sallyport_admin SET jit = off; -- or one change of a person's scopes costs seconds of compiling
		ALTER ROLE sallyport_mcp SET jit = off;
		ALTER ROLE sallyport_mcp SET statement_timeout = '10s';
		ALTER ROLE sallyport_mcp SET idle_in_transaction_session_timeout = '10s';
		ALTER ROLE sallyport_tools_read SET default_transaction_read_only = on;
		ALTER ROLE sallyport_tools_read SET statement_timeout = '30s';
		ALTER ROLE sallyport_tools_write SET statement_timeout = '30s';
	END IF;
END
$$;
