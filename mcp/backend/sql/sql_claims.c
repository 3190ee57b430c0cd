/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_claims.h"

#include <string.h>
#include <time.h>

#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/caller/bearer.h"

/* So much later the transaction may begin, by the database's clock, which may also be so much behind (claims_sql.c). */
enum { BEGINS_WITHIN_S = 30 };

/* What is signed. claims_sql.c builds the same of what the session itself says: names have their lengths before them,
 * so that no two sessions have the same text. */
static h2o_iovec_t message_of(h2o_mem_pool_t *pool, const struct db_session *session, int64_t expires,
                              const char *claims)
{
	struct text_buffer b = {.pool = pool};

	text_append_printf(&b, "sallyport-claims 1\n%d\n%lld\n%zu:%s\n%zu:%s\n", session->pid, (long long)expires,
	                   strlen(session->user), session->user, strlen(session->database), session->database);
	text_append_str(&b, claims);
	return h2o_iovec_init(b.base, b.len);
}

char *sql_claims_proof(h2o_mem_pool_t *pool, const struct handle_keys *keys, const struct db_session *session,
                       int64_t expires, const char *claims)
{
	uint8_t key[32], mac[SHA256_SIZE];
	int key_id = 0;

	handle_keys_derive(keys, -1, SQL_CLAIMS_PURPOSE, key, &key_id);
	hmac_sha256(key, message_of(pool, session, expires, claims), mac);
	secret_wipe(key, sizeof(key));
	return text_printf(pool, "1.%d.%lld.%s", key_id, (long long)expires, hex_encode(pool, mac, sizeof(mac)));
}

void sql_claims_bind(struct request *r, const struct db_session *session, struct db_param *params)
{
	const char *claims = bearer_of(r)->claims;
	int64_t expires = (int64_t)time(NULL) + BEGINS_WITHIN_S;

	params[1] = param_text(claims);
	params[2] = param_text(sql_claims_proof(&r->pool, mcp_of(r)->handle_keys, session, expires, claims));
}
