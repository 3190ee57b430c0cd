-- SPDX-License-Identifier: Apache-2.0
-- How many seconds ago the person may have signed in (OpenID Connect Core, 3.1.2.1: max_age); NULL: as long as the session lives.
ALTER TABLE authz.requests ADD COLUMN max_age bigint CHECK (max_age BETWEEN 0 AND 2147483647);
