/* SPDX-License-Identifier: Apache-2.0 */
/* Slices of text. The slice type is h2o_iovec_t (base, len; not NUL-terminated unless said), the
 * arena is h2o_mem_pool_t: what a function here returns lives in the pool that it was given. */
#ifndef SALLYPORT_TEXT_H
#define SALLYPORT_TEXT_H

#include <h2o.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A slice over a C string (not copied); NULL gives {NULL, 0}. */
h2o_iovec_t text_of(const char *s);
/* Byte equality. {NULL, 0} equals "". Not constant time: never for secrets (secret.h). */
bool text_equal(h2o_iovec_t a, h2o_iovec_t b);
bool text_is(h2o_iovec_t a, const char *literal);
bool text_starts(h2o_iovec_t a, const char *prefix);
/* Without the blanks and tabs around it: optional white space of HTTP (RFC 9110, 5.6.3). Not copied. */
h2o_iovec_t text_trim(h2o_iovec_t a);
/* What stands before the separator, or all of it, trimmed; *rest becomes what follows, {NULL, 0} behind the last. */
h2o_iovec_t text_cut(h2o_iovec_t *rest, char separator);
/* ASCII case-insensitive equality. */
bool text_is_nocase(h2o_iovec_t a, const char *literal);
/* NUL-terminated copies in the pool. */
char *text_copy(h2o_mem_pool_t *pool, h2o_iovec_t a);
char *text_printf(h2o_mem_pool_t *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *text_vprintf(h2o_mem_pool_t *pool, const char *format, va_list arguments);

/* RFC 9110, 5.6.2: a token, of which names of headers are made. */
bool text_is_token(h2o_iovec_t a);
/* RFC 6838, 4.2: type "/" subtype, without parameters, at most 128 bytes. */
bool text_is_media_type(h2o_iovec_t a);

/* True for well-formed UTF-8 (no surrogates, no overlong forms) without NUL. */
bool text_is_utf8(h2o_iovec_t a);
/* The character at p and its length; what is no UTF-8 is U+FFFD, one byte long. `left` is at least 1. */
uint32_t text_read(const char *p, size_t left, size_t *len);
/* The longest beginning of at most `limit` bytes that does not end within a character. */
h2o_iovec_t text_beginning(h2o_iovec_t text, size_t limit);
/* Number of code points; the text must be valid UTF-8. */
size_t text_code_points(h2o_iovec_t a);
/* True if the (valid UTF-8) text has a control character, a bidirectional override or isolate, a
 * zero-width or other invisible character, or a tag character: none belongs in a name shown to people. */
bool text_has_invisible(h2o_iovec_t a);
bool text_is_invisible(uint32_t code);

/* Decimal without sign, blanks or leading zeros ("0" is fine); false leaves *ret alone. */
bool text_to_int64(h2o_iovec_t a, int64_t *ret);

/* A growing, NUL-terminated text. Start zeroed with a pool; memory belongs to the pool. */
struct text_buffer {
	h2o_mem_pool_t *pool;
	char *base;
	size_t len, capacity;
};
void text_append(struct text_buffer *b, const void *bytes, size_t len);
void text_append_str(struct text_buffer *b, const char *s);
void text_append_iovec(struct text_buffer *b, h2o_iovec_t a);
/* What text_has_invisible finds is written as <U+202E>. */
void text_append_visible(struct text_buffer *b, h2o_iovec_t a);
void text_append_printf(struct text_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As a JSON string with its quotes; U+2028 and U+2029 escaped too. Invalid UTF-8 becomes U+FFFD. */
void text_append_json(struct text_buffer *b, h2o_iovec_t a);
/* & < > " ' as character references: safe in HTML text and in quoted attributes. */
void text_append_html(struct text_buffer *b, h2o_iovec_t a);
/* Percent-encoding of everything but RFC 3986 unreserved characters. */
void text_append_uri(struct text_buffer *b, h2o_iovec_t a);

#endif
