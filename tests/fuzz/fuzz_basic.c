/* SPDX-License-Identifier: Apache-2.0 */
/* Any Authorization header: what is accepted has an id without NUL and a secret that is not empty. */
#include <stdlib.h>
#include <string.h>

#include "authz/token_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t zero[SHA256_SIZE];
	struct client_proof proof = {.client_id = NULL};
	h2o_mem_pool_t pool;
	h2o_mem_init_pool(&pool);
	if (basic_credentials_read(&pool, h2o_iovec_init(data, size), &proof)) {
		bool whole = proof.client_id != NULL && proof.client_id[0] != '\0' && proof.method == AUTH_SECRET_BASIC;
		if (!whole || memcmp(proof.secret_digest, zero, sizeof(zero)) == 0 ||
		    memcmp(proof.raw_secret_digest, zero, sizeof(zero)) == 0)
			abort();
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
