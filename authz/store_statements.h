/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the store only: its statements, and what its files share. */
#ifndef SALLYPORT_STORE_STATEMENTS_H
#define SALLYPORT_STORE_STATEMENTS_H

#include "authz/store.h"

enum store_statement {
	STATEMENT_SIGNING_KEYS, /* the start waits for its answer */
	STATEMENT_TOGETHER,
	STATEMENT_CLIENT_ADD,
	STATEMENT_CLIENT_GET,
	STATEMENT_CLIENT_LIST,
	STATEMENT_CLIENT_UPDATE,
	STATEMENT_CLIENT_DELETE,
	STATEMENT_CLIENT_REGISTER,
	STATEMENT_CLIENT_REGISTERED,
	STATEMENT_CLIENT_REPLACE,
	STATEMENT_CLIENT_UNREGISTER,
	STATEMENT_CLIENT_KEYS,
	STATEMENT_ASSERTION_USE,
	STATEMENT_PROOF_USE,
	STATEMENT_AUTHORIZE_LOOKUP,
	STATEMENT_DOCUMENT_LOOKUP,
	STATEMENT_DOCUMENT_PUT,
	STATEMENT_DOCUMENT_CONFIRM,
	STATEMENT_DOCUMENT_WITHDRAW,
	STATEMENT_AUTHORIZE,
	STATEMENT_PAGE_VIEW,
	STATEMENT_PERSON_FOR_SIGN_IN,
	STATEMENT_SIGN_IN,
	STATEMENT_SIGN_OUT,
	STATEMENT_DECIDE,
	STATEMENT_REDEEM_CODE,
	STATEMENT_REFRESH,
	STATEMENT_CLIENT_CREDENTIALS,
	STATEMENT_INTROSPECT,
	STATEMENT_INTROSPECT_API_KEY,
	STATEMENT_USERINFO,
	STATEMENT_REVOKE,
	STATEMENT_PROVE_CLIENT,
	STATEMENT_FEED_POLL,
	STATEMENT_ADMIN_KEY,
	STATEMENT_SIGNING_KEY_ADD_FIRST,
	STATEMENT_SIGNING_KEY_ROTATE,
	STATEMENT_SWEEP,
	STATEMENT_SWEEP_CLIENTS,
	STATEMENTS
};

enum { PROOF_PARAMS = 4 };

/* Of a verdict that locks nothing that others need but the row, or what stands for it, that `id` names; what it locks
 * beside it, it does not wait for (FOR ... SKIP LOCKED). */
static inline step_result store_ask_together(struct request *r, enum store_statement statement,
                                             const struct db_param *params, size_t count,
                                             const uint8_t id[DB_ORDER_SIZE])
{
	return db_ask_together(r, authz_of(r)->db, statement, params, count, id);
}

static inline step_result store_ask(struct request *r, enum store_statement statement, const struct db_param *params,
                                    size_t count)
{
	return db_ask(r, authz_of(r)->db, statement, params, count);
}

/* What registration and update both say of a client, in the order in which the functions take it; and all that a new
 * client is. */
enum { CLIENT_METADATA_PARAMS = 18, CLIENT_ADD_PARAMS = 5 + CLIENT_METADATA_PARAMS + 4 };
void store_client_metadata_params(struct request *r, const struct client *c,
                                  struct db_param params[CLIENT_METADATA_PARAMS]);
void store_client_add_params(struct request *r, const struct client *c, const uint8_t *secret_digest,
                             struct db_param params[CLIENT_ADD_PARAMS]);
/* The first four parameters of a verdict that proves its client. */
void store_proof_params(const struct client_proof *proof, struct db_param params[PROOF_PARAMS]);
enum { DOCUMENT_PUT_PARAMS = 26 };
/* The parameters of STATEMENT_DOCUMENT_PUT. */
void store_document_params(h2o_mem_pool_t *pool, const struct client *c, const struct document_put *d, bool imported,
                           struct db_param params[DOCUMENT_PUT_PARAMS]);
/* The column "outcome" as its place in a list; 0, which is always a refusal, for a text that is not in it. */
int store_outcome(const struct request *r, const char *const *names, int count);
/* Copies in the request's pool; NULL of NULL, or of no row. */
const char *store_text(struct request *r, size_t row, const char *column);
const char **store_texts(struct request *r, size_t row, const char *column, size_t *ret_count);

#endif
