/* SPDX-License-Identifier: Apache-2.0 */
/* Strict encodings: one text for one value. A decoder that is given anything but the canonical form
 * (padding, line breaks, other alphabets, stray bits at the end) fails. */
#ifndef SALLYPORT_ENCODING_H
#define SALLYPORT_ENCODING_H

#include "text.h"

/* RFC 4648, 5, without padding. The result is NUL-terminated. */
h2o_iovec_t base64url_encode(h2o_mem_pool_t *pool, const void *bytes, size_t len);
/* Into a buffer of (len * 4 + 2) / 3 + 1 bytes, NUL included; for secrets, which must not stay in a pool. Returns the
 * text's length. */
size_t base64url_encode_into(const void *bytes, size_t len, char *text);
/* {NULL, 0} on failure; an empty text gives a non-NULL base with len 0. */
h2o_iovec_t base64url_decode(h2o_mem_pool_t *pool, h2o_iovec_t text);
/* Into a buffer that holds exactly `len` bytes; false if the text is not exactly that long decoded. */
bool base64url_decode_exact(h2o_iovec_t text, void *bytes, size_t len);
/* RFC 4648, 4, with padding (HTTP Basic, Mcp-Name). What was decoded is wiped with the pool. */
h2o_iovec_t base64_encode(h2o_mem_pool_t *pool, const void *bytes, size_t len);
h2o_iovec_t base64_decode(h2o_mem_pool_t *pool, h2o_iovec_t text);
/* Of one hexadecimal digit; -1 of anything else. */
int hex_value(char c);
/* Lower case. */
char *hex_encode(h2o_mem_pool_t *pool, const void *bytes, size_t len);

/* RFC 9562 text form of 16 bytes, and back (lower or upper case). */
enum { UUID_TEXT_SIZE = 37 };
void uuid_format(const uint8_t bytes[16], char text[UUID_TEXT_SIZE]);
bool uuid_parse(h2o_iovec_t text, uint8_t bytes[16]);

/* application/x-www-form-urlencoded value: "+" is a blank, %XX must be two hexadecimal digits, the
 * result must be UTF-8 without NUL; {NULL, 0} otherwise. Wiped with the pool. */
h2o_iovec_t form_decode(h2o_mem_pool_t *pool, h2o_iovec_t text);
/* The same into a buffer of text.len + 1 bytes (a NUL is added). NULL, or a fixed sentence that says what is wrong. */
const char *form_decode_into(h2o_iovec_t text, char *buffer, size_t *ret_len);

#endif
