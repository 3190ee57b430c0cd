/* SPDX-License-Identifier: Apache-2.0 */
#include "encoding.h"

#include <string.h>

#include "secret.h"

static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char basic_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Returns the end of what was written: 4 characters for 3 bytes, 2 or 3 for the rest. */
static char *encode_base64(const char *alphabet, const uint8_t *in, size_t len, char *out)
{
	for (; len >= 3; len -= 3, in += 3) {
		uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		*out++ = alphabet[group >> 18];
		*out++ = alphabet[group >> 12 & 63];
		*out++ = alphabet[group >> 6 & 63];
		*out++ = alphabet[group & 63];
	}
	if (len == 0)
		return out;
	uint32_t group = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
	*out++ = alphabet[group >> 18];
	*out++ = alphabet[group >> 12 & 63];
	if (len == 2)
		*out++ = alphabet[group >> 6 & 63];
	return out;
}

/* Value of a character of the alphabet that ends in c62 and c63, or -1. */
static int sextet(char c, char c62, char c63)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == c62 ? 62 : c == c63 ? 63 : -1;
}

/* Bytes of an unpadded text; SIZE_MAX if no text of this length exists. */
static size_t decoded_length(size_t len)
{
	static const size_t rest[4] = {0, SIZE_MAX, 1, 2};
	return len % 4 == 1 ? SIZE_MAX : len / 4 * 3 + rest[len % 4];
}

/* Unpadded text into decoded_length bytes. */
static bool decode_base64(const char *alphabet, h2o_iovec_t text, uint8_t *out)
{
	uint32_t group = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < text.len; i++) {
		int value = sextet(text.base[i], alphabet[62], alphabet[63]);
		if (value < 0)
			return false;
		group = group << 6 | (uint32_t)value;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*out++ = (uint8_t)(group >> bits);
			group &= (1u << bits) - 1;
		}
	}
	/* RFC 4648, 3.5: bits that stand for nothing must be zero, else two texts have one value. */
	return group == 0;
}

size_t base64url_encode_into(const void *bytes, size_t len, char *text)
{
	char *end = encode_base64(url_alphabet, bytes, len, text);
	*end = '\0';
	return (size_t)(end - text);
}

h2o_iovec_t base64url_encode(h2o_mem_pool_t *pool, const void *bytes, size_t len)
{
	char *text = h2o_mem_alloc_pool(pool, len / 3 * 4 + 5);
	return h2o_iovec_init(text, base64url_encode_into(bytes, len, text));
}

h2o_iovec_t base64url_decode(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	size_t len = decoded_length(text.len);
	if (len == SIZE_MAX)
		return h2o_iovec_init(NULL, 0);
	uint8_t *bytes = h2o_mem_alloc_pool(pool, len + 1);
	if (!decode_base64(url_alphabet, text, bytes))
		return h2o_iovec_init(NULL, 0);
	bytes[len] = 0;
	return h2o_iovec_init(bytes, len);
}

bool base64url_decode_exact(h2o_iovec_t text, void *bytes, size_t len)
{
	return decoded_length(text.len) == len && decode_base64(url_alphabet, text, bytes);
}

h2o_iovec_t base64_encode(h2o_mem_pool_t *pool, const void *bytes, size_t len)
{
	char *text = h2o_mem_alloc_pool(pool, len / 3 * 4 + 5);
	char *end = encode_base64(basic_alphabet, bytes, len, text);
	while ((end - text) % 4 != 0)
		*end++ = '=';
	*end = '\0';
	return h2o_iovec_init(text, (size_t)(end - text));
}

h2o_iovec_t base64_decode(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	if (text.len % 4 != 0)
		return h2o_iovec_init(NULL, 0);
	for (int i = 0; i < 2 && text.len != 0 && text.base[text.len - 1] == '='; i++)
		text.len--;
	size_t len = decoded_length(text.len);
	if (len == SIZE_MAX)
		return h2o_iovec_init(NULL, 0);
	/* HTTP Basic brings passwords here. */
	uint8_t *bytes = secret_alloc(pool, len + 1);
	if (!decode_base64(basic_alphabet, text, bytes))
		return h2o_iovec_init(NULL, 0);
	return h2o_iovec_init(bytes, len);
}

static char *encode_hex(const uint8_t *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

char *hex_encode(h2o_mem_pool_t *pool, const void *bytes, size_t len)
{
	char *text = h2o_mem_alloc_pool(pool, len * 2 + 1);
	*encode_hex(bytes, len, text) = '\0';
	return text;
}

int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 9562, 4: a hyphen stands before these bytes. */
static bool uuid_has_hyphen_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void uuid_format(const uint8_t bytes[16], char text[UUID_TEXT_SIZE])
{
	for (size_t i = 0; i < 16; i++) {
		if (uuid_has_hyphen_before(i))
			*text++ = '-';
		text = encode_hex(bytes + i, 1, text);
	}
	*text = '\0';
}

bool uuid_parse(h2o_iovec_t text, uint8_t bytes[16])
{
	uint8_t parsed[16];
	const char *s = text.base;
	if (text.len != UUID_TEXT_SIZE - 1)
		return false;
	for (size_t i = 0; i < 16; i++) {
		if (uuid_has_hyphen_before(i) && *s++ != '-')
			return false;
		int high = hex_value(s[0]), low = hex_value(s[1]);
		if (high < 0 || low < 0)
			return false;
		parsed[i] = (uint8_t)(high << 4 | low);
		s += 2;
	}
	memcpy(bytes, parsed, sizeof(parsed));
	return true;
}

/* Bytes in front that stand for themselves: most of a form are long tokens of nothing else. */
static size_t form_plain_run(h2o_iovec_t text)
{
	static const bool PLAIN[256] = {
	    [0x01 ... 0x24] = true, [0x26 ... 0x2a] = true, [0x2c ... 0xff] = true}; /* not NUL, "%" and "+" */
	size_t run = 0;
	while (run < text.len && PLAIN[(uint8_t)text.base[run]])
		run++;
	return run;
}

/* One that does not; NULL, or what is wrong. */
static const char *form_decode_one(h2o_iovec_t text, char *ret, size_t *ret_taken)
{
	*ret_taken = 1;
	*ret = ' ';
	if (text.base[0] == '+')
		return NULL;
	if (text.base[0] == '%') {
		if (text.len < 3)
			return "a percent escape is cut off";
		int high = hex_value(text.base[1]), low = hex_value(text.base[2]);
		if (high < 0 || low < 0)
			return "a percent escape is not two hexadecimal digits";
		*ret = (char)(high << 4 | low);
		*ret_taken = 3;
		if (*ret != '\0')
			return NULL;
	}
	return "a NUL is not allowed";
}

const char *form_decode_into(h2o_iovec_t text, char *buffer, size_t *ret_len)
{
	size_t len = 0;
	while (text.len > 0) {
		size_t taken = form_plain_run(text);
		if (taken > 0) {
			memcpy(buffer + len, text.base, taken);
			len += taken;
		} else {
			const char *problem = form_decode_one(text, buffer + len++, &taken);
			if (problem != NULL)
				return problem;
		}
		text.base += taken;
		text.len -= taken;
	}
	buffer[len] = '\0';
	if (!text_is_utf8(h2o_iovec_init(buffer, len)))
		return "the text is not UTF-8";
	*ret_len = len;
	return NULL;
}

h2o_iovec_t form_decode(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	char *decoded = secret_alloc(pool, text.len + 1);
	size_t len;
	if (form_decode_into(text, decoded, &len) != NULL)
		return h2o_iovec_init(NULL, 0);
	return h2o_iovec_init(decoded, len);
}
