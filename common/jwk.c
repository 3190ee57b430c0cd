/* SPDX-License-Identifier: Apache-2.0 */
#include "jwk.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "encoding.h"
#include "secret.h"

enum { P256_SIZE = 32, ED25519_SIZE = 32, RSA_BITS = 3072 };

/* RFC 7518, 3.1 and RFC 8037, 3.1 */
static const char *const algorithm_names[JWS_ALGORITHMS] = {
    [JWS_ES256] = "ES256",
    [JWS_RS256] = "RS256",
    [JWS_PS256] = "PS256",
    [JWS_EDDSA] = "EdDSA",
};

const char *jws_algorithm_name(enum jws_algorithm a)
{
	return algorithm_names[a];
}

bool jws_algorithm_of(h2o_iovec_t name, enum jws_algorithm *ret)
{
	for (int a = 0; a < JWS_ALGORITHMS; a++) {
		if (text_is(name, algorithm_names[a])) {
			*ret = (enum jws_algorithm)a;
			return true;
		}
	}
	if (!text_is(name, "Ed25519"))
		return false;
	*ret = JWS_EDDSA;
	return true;
}

/* ---- A key and what is prepared of it ---- */

struct key_parts {
	EVP_PKEY *key;
	EVP_MD_CTX *sign, *verify;
};

static void key_parts_dispose(void *data)
{
	struct key_parts *parts = data;
	EVP_MD_CTX_free(parts->sign);
	EVP_MD_CTX_free(parts->verify);
	EVP_PKEY_free(parts->key);
}

/* An initialised context is a template: copying it costs no search for implementations, which would be a third of an
 * ES256 signature. */
static EVP_MD_CTX *context_prepare(enum jws_algorithm algorithm, EVP_PKEY *key, bool sign)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *padding = NULL; /* belongs to ctx */
	const char *digest = algorithm == JWS_EDDSA ? NULL : "SHA256";
	int fine = sign ? EVP_DigestSignInit_ex(ctx, &padding, digest, NULL, NULL, key, NULL)
	                : EVP_DigestVerifyInit_ex(ctx, &padding, digest, NULL, NULL, key, NULL);
	/* RFC 7518, 3.5: the salt is as long as the digest, MGF1 uses the same digest (OpenSSL's default) */
	if (fine == 1 && algorithm == JWS_PS256) {
		if (EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) <= 0 ||
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) <= 0)
			fine = 0;
	}
	if (fine == 1)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

/* Does this key carry out that algorithm? RFC 8725, 3.1 */
static bool key_fits(enum jws_algorithm algorithm, const EVP_PKEY *key)
{
	char group[32];
	size_t len;

	switch (algorithm) {
	case JWS_ES256:
		return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
		       strcmp(group, SN_X9_62_prime256v1) == 0;
	case JWS_RS256:
	case JWS_PS256:
		return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= JWK_RSA_BITS_MIN &&
		       EVP_PKEY_get_bits(key) <= JWK_RSA_BITS_MAX;
	case JWS_EDDSA: return EVP_PKEY_is_a(key, "ED25519");
	default: return false;
	}
}

bool jwk_fill(h2o_mem_pool_t *pool, struct jwk *ret, enum jws_algorithm algorithm, EVP_PKEY *key, bool is_private)
{
	struct key_parts *parts = h2o_mem_alloc_shared(pool, sizeof(*parts), key_parts_dispose);
	*parts = (struct key_parts){.key = key};
	if (key == NULL || !key_fits(algorithm, key))
		return false;
	parts->verify = context_prepare(algorithm, key, false);
	if (is_private)
		parts->sign = context_prepare(algorithm, key, true);
	*ret = (struct jwk){
	    .algorithm = algorithm,
	    .key = key,
	    .is_private = is_private,
	    .sign = parts->sign,
	    .verify = parts->verify,
	};
	return parts->verify != NULL && (!is_private || parts->sign != NULL);
}

/* ---- Members ---- */

/* "e", "n", "x" and "y", as far as the key has them. */
struct members {
	char *first, *second;
};

static char *number_text(h2o_mem_pool_t *pool, const EVP_PKEY *key, const char *param, int width)
{
	uint8_t bytes[JWK_RSA_BITS_MAX / 8];
	BIGNUM *n = NULL;

	if (EVP_PKEY_get_bn_param(key, param, &n) != 1)
		return NULL;
	/* RFC 7518, 6.3.1: as few octets as possible; 6.2.1: coordinates have the full size */
	int len = width != 0 ? width : BN_num_bytes(n);
	char *text = NULL;
	if (len <= (int)sizeof(bytes) && BN_bn2binpad(n, bytes, len) == len)
		text = base64url_encode(pool, bytes, (size_t)len).base;
	BN_free(n);
	return text;
}

static bool members_of(h2o_mem_pool_t *pool, const struct jwk *key, struct members *ret)
{
	*ret = (struct members){NULL, NULL};
	if (key->algorithm == JWS_ES256) {
		ret->first = number_text(pool, key->key, OSSL_PKEY_PARAM_EC_PUB_X, P256_SIZE);
		ret->second = number_text(pool, key->key, OSSL_PKEY_PARAM_EC_PUB_Y, P256_SIZE);
		return ret->first != NULL && ret->second != NULL;
	}
	if (key->algorithm == JWS_EDDSA) {
		uint8_t bytes[ED25519_SIZE];
		size_t len = sizeof(bytes);
		if (EVP_PKEY_get_raw_public_key(key->key, bytes, &len) == 1 && len == sizeof(bytes))
			ret->first = base64url_encode(pool, bytes, len).base;
		return ret->first != NULL;
	}
	ret->first = number_text(pool, key->key, OSSL_PKEY_PARAM_RSA_E, 0);
	ret->second = number_text(pool, key->key, OSSL_PKEY_PARAM_RSA_N, 0);
	return ret->first != NULL && ret->second != NULL;
}

char *jwk_thumbprint(h2o_mem_pool_t *pool, const struct jwk *key)
{
	struct members m;
	char *text;

	if (!members_of(pool, key, &m))
		return NULL;
	/* RFC 7638, 3.2 and RFC 8037, 2: required members only, in this order, without blanks */
	if (key->algorithm == JWS_ES256)
		text = text_printf(pool, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", m.first,
		                   m.second);
	else if (key->algorithm == JWS_EDDSA)
		text = text_printf(pool, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", m.first);
	else
		text = text_printf(pool, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", m.first, m.second);
	return sha256_base64url(pool, text_of(text));
}

json_t *jwk_public_json(const struct jwk *key)
{
	h2o_mem_pool_t pool;
	struct members m;
	json_t *json = NULL;

	h2o_mem_init_pool(&pool);
	if (members_of(&pool, key, &m)) {
		if (key->algorithm == JWS_ES256)
			json = json_pack("{ss ss ss ss}", "kty", "EC", "crv", "P-256", "x", m.first, "y", m.second);
		else if (key->algorithm == JWS_EDDSA)
			json = json_pack("{ss ss ss}", "kty", "OKP", "crv", "Ed25519", "x", m.first);
		else
			json = json_pack("{ss ss ss}", "kty", "RSA", "n", m.second, "e", m.first);
	}
	h2o_mem_clear_pool(&pool);
	json_object_set_new(json, "kid", json_string(key->kid));
	json_object_set_new(json, "alg", json_string(jws_algorithm_name(key->algorithm)));
	json_object_set_new(json, "use", json_string("sig"));
	return json;
}

/* ---- Private keys ---- */

static struct jwk *jwk_of_private(h2o_mem_pool_t *pool, enum jws_algorithm algorithm, EVP_PKEY *key)
{
	struct jwk *jwk = h2o_mem_alloc_pool(pool, sizeof(*jwk));
	if (!jwk_fill(pool, jwk, algorithm, key, true)) {
		ERR_clear_error();
		return NULL;
	}
	jwk->kid = jwk_thumbprint(pool, jwk);
	return jwk->kid != NULL ? jwk : NULL;
}

struct jwk *jwk_generate(h2o_mem_pool_t *pool, enum jws_algorithm algorithm)
{
	EVP_PKEY *key = NULL;

	if (algorithm == JWS_ES256)
		key = EVP_EC_gen(SN_X9_62_prime256v1);
	else if (algorithm == JWS_EDDSA)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (algorithm == JWS_RS256 || algorithm == JWS_PS256)
		key = EVP_RSA_gen(RSA_BITS);
	return jwk_of_private(pool, algorithm, key);
}

h2o_iovec_t jwk_private_der(h2o_mem_pool_t *pool, const struct jwk *key)
{
	h2o_iovec_t ret = {NULL, 0};
	uint8_t *der = NULL;

	if (!key->is_private)
		return ret;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->key);
	int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
	PKCS8_PRIV_KEY_INFO_free(info);
	if (len <= 0) {
		ERR_clear_error();
		return ret;
	}
	ret = h2o_iovec_init(secret_alloc(pool, (size_t)len), (size_t)len);
	memcpy(ret.base, der, ret.len);
	OPENSSL_clear_free(der, ret.len);
	return ret;
}

struct jwk *jwk_of_private_der(h2o_mem_pool_t *pool, enum jws_algorithm algorithm, const void *der, size_t len)
{
	const uint8_t *p = der;
	EVP_PKEY *key = NULL;

	if (len == 0 || len > INT32_MAX)
		return NULL;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)len);
	if (info != NULL && p == (const uint8_t *)der + len)
		key = EVP_PKCS82PKEY(info);
	PKCS8_PRIV_KEY_INFO_free(info);
	return jwk_of_private(pool, algorithm, key);
}
