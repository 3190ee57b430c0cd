-- SPDX-License-Identifier: Apache-2.0
-- What the operator says of a person beside scopes, roles and groups: members of a JSON object, which resource servers are told. As text, for
-- jsonb would write numbers anew. Names that introspection (RFC 7662) and tokens (RFC 7519, 9068, 9396) give a meaning to are theirs alone.
ALTER TABLE authz.people ADD COLUMN claims text NOT NULL DEFAULT '{}'
	CONSTRAINT claims_of_the_operator CHECK (
		octet_length(claims) <= 4096 AND jsonb_typeof(claims::jsonb) = 'object' AND NOT claims::jsonb ?| ARRAY[
			'acr', 'act', 'active', 'amr', 'aud', 'auth_time', 'authorization_details', 'azp', 'client_id', 'cnf', 'entitlements', 'exp',
			'grant_id', 'grantable_scope', 'groups', 'iat', 'iss', 'jti', 'may_act', 'nbf', 'nonce', 'roles', 'scope', 'sid', 'sub',
			'token_type', 'typ', 'username']);
