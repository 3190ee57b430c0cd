-- SPDX-License-Identifier: Apache-2.0
-- The key of a request and of a code is under the rules of the other columns there (functions/rules.sql), in the same words and under the same names.
ALTER TABLE authz.requests DROP CONSTRAINT requests_key_thumbprint_check;
ALTER TABLE authz.codes    DROP CONSTRAINT codes_key_thumbprint_check;
