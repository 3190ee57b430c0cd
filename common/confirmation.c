/* SPDX-License-Identifier: Apache-2.0 */
#include "confirmation.h"

#include <string.h>

#include "encoding.h"

static bool thumbprint_read(const json_t *cnf, const char *member, uint8_t ret[SHA256_SIZE], bool *ret_there)
{
	*ret_there = json_object_get(cnf, member) != NULL;
	return !*ret_there || base64url_decode_exact(json_get_text(cnf, member), ret, SHA256_SIZE);
}

bool confirmation_read(const json_t *claims, struct confirmation *ret)
{
	const json_t *cnf = json_object_get(claims, "cnf");

	*ret = (struct confirmation){false};
	if (cnf == NULL)
		return true;
	/* what is not understood beside them may demand more than is asked for here */
	if (thumbprint_read(cnf, "x5t#S256", ret->certificate, &ret->by_certificate) &&
	    thumbprint_read(cnf, "jkt", ret->key, &ret->by_key) && json_object_size(cnf) > 0 &&
	    json_object_size(cnf) == (size_t)ret->by_certificate + (size_t)ret->by_key)
		return true;
	*ret = (struct confirmation){false};
	return false;
}

bool confirmation_equal(const struct confirmation *a, const struct confirmation *b)
{
	return a->by_certificate == b->by_certificate && a->by_key == b->by_key &&
	       memcmp(a->certificate, b->certificate, SHA256_SIZE) == 0 && memcmp(a->key, b->key, SHA256_SIZE) == 0;
}

bool request_certificate_is(struct request *r, const uint8_t thumbprint[SHA256_SIZE])
{
	h2o_iovec_t certificate = request_certificate(r, NULL);
	uint8_t digest[SHA256_SIZE];

	if (certificate.len == 0)
		return false;
	sha256(certificate, digest);
	return secret_equal(digest, thumbprint, SHA256_SIZE);
}
