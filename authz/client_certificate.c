/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/client_certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/encoding.h"

enum { SUBJECT_MAX = 1024 };

const char *const TLS_SUBJECT_KINDS[SUBJECT_KINDS] = {"subject_dn", "san_dns", "san_uri", "san_ip", "san_email"};

/* An IPv4 address in dotted form or an IPv6 address (RFC 5952): 4 or 16 bytes, or 0. */
static size_t address_read(const char *text, uint8_t bytes[16])
{
	if (inet_pton(AF_INET, text, bytes) == 1)
		return 4;
	return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

const char *tls_subject_problem(enum tls_subject_kind kind, h2o_iovec_t value)
{
	uint8_t bytes[16];
	char text[INET6_ADDRSTRLEN];
	if (value.len == 0 || value.len > SUBJECT_MAX || !text_is_utf8(value) || text_has_invisible(value))
		return "must be at most 1024 bytes of visible text";
	if (kind == SUBJECT_DN && memchr(value.base, '=', value.len) == NULL)
		return "must be a distinguished name (RFC 4514)";
	if (kind != SUBJECT_SAN_IP)
		return NULL;
	snprintf(text, sizeof(text), "%.*s", (int)(value.len < sizeof(text) ? value.len : sizeof(text) - 1),
	         value.base);
	return strlen(text) == value.len && address_read(text, bytes) > 0 ? NULL : "must be an IP address";
}

/* NULL unless it is exactly one certificate. */
static X509 *certificate_read(h2o_iovec_t der)
{
	const uint8_t *end = (const uint8_t *)der.base;
	X509 *certificate = der.len > 0 ? d2i_X509(NULL, &end, (long)der.len) : NULL;
	if (certificate != NULL && end != (const uint8_t *)der.base + der.len) {
		X509_free(certificate);
		certificate = NULL;
	}
	ERR_clear_error(); /* what stays there would be taken for an error of the next TLS record */
	return certificate;
}

/* RFC 4514 leaves open whether what is not ASCII is written as itself or as hexadecimal pairs: both are that name. */
static bool subject_is(const X509 *certificate, const char *value)
{
	static const unsigned long forms[] = {XN_FLAG_RFC2253, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB};
	bool found = false;
	for (size_t i = 0; i < 2 && !found; i++) {
		BIO *bio = BIO_new(BIO_s_mem());
		char *text = NULL;
		if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, forms[i]) > 0) {
			long len = BIO_get_mem_data(bio, &text);
			found = len > 0 && text_is(h2o_iovec_init(text, (size_t)len), value);
		}
		BIO_free(bio);
	}
	return found;
}

static bool name_is(const GENERAL_NAME *name, enum tls_subject_kind kind, const char *value)
{
	static const int types[] = {-1, GEN_DNS, GEN_URI, GEN_IPADD, GEN_EMAIL};
	uint8_t address[16];
	int type;
	const ASN1_STRING *string = GENERAL_NAME_get0_value(name, &type);
	if (type != types[kind])
		return false;
	h2o_iovec_t found = h2o_iovec_init(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
	if (kind != SUBJECT_SAN_IP)
		return text_is(found, value);
	size_t len = address_read(value, address);
	return len > 0 && found.len == len && memcmp(found.base, address, len) == 0;
}

static bool has_name(const X509 *certificate, enum tls_subject_kind kind, const char *value)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool found = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) /* -1 of none */
		found = name_is(sk_GENERAL_NAME_value(names, i), kind, value);
	GENERAL_NAMES_free(names);
	return found;
}

/* A session that is resumed is not verified again: it may have outlived its certificate. */
static bool is_valid_now(const X509 *certificate)
{
	return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
	       X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

bool certificate_has_subject(h2o_iovec_t der, const char *kind, const char *value)
{
	X509 *certificate = certificate_read(der);
	bool found = false;
	if (certificate == NULL || kind == NULL || value == NULL || *value == '\0' || !is_valid_now(certificate)) {
		X509_free(certificate);
		return false;
	}
	for (int k = SUBJECT_DN; k < SUBJECT_KINDS; k++)
		if (strcmp(kind, TLS_SUBJECT_KINDS[k]) == 0)
			found = k == SUBJECT_DN ? subject_is(certificate, value)
			                        : has_name(certificate, (enum tls_subject_kind)k, value);
	X509_free(certificate);
	ERR_clear_error();
	return found;
}

bool certificate_is_of(h2o_iovec_t der, const struct key_set *set)
{
	uint8_t digest[SHA256_SIZE];
	X509 *certificate = certificate_read(der);
	EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
	bool found = false;
	sha256(der, digest);
	for (size_t i = 0; certificate != NULL && i < set->certificate_count && !found; i++)
		found = memcmp(set->certificates[i], digest, SHA256_SIZE) == 0;
	for (size_t i = 0; key != NULL && i < set->keys->count && !found; i++)
		found = EVP_PKEY_eq(key, set->keys->keys[i].key) == 1;
	X509_free(certificate);
	ERR_clear_error();
	return found;
}
