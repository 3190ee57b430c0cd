/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_line.h"

#include <string.h>

#include "clock.h"
#include "encoding.h"

#define SIGNATURE_MEMBER ",\"signature\":\""

static void hex_into(const uint8_t *bytes, size_t len, char *text)
{
	static const char DIGITS[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = DIGITS[bytes[i] >> 4];
		text[2 * i + 1] = DIGITS[bytes[i] & 15];
	}
	text[2 * len] = '\0';
}

void audit_digest(h2o_iovec_t bytes, char text[AUDIT_DIGEST_SIZE])
{
	uint8_t digest[SHA256_SIZE];

	sha256(bytes, digest);
	hex_into(digest, sizeof(digest), text);
}

void audit_chain_begin(struct audit_chain *chain)
{
	uint8_t id[(AUDIT_CHAIN_SIZE - 1) / 2];

	random_bytes(id, sizeof(id));
	hex_into(id, sizeof(id), chain->id);
	memset(chain->head, '0', AUDIT_DIGEST_SIZE - 1);
	chain->head[AUDIT_DIGEST_SIZE - 1] = '\0';
	chain->seq = 0;
}

void audit_chain_advance(struct audit_chain *chain, h2o_iovec_t line)
{
	audit_digest(line, chain->head);
	chain->seq++;
}

/* ---- writing ---- */

void audit_chain_append(struct text_buffer *b, const struct audit_chain *chain)
{
	text_append_printf(b, "{\"chain\":\"%s\",\"seq\":%lld,\"digest\":\"%s\"}", chain->id, (long long)chain->seq,
	                   chain->head);
}

void audit_torn_append(struct text_buffer *b, const char *member, const struct audit_torn *torn)
{
	if (torn->count == 0)
		return;
	text_append_printf(b, ",\"%s\":", member);
	for (size_t i = 0; i < torn->count; i++)
		text_append_printf(b, "%c{\"bytes\":%zu,\"digest\":\"%s\"}", i == 0 ? '[' : ',', torn->pieces[i].bytes,
		                   torn->pieces[i].digest);
	text_append_str(b, "]");
}

h2o_iovec_t audit_checkpoint_members(h2o_mem_pool_t *pool, h2o_iovec_t others)
{
	struct text_buffer b = {.pool = pool};

	text_append_str(&b, "\"event\":\"checkpoint\"");
	if (others.len > 0) {
		text_append_str(&b, ",\"others\":[");
		text_append_iovec(&b, others);
		text_append_str(&b, "]");
	}
	return h2o_iovec_init(b.base, b.len);
}

static void sign(struct text_buffer *line, size_t start, const struct audit_key *key)
{
	uint8_t signature[AUDIT_SIGNATURE_SIZE];
	char text[AUDIT_SIGNATURE_TEXT + 1];
	struct text_buffer bytes = {.pool = line->pool};

	text_append_str(&bytes, AUDIT_SIGNED);
	text_append(&bytes, line->base + start, line->len - start);
	if (!audit_key_sign(key, h2o_iovec_init(bytes.base, bytes.len), signature))
		return;
	base64url_encode_into(signature, sizeof(signature), text);
	text_append_str(line, SIGNATURE_MEMBER);
	text_append(line, text, AUDIT_SIGNATURE_TEXT);
	text_append_str(line, "\"");
}

void audit_line_format(struct text_buffer *line, const struct audit_chain *chain, const struct audit_head *head,
                       h2o_iovec_t members, const struct audit_key *key)
{
	size_t start = line->len;
	char time[CLOCK_TEXT_SIZE], seq[48];

	clock_format_now(time);
	snprintf(seq, sizeof(seq), "\",\"seq\":%lld,\"prev\":\"", (long long)chain->seq + 1);
	text_append_str(line, "{\"time\":\"");
	text_append_str(line, time);
	text_append_str(line, "\",\"program\":\"");
	text_append_str(line, head->program);
	text_append_str(line, "\",\"chain\":\"");
	text_append(line, chain->id, AUDIT_CHAIN_SIZE - 1);
	text_append_str(line, seq);
	text_append(line, chain->head, AUDIT_DIGEST_SIZE - 1);
	text_append_str(line, "\"");
	if (head->torn != NULL)
		audit_torn_append(line, "torn", head->torn);
	if (head->lost > 0)
		text_append_printf(line, ",\"lost\":%llu", (unsigned long long)head->lost);
	if (members.len > 0)
		text_append_str(line, ",");
	text_append_iovec(line, members);
	if (key != NULL)
		sign(line, start, key);
	text_append_str(line, "}");
}

/* ---- reading ---- */

struct reader {
	const char *at, *end;
};

static bool take(struct reader *in, const char *literal)
{
	size_t len = strlen(literal);

	if ((size_t)(in->end - in->at) < len || memcmp(in->at, literal, len) != 0)
		return false;
	in->at += len;
	return true;
}

static bool is_plain(char c, bool hex)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return true;
	return !hex && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == ':' || c == '.');
}

/* Up to the next quotation mark, which is taken too. `len` 0: of any length from 1 to 64. */
static bool take_word(struct reader *in, bool hex, size_t len, h2o_iovec_t *ret)
{
	const char *start = in->at;

	while (in->at < in->end && is_plain(*in->at, hex) && in->at - start < 64)
		in->at++;
	*ret = h2o_iovec_init(start, (size_t)(in->at - start));
	return ret->len > 0 && (len == 0 || ret->len == len) && take(in, "\"");
}

static bool take_number(struct reader *in, int64_t *ret)
{
	const char *start = in->at;

	while (in->at < in->end && *in->at >= '0' && *in->at <= '9')
		in->at++;
	return text_to_int64(h2o_iovec_init(start, (size_t)(in->at - start)), ret);
}

static bool take_piece(struct reader *in, struct audit_piece *ret)
{
	h2o_iovec_t digest;
	int64_t bytes;

	if (!take(in, "{\"bytes\":") || !take_number(in, &bytes) || bytes <= 0 || !take(in, ",\"digest\":\"") ||
	    !take_word(in, true, AUDIT_DIGEST_SIZE - 1, &digest) || !take(in, "}"))
		return false;
	ret->bytes = (size_t)bytes;
	memcpy(ret->digest, digest.base, digest.len);
	ret->digest[digest.len] = '\0';
	return true;
}

static bool take_torn(struct reader *in, struct audit_torn *ret)
{
	if (!take(in, ",\"torn\":["))
		return true;
	do {
		if (ret->count == AUDIT_TORN_MAX || !take_piece(in, &ret->pieces[ret->count]))
			return false;
		ret->count++;
	} while (take(in, ","));
	return take(in, "]");
}

bool audit_line_read(h2o_iovec_t text, struct audit_line *ret)
{
	struct reader in = {text.base, text.base + text.len};

	*ret = (struct audit_line){.text = text};
	if (!take(&in, "{\"time\":\"") || !take_word(&in, false, 0, &ret->time) || !take(&in, ",\"program\":\"") ||
	    !take_word(&in, false, 0, &ret->program) || !take(&in, ",\"chain\":\"") ||
	    !take_word(&in, true, AUDIT_CHAIN_SIZE - 1, &ret->chain) || !take(&in, ",\"seq\":") ||
	    !take_number(&in, &ret->seq) || ret->seq < 1 || !take(&in, ",\"prev\":\"") ||
	    !take_word(&in, true, AUDIT_DIGEST_SIZE - 1, &ret->prev) || !take_torn(&in, &ret->torn))
		return false;
	if (take(&in, ",\"lost\":") && !take_number(&in, &ret->lost))
		return false;
	if (text.base[text.len - 1] != '}' || in.at >= in.end || (*in.at != ',' && *in.at != '}'))
		return false;
	if (*in.at == ',')
		in.at++;
	else if (in.at + 1 != in.end)
		return false;
	ret->members = h2o_iovec_init(in.at, (size_t)(in.end - 1 - in.at));
	return true;
}

bool audit_line_find(h2o_iovec_t text, struct audit_line *ret, h2o_iovec_t *ret_torn)
{
	static const char START[] = "{\"time\":\"";
	const char *end = text.base + text.len, *at = text.base;

	while ((at = memmem(at, (size_t)(end - at), START, sizeof(START) - 1)) != NULL) {
		if (audit_line_read(h2o_iovec_init(at, (size_t)(end - at)), ret)) {
			*ret_torn = h2o_iovec_init(text.base, (size_t)(at - text.base));
			return true;
		}
		at++;
	}
	*ret_torn = text;
	return false;
}

bool audit_line_is(const struct audit_line *line, const char *event)
{
	struct reader in = {line->members.base, line->members.base + line->members.len};

	return take(&in, "\"event\":\"") && take(&in, event) && take(&in, "\"");
}

enum audit_signature audit_line_signature(const struct audit_line *line, const struct audit_key *key)
{
	static const size_t TAIL = sizeof(SIGNATURE_MEMBER) - 1 + AUDIT_SIGNATURE_TEXT + 2;
	uint8_t signature[AUDIT_SIGNATURE_SIZE];
	h2o_mem_pool_t pool;

	if (line->members.len + 1 < TAIL)
		return AUDIT_UNSIGNED;
	struct reader in = {line->text.base + line->text.len - TAIL, line->text.base + line->text.len};
	size_t before = (size_t)(in.at - line->text.base);
	if (!take(&in, SIGNATURE_MEMBER))
		return AUDIT_UNSIGNED;
	h2o_iovec_t text = h2o_iovec_init(in.at, AUDIT_SIGNATURE_TEXT);
	in.at += AUDIT_SIGNATURE_TEXT;
	if (!take(&in, "\"}") || !base64url_decode_exact(text, signature, sizeof(signature)))
		return AUDIT_SIGNED_FALSELY;
	if (key == NULL)
		return AUDIT_SIGNED_WELL;
	h2o_mem_init_pool(&pool);
	struct text_buffer bytes = {.pool = &pool};
	text_append_str(&bytes, AUDIT_SIGNED);
	text_append(&bytes, line->text.base, before);
	bool good = audit_key_verify(key, h2o_iovec_init(bytes.base, bytes.len), signature);
	h2o_mem_clear_pool(&pool);
	return good ? AUDIT_SIGNED_WELL : AUDIT_SIGNED_FALSELY;
}
