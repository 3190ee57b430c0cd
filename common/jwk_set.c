/* SPDX-License-Identifier: Apache-2.0 */
/* JWKS documents: the half of jwk.h that reads what others published. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <string.h>

#include "encoding.h"
#include "jwk.h"

enum { P256_SIZE = 32, ED25519_SIZE = 32, KID_MAX = 256 };

struct reading {
	h2o_mem_pool_t *pool;
	bool own;               /* jwk_set_read_own */
	enum jws_algorithm rsa; /* of an RSA key without alg */
};

enum verdict { KEY_TAKEN, KEY_PASSED_OVER, KEY_REFUSED };

static EVP_PKEY *key_of_params(const char *type, OSSL_PARAM *params, bool deep)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY_CTX *check = NULL;

	/* the deep check finds a point off its curve, an even exponent, a modulus that is prime or has small factors */
	if (EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1 ||
	    (deep &&
	     ((check = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL)) == NULL || EVP_PKEY_public_check(check) != 1))) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	EVP_PKEY_CTX_free(check);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *read_ec(const json_t *object)
{
	uint8_t point[1 + 2 * P256_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
	char group[] = SN_X9_62_prime256v1;

	/* RFC 7518, 6.2.1.2: exactly the size of a coordinate */
	if (!base64url_decode_exact(json_get_text(object, "x"), point + 1, P256_SIZE) ||
	    !base64url_decode_exact(json_get_text(object, "y"), point + 1 + P256_SIZE, P256_SIZE))
		return NULL;
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
	    OSSL_PARAM_construct_end(),
	};
	return key_of_params("EC", params, true);
}

static EVP_PKEY *read_okp(const json_t *object)
{
	uint8_t point[ED25519_SIZE];

	if (!base64url_decode_exact(json_get_text(object, "x"), point, sizeof(point)))
		return NULL;
	return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, point, sizeof(point));
}

/* RFC 7518, 2: Base64urlUInt has no leading zero. */
static BIGNUM *read_number(h2o_mem_pool_t *pool, const json_t *object, const char *member, size_t size_max)
{
	h2o_iovec_t bytes = base64url_decode(pool, json_get_text(object, member));
	if (bytes.len == 0 || bytes.len > size_max || bytes.base[0] == 0)
		return NULL;
	return BN_bin2bn((const uint8_t *)bytes.base, (int)bytes.len, NULL);
}

/* That a modulus is prime takes long to find out (a second for 8,192 bits), and of a key that proves nobody but its
 * owner it does not matter. */
static EVP_PKEY *read_rsa(const struct reading *rd, const json_t *object)
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params = NULL;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *n = read_number(rd->pool, object, "n", (rd->own ? JWK_RSA_BITS_MAX_OWN : JWK_RSA_BITS_MAX) / 8);
	BIGNUM *e = read_number(rd->pool, object, "e", 8); /* a long exponent only burns time */

	/* with an exponent of 1 everybody can sign */
	if (n != NULL && e != NULL && BN_num_bits(n) >= JWK_RSA_BITS_MIN && BN_is_odd(e) && !BN_is_one(e) &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		params = OSSL_PARAM_BLD_to_param(builder);
	if (params != NULL)
		key = key_of_params("RSA", params, !rd->own);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(n);
	BN_free(e);
	return key;
}

/* RFC 7518, 6.2.2, 6.3.2, 6.4 and RFC 8037, 2: where these stand, a secret was published. */
static bool has_private_member(const json_t *object)
{
	static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (json_object_get(object, names[i]) != NULL)
			return true;
	}
	return false;
}

/* RFC 7517, 4.2 and 4.3 */
static bool is_for_verifying(const json_t *object)
{
	const json_t *use = json_object_get(object, "use"), *operations = json_object_get(object, "key_ops");
	const json_t *operation;
	size_t i;

	if (use != NULL && !text_is(json_get_text(object, "use"), "sig"))
		return false;
	if (operations == NULL)
		return true;
	json_array_foreach (operations, i, operation) {
		if (json_is_string(operation) && strcmp(json_string_value(operation), "verify") == 0)
			return true;
	}
	return false;
}

/* The one algorithm of the key; false if it has none that is known here. */
static bool algorithm_fits(const struct reading *rd, const json_t *object, enum jws_algorithm *ret)
{
	h2o_iovec_t kty = json_get_text(object, "kty"), crv = json_get_text(object, "crv");
	enum jws_algorithm named;
	bool is_rsa = text_is(kty, "RSA");

	if (text_is(kty, "EC") && text_is(crv, "P-256"))
		*ret = JWS_ES256;
	else if (text_is(kty, "OKP") && text_is(crv, "Ed25519"))
		*ret = JWS_EDDSA;
	else if (is_rsa)
		*ret = rd->rsa;
	else
		return false;
	if (json_object_get(object, "alg") == NULL)
		return true;
	if (!jws_algorithm_of(json_get_text(object, "alg"), &named))
		return false;
	if (is_rsa && (named == JWS_PS256 || named == JWS_RS256))
		*ret = named;
	return named == *ret;
}

static enum verdict jwk_read(const struct reading *rd, const json_t *object, struct jwk *ret, const char **why)
{
	h2o_iovec_t kid = json_get_text(object, "kid");
	enum jws_algorithm algorithm;
	EVP_PKEY *key;

	*why = "is not an object";
	if (!json_is_object(object))
		return KEY_REFUSED;
	*why = "is a secret or private key";
	if (text_is(json_get_text(object, "kty"), "oct") || has_private_member(object))
		return KEY_REFUSED;
	if ((kid.len == 0 && !rd->own) || kid.len > KID_MAX || !is_for_verifying(object) ||
	    !algorithm_fits(rd, object, &algorithm))
		return KEY_PASSED_OVER;
	if (algorithm == JWS_ES256) {
		*why = "is no point of P-256";
		key = read_ec(object);
	} else if (algorithm == JWS_EDDSA) {
		*why = "is no Ed25519 key";
		key = read_okp(object);
	} else {
		*why = "is no RSA key of 2048 to 8192 bits";
		key = read_rsa(rd, object);
	}
	if (!jwk_fill(rd->pool, ret, algorithm, key, false))
		return KEY_REFUSED;
	ret->kid = text_copy(rd->pool, kid);
	return KEY_TAKEN;
}

static struct jwk_set *set_read(const struct reading *rd, const json_t *document, const char **error)
{
	h2o_mem_pool_t *pool = rd->pool;
	const json_t *keys = json_object_get(document, "keys");
	const json_t *object;
	size_t i;

	if (!json_is_array(keys) || json_array_size(keys) > JWK_SET_MAX) {
		*error = json_is_array(keys) ? "too many keys" : "no array \"keys\"";
		return NULL;
	}
	struct jwk_set *set = h2o_mem_alloc_pool(pool, sizeof(*set));
	set->keys = h2o_mem_alloc_pool(pool, (json_array_size(keys) + 1) * sizeof(*set->keys));
	set->count = 0;
	json_array_foreach (keys, i, object) {
		struct jwk *key = &set->keys[set->count];
		const char *why;
		enum verdict verdict = jwk_read(rd, object, key, &why);
		if (verdict == KEY_TAKEN && jwk_set_find(set, text_of(key->kid)) != NULL) {
			why = "has the kid of another key";
			verdict = KEY_REFUSED;
		}
		if (verdict == KEY_REFUSED) {
			/* what stays in OpenSSL's queue would be taken for an error of the next TLS record */
			ERR_clear_error();
			*error = text_printf(pool, "key %zu %s", i + 1, why);
			return NULL;
		}
		set->count += verdict == KEY_TAKEN;
	}
	return set;
}

struct jwk_set *jwk_set_read(h2o_mem_pool_t *pool, const json_t *document, const char **error)
{
	struct reading rd = {.pool = pool, .rsa = JWS_RS256};

	return set_read(&rd, document, error);
}

struct jwk_set *jwk_set_read_own(h2o_mem_pool_t *pool, const json_t *document, enum jws_algorithm rsa,
                                 const char **error)
{
	struct reading rd = {.pool = pool, .own = true, .rsa = rsa};

	return set_read(&rd, document, error);
}

bool jwk_read_own(h2o_mem_pool_t *pool, const json_t *object, enum jws_algorithm algorithm, struct jwk *ret,
                  const char **why)
{
	struct reading rd = {.pool = pool, .own = true, .rsa = algorithm};
	enum verdict verdict = jwk_read(&rd, object, ret, why);

	if (verdict == KEY_TAKEN && ret->algorithm == algorithm)
		return true;
	if (verdict != KEY_REFUSED)
		*why = "is for another algorithm or use";
	ERR_clear_error();
	return false;
}

const struct jwk *jwk_set_find(const struct jwk_set *set, h2o_iovec_t kid)
{
	for (size_t i = 0; kid.len > 0 && i < set->count; i++) {
		if (text_is(kid, set->keys[i].kid))
			return &set->keys[i];
	}
	return NULL;
}
