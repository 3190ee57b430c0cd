-- SPDX-License-Identifier: Apache-2.0
-- Run before the functions are applied: PostgreSQL replaces no function by one with other parameters or another answer, so the older ones go first.
-- Those of triggers keep their form, and their triggers need them.
DO $$
DECLARE
	f regprocedure;
BEGIN
	FOR f IN SELECT p.oid FROM pg_catalog.pg_proc AS p
	         WHERE p.pronamespace IN ('authz'::pg_catalog.regnamespace, 'mcp'::pg_catalog.regnamespace) AND p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype
	LOOP
		EXECUTE pg_catalog.format('DROP FUNCTION %s', f);
	END LOOP;
END
$$;
