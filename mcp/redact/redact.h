/* SPDX-License-Identifier: Apache-2.0 */
/* What must not leave a tool: secrets and personal data in texts on their way to a client become "[redacted: kind]".
 * Everything that is looked for begins with a few bytes that ordinary text seldom has (redact_scan.c); only there is it
 * looked at closely, and never further than a bound, so that no text is slow. A clean text is neither copied nor is
 * memory of the pool taken for it. */
#ifndef SALLYPORT_MCP_REDACT_H
#define SALLYPORT_MCP_REDACT_H

#include "common/json.h"
#include "common/secret.h"

enum redact_kind {
	REDACT_EMAIL,
	REDACT_PHONE,         /* international form: + and a country code */
	REDACT_NATIONAL_ID,   /* forms of a few countries, by their check digits where they have some */
	REDACT_CARD,          /* payment card, by issuer, length and Luhn */
	REDACT_IBAN,          /* ISO 13616, by country, length and mod 97 */
	REDACT_VENDOR_KEY,    /* keys and tokens with a vendor's prefix */
	REDACT_AUTHORIZATION, /* Bearer and Basic credentials */
	REDACT_PRIVATE_KEY,   /* PEM */
	REDACT_JWT,
	REDACT_PASSWORD,      /* in connection strings, URLs and assignments */
	REDACT_FIELD,         /* member of an object with a telling name */
	REDACT_HANDLE,        /* of Sallyport; no file can allow it */
	REDACT_SERVER_SECRET, /* this server's own credentials; no file can allow it */
	REDACT_KINDS
};
/* "email", "vendor_key" ... */
const char *redact_kind_name(enum redact_kind kind);
/* REDACT_KINDS if there is none of this name. */
enum redact_kind redact_kind_of(h2o_iovec_t name);

struct redactor;

struct redact_names { /* of members, as redact_plain_name writes them */
	const char **list;
	size_t count;
};

struct redact_rules { /* of an item */
	struct redactor *redactor;
	unsigned allowed; /* bit 1 << kind */
	struct redact_names fields_allowed, fields_added;
};

struct redact_counts {
	unsigned of[REDACT_KINDS];
};
unsigned redact_total(const struct redact_counts *counts);
/* {"card":2}: those that are not 0. A new reference. */
json_t *redact_counts_json(const struct redact_counts *counts);

/* Lives in the pool. */
struct redactor *redactor_make(h2o_mem_pool_t *pool);
/* One of the server's own secrets; copied, and wiped with the pool. What has fewer than 6 bytes is no secret that could
 * be told from other text. Also the password in a conninfo. */
void redactor_add_secret(struct redactor *redactor, const void *bytes, size_t len);
void redactor_add_conninfo(struct redactor *redactor, const char *conninfo);
/* Of an item without rules of its own: everything is looked for, but for own secrets. Made once. */
const struct redact_rules *redact_default_rules(void);

/* ---- whole texts ---- */

/* The text itself if it is clean, else a copy in the pool. JSON in it is read as JSON. */
h2o_iovec_t redact_text(h2o_mem_pool_t *pool, const struct redact_rules *rules, h2o_iovec_t text,
                        struct redact_counts *counts);
/* The same of a JSON text: strings, names of members and long numbers in it, which stays valid. A string that is `kept`
 * (base NULL: none) stays: it is the URI that the client asked for. */
h2o_iovec_t redact_json(h2o_mem_pool_t *pool, const struct redact_rules *rules, h2o_iovec_t json, h2o_iovec_t kept,
                        struct redact_counts *counts);

/* ---- text that comes in pieces ---- */

/* Gives out whole lines; of a line that does not end, all but its last REDACT_CARRY bytes. */
enum { REDACT_CARRY = 8 * 1024, REDACT_LINE_MAX = 64 * 1024 };
struct redact_stream {
	const struct redact_rules *rules;
	struct redact_counts *counts;
	struct text_buffer held;
	bool in_key; /* behind the beginning of a PEM private key whose end has not come */
};
void redact_stream_open(struct redact_stream *stream, h2o_mem_pool_t *pool, const struct redact_rules *rules,
                        struct redact_counts *counts);
/* What may go out now, in the pool; may be empty. */
h2o_iovec_t redact_stream_feed(struct redact_stream *stream, h2o_mem_pool_t *pool, h2o_iovec_t bytes);
h2o_iovec_t redact_stream_end(struct redact_stream *stream, h2o_mem_pool_t *pool);

/* ---- names of members ---- */

enum { REDACT_NAME_SIZE = 64 };
/* Lower case, without separators; false if it is longer. */
bool redact_plain_name(h2o_iovec_t name, char plain[REDACT_NAME_SIZE]);
bool redact_name_tells(const struct redact_rules *rules, h2o_iovec_t name);

#endif
