/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>
#include <unistd.h>

#include "encoding.h"
#include "secret.h"

enum { PUBLIC_SIZE = 32 };

struct audit_key {
	EVP_PKEY *pkey;
	char id[AUDIT_KEY_ID_SIZE];
};

static struct audit_key *key_of(EVP_PKEY *pkey)
{
	uint8_t public[PUBLIC_SIZE], digest[SHA256_SIZE];
	size_t len = sizeof(public);
	struct audit_key *key = h2o_mem_alloc(sizeof(*key));

	*key = (struct audit_key){.pkey = pkey};
	if (EVP_PKEY_get_raw_public_key(pkey, public, &len) != 1)
		h2o_fatal("a key has no public half");
	sha256(h2o_iovec_init(public, len), digest);
	for (size_t i = 0; i < (AUDIT_KEY_ID_SIZE - 1) / 2; i++)
		snprintf(key->id + 2 * i, 3, "%02x", digest[i]);
	return key;
}

struct audit_key *audit_key_load(h2o_mem_pool_t *pool, const char *path, bool is_public, const char **error)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *pkey = NULL;

	if (file == NULL) {
		*error = text_printf(pool, "%s: %s", path, strerror(errno));
		return NULL;
	}
	pkey = is_public ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : PEM_read_PrivateKey(file, NULL, NULL, "");
	fclose(file);
	if (pkey != NULL && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519)
		return key_of(pkey);
	EVP_PKEY_free(pkey);
	*error = text_printf(pool, "%s: is no %s Ed25519 key in PEM", path, is_public ? "public" : "private");
	return NULL;
}

void audit_key_free(struct audit_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

static FILE *new_file(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	return fd >= 0 ? fdopen(fd, "w") : NULL;
}

static bool write_key(const char *path, const EVP_PKEY *pkey, bool is_public)
{
	FILE *file = new_file(path, is_public ? 0644 : 0600);

	if (file == NULL)
		return false;
	bool written = is_public ? PEM_write_PUBKEY(file, pkey) == 1
	                         : PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1;
	return fclose(file) == 0 && written;
}

const char *audit_key_make(h2o_mem_pool_t *pool, const char *path)
{
	const char *public = text_printf(pool, "%s.pub", path), *problem = NULL;
	EVP_PKEY *pkey;

	if (access(public, F_OK) == 0)
		return text_printf(pool, "%s: %s", public, strerror(EEXIST));
	pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (pkey == NULL)
		return "no key can be made";
	if (!write_key(path, pkey, false))
		problem = text_printf(pool, "%s: %s", path, strerror(errno));
	else if (!write_key(public, pkey, true))
		problem = text_printf(pool, "%s: %s", public, strerror(errno));
	EVP_PKEY_free(pkey);
	return problem;
}

const char *audit_key_id(const struct audit_key *key)
{
	return key->id;
}

bool audit_key_sign(const struct audit_key *key, h2o_iovec_t text, uint8_t signature[AUDIT_SIGNATURE_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t len = AUDIT_SIGNATURE_SIZE;
	bool fine = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
	            EVP_DigestSign(context, signature, &len, (const uint8_t *)text.base, text.len) == 1;

	EVP_MD_CTX_free(context);
	return fine;
}

bool audit_key_verify(const struct audit_key *key, h2o_iovec_t text, const uint8_t signature[AUDIT_SIGNATURE_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool fine =
	    context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
	    EVP_DigestVerify(context, signature, AUDIT_SIGNATURE_SIZE, (const uint8_t *)text.base, text.len) == 1;

	EVP_MD_CTX_free(context);
	return fine;
}
