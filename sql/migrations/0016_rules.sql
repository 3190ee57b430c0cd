-- SPDX-License-Identifier: Apache-2.0
-- The rules of clients, requests and codes are kept by triggers (functions/rules.sql), in the same words and under the same names, so every row that
-- there is keeps them. What is left as a CHECK is what a frequent UPDATE changes.
DO $$
DECLARE
	v_rule record;
BEGIN
	FOR v_rule IN
		SELECT c.conrelid::regclass AS of_table, c.conname AS name FROM pg_catalog.pg_constraint AS c
		WHERE c.contype = 'c' AND c.conrelid IN ('authz.clients'::regclass, 'authz.requests'::regclass, 'authz.codes'::regclass)
		  AND c.conname NOT IN ('decided_once', 'requests_decision_check', 'redeemed_for_a_grant')
	LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', v_rule.of_table, v_rule.name);
	END LOOP;
	-- The digest of a client's keys is made where its rules are kept.
	IF to_regprocedure('authz.client_digest_keys()') IS NOT NULL THEN
		DROP TRIGGER client_digest_keys ON authz.clients;
		DROP FUNCTION authz.client_digest_keys();
	END IF;
END
$$;
