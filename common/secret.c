/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdalign.h>
#include <string.h>
#include <sys/random.h>

#include "encoding.h"

enum { GCM_NONCE_SIZE = 12, GCM_TAG_SIZE = 16 };

/* OpenSSL 3 looks an algorithm up by name on every implicit fetch, which costs more than the
 * digest of a short text: the algorithms are fetched once, the contexts once per thread. */
static pthread_once_t algorithms_once = PTHREAD_ONCE_INIT, gcm_once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;
static EVP_MD *sha256_algorithm;
static EVP_MAC *hmac_algorithm;
static EVP_CIPHER *gcm_algorithm;

struct contexts {
	EVP_MD_CTX *digest;
	EVP_MAC_CTX *mac;
};
static __thread struct contexts *thread_contexts;

static void must(bool done)
{
	if (!done)
		h2o_fatal("OpenSSL cannot compute");
}

static void contexts_free(void *data)
{
	struct contexts *contexts = data;
	EVP_MD_CTX_free(contexts->digest);
	EVP_MAC_CTX_free(contexts->mac);
	free(contexts);
	thread_contexts = NULL;
}

static void algorithms_fetch(void)
{
	sha256_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	hmac_algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
	must(sha256_algorithm != NULL && hmac_algorithm != NULL);
	must(pthread_key_create(&contexts_key, contexts_free) == 0);
}

/* The first cipher makes OpenSSL list all of its ciphers, which a start without sealed keys does not wait for. */
static void gcm_fetch(void)
{
	gcm_algorithm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	must(gcm_algorithm != NULL);
}

static struct contexts *contexts_here(void)
{
	if (thread_contexts != NULL)
		return thread_contexts;
	must(pthread_once(&algorithms_once, algorithms_fetch) == 0);
	struct contexts *contexts = h2o_mem_alloc(sizeof(*contexts));
	contexts->digest = EVP_MD_CTX_new();
	contexts->mac = EVP_MAC_CTX_new(hmac_algorithm);
	must(contexts->digest != NULL && contexts->mac != NULL);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
	    OSSL_PARAM_construct_end(),
	};
	must(EVP_MAC_CTX_set_params(contexts->mac, params) == 1);
	must(pthread_setspecific(contexts_key, contexts) == 0);
	thread_contexts = contexts;
	return contexts;
}

struct wiped {
	size_t len;
	alignas(max_align_t) uint8_t bytes[];
};

static void wiped_dispose(void *data)
{
	struct wiped *wiped = data;
	OPENSSL_cleanse(wiped->bytes, wiped->len);
}

void *secret_alloc(h2o_mem_pool_t *pool, size_t len)
{
	if (len > SIZE_MAX / 2)
		h2o_fatal("a secret is too large");
	struct wiped *wiped = h2o_mem_alloc_shared(pool, sizeof(*wiped) + len, wiped_dispose);
	wiped->len = len;
	memset(wiped->bytes, 0, len);
	return wiped->bytes;
}

struct secret secret_copy(h2o_mem_pool_t *pool, const void *bytes, size_t len)
{
	uint8_t *copy = secret_alloc(pool, len);
	if (len != 0)
		memcpy(copy, bytes, len);
	return (struct secret){copy, len};
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void secret_wipe(void *bytes, size_t len)
{
	OPENSSL_cleanse(bytes, len);
}

void random_bytes(void *bytes, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = getrandom((uint8_t *)bytes + done, len - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			h2o_fatal("the kernel gives no random numbers");
		done += (size_t)n;
	}
}

char *random_token(h2o_mem_pool_t *pool, const char *prefix)
{
	uint8_t bytes[32];
	size_t prefix_len = strlen(prefix);
	char *token = secret_alloc(pool, prefix_len + 43 + 1);
	random_bytes(bytes, sizeof(bytes));
	memcpy(token, prefix, prefix_len);
	base64url_encode_into(bytes, sizeof(bytes), token + prefix_len);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return token;
}

void sha256(h2o_iovec_t data, uint8_t digest[SHA256_SIZE])
{
	EVP_MD_CTX *ctx = contexts_here()->digest;
	must(EVP_DigestInit_ex2(ctx, sha256_algorithm, NULL) == 1 && EVP_DigestUpdate(ctx, data.base, data.len) == 1 &&
	     EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
}

char *sha256_base64url(h2o_mem_pool_t *pool, h2o_iovec_t data)
{
	uint8_t digest[SHA256_SIZE];

	sha256(data, digest);
	return base64url_encode(pool, digest, sizeof(digest)).base;
}

void hmac_sha256(const uint8_t key[32], h2o_iovec_t data, uint8_t mac[SHA256_SIZE])
{
	EVP_MAC_CTX *ctx = contexts_here()->mac;
	size_t len;
	must(EVP_MAC_init(ctx, key, 32, NULL) == 1 && EVP_MAC_update(ctx, (const uint8_t *)data.base, data.len) == 1 &&
	     EVP_MAC_final(ctx, mac, &len, SHA256_SIZE) == 1 && len == SHA256_SIZE);
}

void derive_key(const uint8_t master[32], const char *purpose, uint8_t key[32])
{
	static const uint8_t no_salt[32]; /* RFC 5869, 2.2: zeros if there is none */
	uint8_t extracted[SHA256_SIZE];
	char info[256];
	size_t len = strlen(purpose);
	if (len >= sizeof(info))
		h2o_fatal("the purpose of a key is too long");
	hmac_sha256(no_salt, h2o_iovec_init(master, 32), extracted);
	/* RFC 5869, 2.3: one block is enough for 32 bytes, T(1) = HMAC(PRK, info | 0x01). */
	memcpy(info, purpose, len);
	info[len] = 1;
	hmac_sha256(extracted, h2o_iovec_init(info, len + 1), key);
	OPENSSL_cleanse(extracted, sizeof(extracted));
}

static EVP_CIPHER_CTX *gcm_context(void)
{
	must(pthread_once(&gcm_once, gcm_fetch) == 0);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	must(ctx != NULL);
	return ctx;
}

h2o_iovec_t secret_seal(h2o_mem_pool_t *pool, const uint8_t key[32], h2o_iovec_t context, h2o_iovec_t plain)
{
	int len;
	if (plain.len > INT_MAX - 64 || context.len > INT_MAX)
		h2o_fatal("a text to be sealed is too large");
	uint8_t *sealed = h2o_mem_alloc_pool(pool, GCM_NONCE_SIZE + plain.len + GCM_TAG_SIZE);
	uint8_t *cipher = sealed + GCM_NONCE_SIZE;
	EVP_CIPHER_CTX *ctx = gcm_context();
	random_bytes(sealed, GCM_NONCE_SIZE);
	must(EVP_EncryptInit_ex2(ctx, gcm_algorithm, key, sealed, NULL) == 1);
	if (context.len != 0)
		must(EVP_EncryptUpdate(ctx, NULL, &len, (uint8_t *)context.base, (int)context.len) == 1);
	if (plain.len != 0)
		must(EVP_EncryptUpdate(ctx, cipher, &len, (uint8_t *)plain.base, (int)plain.len) == 1);
	must(EVP_EncryptFinal_ex(ctx, cipher + plain.len, &len) == 1);
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_SIZE, cipher + plain.len) == 1);
	EVP_CIPHER_CTX_free(ctx);
	return h2o_iovec_init(sealed, GCM_NONCE_SIZE + plain.len + GCM_TAG_SIZE);
}

static bool gcm_open(EVP_CIPHER_CTX *ctx, const uint8_t key[32], h2o_iovec_t context, h2o_iovec_t sealed,
                     uint8_t *plain, size_t plain_len)
{
	const uint8_t *nonce = (const uint8_t *)sealed.base, *cipher = nonce + GCM_NONCE_SIZE;
	uint8_t tag[GCM_TAG_SIZE];
	int len;
	memcpy(tag, cipher + plain_len, sizeof(tag));
	if (EVP_DecryptInit_ex2(ctx, gcm_algorithm, key, nonce, NULL) != 1)
		return false;
	if (context.len != 0 && EVP_DecryptUpdate(ctx, NULL, &len, (uint8_t *)context.base, (int)context.len) != 1)
		return false;
	if (plain_len != 0 && EVP_DecryptUpdate(ctx, plain, &len, cipher, (int)plain_len) != 1)
		return false;
	return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_SIZE, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, plain + plain_len, &len) == 1;
}

struct secret secret_open(h2o_mem_pool_t *pool, const uint8_t key[32], h2o_iovec_t context, h2o_iovec_t sealed)
{
	size_t overhead = GCM_NONCE_SIZE + GCM_TAG_SIZE;
	if (sealed.len < overhead || sealed.len > INT_MAX || context.len > INT_MAX)
		return (struct secret){NULL, 0};
	size_t len = sealed.len - overhead;
	uint8_t *plain = secret_alloc(pool, len + 1); /* a NUL behind it, for texts */
	EVP_CIPHER_CTX *ctx = gcm_context();
	bool genuine = gcm_open(ctx, key, context, sealed, plain, len);
	EVP_CIPHER_CTX_free(ctx);
	if (!genuine) {
		OPENSSL_cleanse(plain, len);
		return (struct secret){NULL, 0};
	}
	return (struct secret){plain, len};
}
