/* SPDX-License-Identifier: Apache-2.0 */
#include "confirmation.h"

#include <string.h>

#include "encoding.h"

enum confirmation confirmation_read(const json_t *claims, uint8_t ret_thumbprint[SHA256_SIZE])
{
	const json_t *cnf = json_object_get(claims, "cnf");

	memset(ret_thumbprint, 0, SHA256_SIZE);
	if (cnf == NULL)
		return CONFIRMATION_NONE;
	/* what is not understood beside it may demand more than is asked for here */
	if (json_object_size(cnf) == 1 &&
	    base64url_decode_exact(json_get_text(cnf, "x5t#S256"), ret_thumbprint, SHA256_SIZE))
		return CONFIRMATION_CERTIFICATE;
	memset(ret_thumbprint, 0, SHA256_SIZE);
	return CONFIRMATION_OTHER;
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
