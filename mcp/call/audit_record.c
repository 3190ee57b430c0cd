/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/audit_record.h"

#include <string.h>

#include "common/audit_line.h"
#include "common/clock.h"
#include "common/encoding.h"
#include "common/log.h"
#include "mcp/audit/alerts.h"
#include "mcp/call/answer.h"
#include "mcp/call/trace_context.h"
#include "mcp/catalogue/catalogue.h"

enum { ARGUMENTS_MAX = 16 * 1024, TOKEN_DIGEST_BYTES = 16 };

static const char *const TELLING[] = {"password",   "passwd",    "passphrase",    "secret",     "token",  "apikey",
                                      "privatekey", "accesskey", "authorization", "credential", "cookie", "session",
                                      "otp",        "pin",       "ssn",           "cardnumber", "cvv",    "iban",
                                      "pass",       "pwd",       "auth",          "jwt",        "bearer", "signature"};

/* Short words must be the whole name, or "pin" would be found in "shipping". */
static bool has_telling_name(const char *name)
{
	char plain[64];
	size_t len = 0;

	for (; *name != '\0' && len < sizeof(plain) - 1; name++) {
		char c = *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name;
		if (c != '_' && c != '-' && c != '.' && c != ' ')
			plain[len++] = c;
	}
	if (*name != '\0')
		return true; /* nobody names an argument like that, and a telling word may stand at its end */
	plain[len] = '\0';
	for (size_t i = 0; i < sizeof(TELLING) / sizeof(TELLING[0]); i++)
		if (strlen(TELLING[i]) <= 4 ? strcmp(plain, TELLING[i]) == 0 : strstr(plain, TELLING[i]) != NULL)
			return true;
	return false;
}

static json_t *redact_object(const json_t *object)
{
	json_t *copy = json_object(), *member;
	const char *name;

	json_object_foreach ((json_t *)object, name, member)
		json_object_set_new(copy, name,
		                    has_telling_name(name) ? json_string("[redacted]") : audit_redact(member));
	return copy;
}

json_t *audit_redact(const json_t *value)
{
	json_t *copy, *item;
	size_t i;

	if (json_is_object(value))
		return redact_object(value);
	if (!json_is_array(value))
		return json_incref((json_t *)value);
	copy = json_array();
	json_array_foreach (value, i, item)
		json_array_append_new(copy, audit_redact(item));
	return copy;
}

/* A record is written with every call: as text, and its members that are the server's own come before those that
 * somebody else chose. */
static void add_member(struct text_buffer *b, const char *member)
{
	text_append_str(b, b->len > 0 ? ",\"" : "\"");
	text_append_str(b, member);
	text_append_str(b, "\":");
}

static void add_text(struct text_buffer *b, const char *member, h2o_iovec_t value)
{
	if (value.len == 0)
		return;
	add_member(b, member);
	text_append_json(b, value);
}

static void add_number(struct text_buffer *b, const char *member, int64_t value)
{
	add_member(b, member);
	text_append_printf(b, "%lld", (long long)value);
}

static void add_digest(struct text_buffer *b, const char *member, h2o_iovec_t text)
{
	char digest[AUDIT_DIGEST_SIZE];

	audit_digest(text, digest);
	add_text(b, member, text_of(digest));
}

/* What some readers of lines take for the end of one, or a terminal for an order; they stand in strings only. */
static void append_escaped(struct text_buffer *b, h2o_iovec_t json)
{
	size_t from = 0;

	for (size_t i = 0; i < json.len; i++) {
		bool separator = i + 2 < json.len && memcmp(json.base + i, "\xE2\x80", 2) == 0 &&
		                 ((unsigned char)json.base[i + 2] & 0xFE) == 0xA8;
		if (json.base[i] != 0x7F && !separator)
			continue;
		text_append(b, json.base + from, i - from);
		text_append_str(b, !separator                                ? "\\u007f"
		                   : (unsigned char)json.base[i + 2] == 0xA8 ? "\\u2028"
		                                                             : "\\u2029");
		i += separator ? 2 : 0;
		from = i + 1;
	}
	text_append(b, json.base + from, json.len - from);
}

/* Names and values tell: both are looked at, whatever the item allows to leave. The digest is of what may be shown: one
 * of a short secret (a PIN) could be found by trying all of them. */
static void add_arguments(struct request *r, struct text_buffer *b, const json_t *arguments)
{
	struct redact_rules rules = *answer_rules(r);
	struct redact_counts unused = {{0}};
	h2o_iovec_t text = json_canonical(&r->pool, json_keep(&r->pool, audit_redact(arguments)));

	rules.allowed = 0;
	rules.fields_allowed = (struct redact_names){NULL, 0};
	text = redact_json(&r->pool, &rules, text, (h2o_iovec_t){NULL, 0}, &unused);
	add_digest(b, "arguments_digest", text);
	add_number(b, "arguments_bytes", (int64_t)text.len);
	if (text.len > ARGUMENTS_MAX)
		return;
	add_member(b, "arguments");
	append_escaped(b, text);
}

static void add_caller(struct request *r, struct text_buffer *b)
{
	const struct bearer *bearer = bearer_of(r);

	add_text(b, "subject", text_of(bearer->subject));
	add_text(b, "username", text_of(bearer->username));
	add_text(b, "client", text_of(bearer->client_id));
	add_text(b, "grant", text_of(bearer->grant_id));
	add_text(b, "token", text_of(hex_encode(&r->pool, bearer->digest, TOKEN_DIGEST_BYTES)));
}

/* What the record calls the item and its use. */
static const struct {
	const char *event, *name, *digest;
	size_t longest;
} WORDS[ITEM_KINDS] = {
    [ITEM_TOOL] = {"tool_call", "tool", "tool_digest", ITEM_NAME_MAX},
    [ITEM_RESOURCE] = {"resource_read", "resource", "resource_digest", ITEM_KEY_MAX},
    [ITEM_TEMPLATE] = {"resource_read", "resource", "resource_digest", ITEM_KEY_MAX},
    [ITEM_PROMPT] = {"prompt_get", "prompt", "prompt_digest", ITEM_NAME_MAX},
};

/* The URI of a template's resource has its arguments in it: then it is the template that is named. All else that nobody
 * has given us may be anything. */
static h2o_iovec_t item_name(h2o_mem_pool_t *pool, const struct call *call)
{
	h2o_iovec_t name = text_beginning(call->name, WORDS[call->kind].longest);
	struct redact_counts unused = {{0}};

	if (call->template != NULL)
		return text_of(call->template);
	return call->item != NULL ? name : redact_text(pool, redact_default_rules(), name, &unused);
}

static void add_item(struct text_buffer *b, const struct call *call)
{
	add_text(b, WORDS[call->kind].name, item_name(b->pool, call));
	if (call->item == NULL)
		return;
	add_text(b, "tier", text_of(tier_name(call->item->tier)));
	add_text(b, WORDS[call->kind].digest, text_of(call->item->digest));
}

/* Of a call that did not end as it should; `unknown` says it itself. */
static void add_effect(struct text_buffer *b, const struct call *call, const char *outcome)
{
	static const char *const EFFECTS[] = {"none", "committed", "unknown"};
	bool cancelled = strcmp(outcome, "cancelled") == 0;

	if (cancelled)
		add_text(b, "reason", text_of(call->running.reason));
	if (call->item == NULL || call->item->tier == TIER_READ)
		return;
	if (cancelled || (strcmp(outcome, "failed") == 0 && call->effect == EFFECT_COMMITTED))
		add_text(b, "effect", text_of(EFFECTS[call->effect]));
}

static bool has_run(const char *outcome)
{
	static const char *const BEFORE[] = {"denied", "invalid", "acquirable", "busy", "limited"};

	for (size_t i = 0; i < sizeof(BEFORE) / sizeof(BEFORE[0]); i++)
		if (strcmp(outcome, BEFORE[i]) == 0)
			return false;
	return true;
}

static void add_result(struct text_buffer *b, const struct call *call, bool ran, size_t rows)
{
	if (ran)
		add_number(b, "rows", (int64_t)rows);
	if (call->result.base != NULL) {
		add_digest(b, "result_digest", call->result);
		add_number(b, "result_bytes", (int64_t)call->result.len);
	}
	if (redact_total(&call->redacted) > 0) {
		add_member(b, "redacted");
		text_append_iovec(b, json_text(b->pool, json_keep(b->pool, redact_counts_json(&call->redacted))));
	}
}

/* The first three say what a sweep of the log must know (common/audit_sweep.c). */
static h2o_iovec_t format_call(struct request *r, const char *outcome, size_t rows)
{
	const struct call *call = call_of(r);
	bool ran = strcmp(outcome, "allowed") == 0 || strcmp(outcome, "withheld") == 0;
	struct text_buffer b = {.pool = &r->pool};

	add_text(&b, "event", text_of(call->completes ? "completion" : WORDS[call->kind].event));
	add_text(&b, "request", text_of(r->id));
	add_text(&b, "outcome", text_of(outcome));
	add_text(&b, "trace", trace_context_id(r));
	add_caller(r, &b);
	add_item(&b, call);
	add_text(&b, "rule", text_of(call->rule));
	add_text(&b, "approval", text_of(call->approval));
	if (call->arguments != NULL)
		add_arguments(r, &b, call->arguments);
	add_result(&b, call, ran, rows);
	add_effect(&b, call, outcome);
	add_number(&b, "duration_ms", clock_monotonic_ms() - r->started_ms);
	return h2o_iovec_init(b.base, b.len);
}

bool audit_record_call(struct request *r, const char *outcome, size_t rows)
{
	const struct call *call = call_of(r);
	bool changes = call->item != NULL && call->item->tier != TIER_READ && has_run(outcome);

	if (mcp_of(r)->audit == NULL)
		return false;
	bool written = audit_write_members(mcp_of(r)->audit, format_call(r, outcome, rows), changes);
	alerts_see(mcp_of(r)->alerts, r, outcome);
	if (written)
		return true;
	/* the log says so itself; what changes nothing may go on where the operator wants it to */
	return mcp_of(r)->settings.serving.audit_stops_writes_only && !changes;
}

void audit_record_shadow(struct request *r, const char *rules)
{
	const struct call *call = call_of(r);
	struct text_buffer b = {.pool = &r->pool};

	log_event(LOG_INFO, "rules in shadow mode would refuse", "request", r->id, item_kind_name(call->kind),
	          call->item->key, "rules", rules, NULL);
	add_text(&b, "event", text_of("rule_shadow"));
	add_text(&b, "request", text_of(r->id));
	add_text(&b, "rules", text_of(rules));
	add_caller(r, &b);
	add_item(&b, call);
	if (mcp_of(r)->audit != NULL)
		audit_write_members(mcp_of(r)->audit, h2o_iovec_init(b.base, b.len), false);
}
