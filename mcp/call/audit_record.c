/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call/audit_record.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/encoding.h"
#include "common/log.h"
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

/* The digest is of what may be shown: one of a short secret (a PIN) could be found by trying all of them. */
static void add_arguments(struct request *r, json_t *record, const json_t *arguments)
{
	uint8_t digest[SHA256_SIZE];
	json_t *shown = json_keep(&r->pool, audit_redact(arguments));
	h2o_iovec_t text = json_canonical(&r->pool, shown);

	sha256(text, digest);
	json_object_set_new(record, "arguments_digest", json_string(hex_encode(&r->pool, digest, sizeof(digest))));
	if (text.len <= ARGUMENTS_MAX)
		json_object_set(record, "arguments", shown);
}

static void add_text(json_t *record, const char *member, const char *value)
{
	if (value[0] != '\0')
		json_object_set_new(record, member, json_string(value));
}

static void add_caller(struct request *r, json_t *record)
{
	const struct bearer *bearer = bearer_of(r);

	add_text(record, "subject", bearer->subject);
	add_text(record, "username", bearer->username);
	add_text(record, "client", bearer->client_id);
	add_text(record, "grant", bearer->grant_id);
	add_text(record, "token", hex_encode(&r->pool, bearer->digest, TOKEN_DIGEST_BYTES));
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

static void add_item(json_t *record, const struct call *call)
{
	h2o_iovec_t name = text_beginning(call->name, WORDS[call->kind].longest);

	if (name.base != NULL)
		json_object_set_new(record, WORDS[call->kind].name, json_stringn(name.base, name.len));
	if (call->item == NULL)
		return;
	add_text(record, "tier", tier_name(call->item->tier));
	add_text(record, WORDS[call->kind].digest, call->item->digest);
}

/* Of a call that did not end as it should; `unknown` says it itself. */
static void add_effect(json_t *record, const struct call *call, const char *outcome)
{
	static const char *const EFFECTS[] = {"none", "committed", "unknown"};
	bool cancelled = strcmp(outcome, "cancelled") == 0;

	if (cancelled)
		json_object_set_new(record, "reason", json_string(call->running.reason));
	if (call->item == NULL || call->item->tier == TIER_READ)
		return;
	if (cancelled || (strcmp(outcome, "failed") == 0 && call->effect == EFFECT_COMMITTED))
		json_object_set_new(record, "effect", json_string(EFFECTS[call->effect]));
}

static bool has_run(const char *outcome)
{
	static const char *const BEFORE[] = {"denied", "invalid", "acquirable", "busy"};

	for (size_t i = 0; i < sizeof(BEFORE) / sizeof(BEFORE[0]); i++)
		if (strcmp(outcome, BEFORE[i]) == 0)
			return false;
	return true;
}

bool audit_record_call(struct request *r, const char *outcome, size_t rows)
{
	const struct call *call = call_of(r);
	bool changes = call->item != NULL && call->item->tier != TIER_READ;
	const char *event = call->completes ? "completion" : WORDS[call->kind].event;
	json_t *record = json_pack("{s:s, s:s}", "event", event, "request", r->id);

	if (mcp_of(r)->audit == NULL) {
		json_decref(record);
		return false;
	}
	add_caller(r, record);
	add_item(record, call);
	if (call->arguments != NULL)
		add_arguments(r, record, call->arguments);
	json_object_set_new(record, "outcome", json_string(outcome));
	if (call->rule != NULL)
		json_object_set_new(record, "rule", json_string(call->rule));
	if (strcmp(outcome, "allowed") == 0 || strcmp(outcome, "withheld") == 0)
		json_object_set_new(record, "rows", json_integer((json_int_t)rows));
	add_effect(record, call, outcome);
	if (redact_total(&call->redacted) > 0)
		json_object_set_new(record, "redacted", redact_counts_json(&call->redacted));
	json_object_set_new(record, "duration_ms", json_integer(clock_monotonic_ms() - r->started_ms));
	if (audit_write(mcp_of(r)->audit, record, changes && has_run(outcome)))
		return true;
	log_event(LOG_ERROR, "audit log not written", "request", r->id, "reason", strerror(errno), NULL);
	return false;
}

void audit_record_shadow(struct request *r, const char *rules)
{
	const struct call *call = call_of(r);
	json_t *record = json_pack("{s:s, s:s, s:s}", "event", "rule_shadow", "request", r->id, "rules", rules);

	log_event(LOG_INFO, "rules in shadow mode would refuse", "request", r->id, item_kind_name(call->kind),
	          call->item->key, "rules", rules, NULL);
	add_caller(r, record);
	add_item(record, call);
	if (mcp_of(r)->audit == NULL)
		json_decref(record);
	else if (!audit_write(mcp_of(r)->audit, record, false))
		log_event(LOG_ERROR, "audit log not written", "request", r->id, "reason", strerror(errno), NULL);
}
