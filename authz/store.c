/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/store_statements.h"

#include <string.h>

#define CLIENT_COLUMNS                                                                                                 \
	"client_id, origin, enabled, name, auth_method, grant_types, redirect_uris, scope, application_type, "         \
	"client_uri, logo_uri, "                                                                                       \
	"tos_uri, policy_uri, software_id, software_version, contacts, resource, created_at, last_used_at, jwks, "     \
	"jwks_uri, assertion_algorithm, tls_subject_kind, tls_subject, certificate_bound, registration_id, shared, "   \
	"last_granted_at, consent, default_resource, key_bound"

/* In the order of enum store_statement. */
const struct db_statement STORE_STATEMENTS[] = {
    [STATEMENT_CLIENT_ADD] =
	{"client_add",
         "SELECT " CLIENT_COLUMNS
         " FROM authz.client_add($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
         "$20, $21, $22, $23, $24, $25, $26, $27, NULL, NULL, $28, $29, $30)"},
    [STATEMENT_CLIENT_GET] = {"client_get", "SELECT " CLIENT_COLUMNS " FROM authz.client_get($1)"},
    [STATEMENT_CLIENT_LIST] = {"client_list", "SELECT " CLIENT_COLUMNS " FROM authz.client_list($1, $2)"},
    [STATEMENT_CLIENT_UPDATE] =
	{"client_update", "SELECT " CLIENT_COLUMNS
                          " FROM authz.client_update($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
                          "$16, $17, $18, $19, $20, $21, $22, $23, $24)"},
    [STATEMENT_CLIENT_DELETE] = {"client_delete", "SELECT authz.client_delete($1) AS deleted"},
    [STATEMENT_CLIENT_REGISTER] = {"client_register",
                                   "SELECT outcome, (client).* FROM authz.client_register($1, $2, $3, $4, $5, $6, $7, "
                                   "$8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, "
                                   "$25, $26, $27, $28, $29, $30, $31)"},
    [STATEMENT_CLIENT_REGISTERED] = {"client_registered",
                                     "SELECT " CLIENT_COLUMNS " FROM authz.client_registered($1, $2)"},
    [STATEMENT_CLIENT_REPLACE] =
	{"client_replace", "SELECT outcome, (client).* FROM authz.client_replace($1, $2, $3, $4, $5, $6, $7, $8, "
                           "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)"},
    [STATEMENT_CLIENT_UNREGISTER] = {"client_unregister", "SELECT authz.client_unregister($1, $2) AS outcome"},
    [STATEMENT_CLIENT_KEYS] = {"client_keys", "SELECT * FROM authz.client_keys($1)"},
    [STATEMENT_ASSERTION_USE] = {"assertion_use", "SELECT authz.assertion_use($1, $2, $3) AS first"},
    [STATEMENT_PROOF_USE] = {"proof_use", "SELECT authz.proof_use($1, $2) AS first"},
    [STATEMENT_AUTHORIZE_LOOKUP] = {"authorize_lookup", "SELECT * FROM authz.authorize_lookup($1, $2)"},
    [STATEMENT_DOCUMENT_LOOKUP] = {"document_lookup", "SELECT l.*, d.* FROM authz.authorize_lookup($1, $2) "
                                                      "AS l CROSS JOIN authz.client_document($1) AS d"},
    [STATEMENT_DOCUMENT_PUT] = {"document_put",
                                "SELECT authz.client_document_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
                                "$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)"},
    [STATEMENT_DOCUMENT_CONFIRM] = {"document_confirm", "SELECT authz.client_document_confirm($1, $2)"},
    [STATEMENT_DOCUMENT_WITHDRAW] = {"document_withdraw", "SELECT authz.client_document_withdraw($1)"},
    [STATEMENT_AUTHORIZE] = {"authorize",
                             "SELECT * FROM authz.authorize($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
                             "$13, $14, $15, $16, $17, $18, $19)"},
    [STATEMENT_PAGE_VIEW] = {"page_view", "SELECT * FROM authz.page_view($1, $2, $3)"},
    [STATEMENT_PERSON_FOR_SIGN_IN] = {"person_for_sign_in", "SELECT * FROM authz.person_for_sign_in($1, $2)"},
    [STATEMENT_SIGN_IN] = {"sign_in", "SELECT authz.sign_in($1, $2, $3, $4, $5, $6, $7, $8) AS signed_in"},
    [STATEMENT_SIGN_OUT] = {"sign_out", "SELECT authz.sign_out($1)"},
    [STATEMENT_DECIDE] = {"decide", "SELECT * FROM authz.decide($1, $2, $3, $4, $5, $6)"},
    [STATEMENT_REDEEM_CODE] = {"redeem_code",
                               "SELECT * FROM authz.redeem_code($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"},
    [STATEMENT_REFRESH] = {"refresh", "SELECT * FROM authz.refresh($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"},
    [STATEMENT_CLIENT_CREDENTIALS] = {"client_credentials",
                                      "SELECT * FROM authz.client_credentials($1, $2, $3, $4, $5, $6, $7)"},
    [STATEMENT_USERINFO] = {"userinfo", "SELECT * FROM authz.userinfo($1, $2, $3)"},
    [STATEMENT_INTROSPECT] = {"introspect", "SELECT * FROM authz.introspect($1, $2, $3, $4, $5, $6)"},
    [STATEMENT_INTROSPECT_API_KEY] = {"introspect_api_key",
                                      "SELECT * FROM authz.introspect_api_key($1, $2, $3, $4, $5)"},
    [STATEMENT_REVOKE] = {"revoke", "SELECT authz.revoke($1, $2, $3, $4, $5, $6, $7) AS outcome"},
    [STATEMENT_PROVE_CLIENT] = {"prove_client", "SELECT authz.prove_client($1, $2, $3, $4, $5) AS outcome"},
    [STATEMENT_FEED_POLL] = {"feed_poll", "SELECT * FROM authz.feed_poll($1, $2, $3, $4, $5, $6, $7, $8, $9)"},
    [STATEMENT_ADMIN_KEY] = {"admin_key", "SELECT name, scopes FROM authz.admin_key($1)"},
    [STATEMENT_SIGNING_KEYS] = {"signing_keys", "SELECT * FROM authz.signing_keys($1)"},
    [STATEMENT_TOGETHER] = {"together", "SELECT set_config('lock_timeout', '200ms', true)"},
    [STATEMENT_SIGNING_KEY_ADD_FIRST] = {"signing_key_add_first", "SELECT authz.signing_key_add_first($1, $2, $3, $4)"},
    [STATEMENT_SIGNING_KEY_ROTATE] = {"signing_key_rotate", "SELECT authz.signing_key_rotate($1, $2, $3, $4, $5, $6)"},
    [STATEMENT_SWEEP] = {"sweep", "SELECT authz.sweep($1)"},
    [STATEMENT_SWEEP_CLIENTS] = {"sweep_clients", "SELECT authz.sweep_clients($1, $2)"},
};
const size_t STORE_STATEMENT_COUNT = STATEMENTS;
const size_t STORE_TOGETHER = STATEMENT_TOGETHER;

bool store_statement_reads(size_t statement)
{
	return statement == STATEMENT_INTROSPECT;
}

const char *const AUTH_METHOD_NAMES[AUTH_METHODS] = {
    [AUTH_NONE] = "none",
    [AUTH_SECRET_BASIC] = "client_secret_basic",
    [AUTH_SECRET_POST] = "client_secret_post",
    [AUTH_SECRET_JWT] = "client_secret_jwt",
    [AUTH_PRIVATE_KEY_JWT] = "private_key_jwt",
    [AUTH_TLS] = "tls_client_auth",
    [AUTH_SELF_SIGNED_TLS] = "self_signed_tls_client_auth",
};

void store_proof_params(const struct client_proof *proof, struct db_param params[PROOF_PARAMS])
{
	params[0] = param_text(proof->client_id);
	params[1] = param_text(AUTH_METHOD_NAMES[proof->method]);
	params[2] = param_bytes(proof->secret_digest, SHA256_SIZE);
	params[3] = param_bytes(proof->raw_secret_digest, SHA256_SIZE);
}

int store_outcome(const struct request *r, const char *const *names, int count)
{
	const char *outcome = rows_count(r->rows) == 1 ? rows_text(r->rows, 0, "outcome") : NULL;

	for (int i = 0; outcome != NULL && i < count; i++)
		if (strcmp(names[i], outcome) == 0)
			return i;
	return 0;
}

const char *store_text(struct request *r, size_t row, const char *column)
{
	const char *text = row < rows_count(r->rows) ? rows_text(r->rows, row, column) : NULL;

	return text == NULL ? NULL : text_copy(&r->pool, text_of(text));
}

const char **store_texts(struct request *r, size_t row, const char *column, size_t *ret_count)
{
	*ret_count = 0;
	if (row >= rows_count(r->rows) || rows_is_null(r->rows, row, column))
		return NULL;
	return rows_text_array(&r->pool, r->rows, row, column, ret_count);
}

size_t store_background_statement(enum store_background which)
{
	static const size_t STATEMENT_OF[] = {
	    [STORE_SIGNING_KEYS] = STATEMENT_SIGNING_KEYS,
	    [STORE_SIGNING_KEY_ADD_FIRST] = STATEMENT_SIGNING_KEY_ADD_FIRST,
	    [STORE_SIGNING_KEY_ROTATE] = STATEMENT_SIGNING_KEY_ROTATE,
	    [STORE_SWEEP] = STATEMENT_SWEEP,
	    [STORE_SWEEP_CLIENTS] = STATEMENT_SWEEP_CLIENTS,
	};

	return STATEMENT_OF[which];
}
