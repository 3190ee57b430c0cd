/* SPDX-License-Identifier: Apache-2.0 */
/* Which records are meant, and how other systems want them. */
#include "audit_command.h"

#include <string.h>
#include <time.h>

#include "clock.h"
#include "config.h"

static const char *text_member(const json_t *record, const char *member)
{
	return json_string_value(json_object_get(record, member));
}

const char *audit_item_of(const json_t *record)
{
	static const char *const MEMBERS[] = {"tool", "resource", "prompt"};
	const char *item = NULL;

	for (size_t i = 0; item == NULL && i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++)
		item = text_member(record, MEMBERS[i]);
	return item;
}

/* ---- filters ---- */

static bool is_wanted(const char *wanted, const char *found)
{
	return wanted == NULL || (found != NULL && strcmp(wanted, found) == 0);
}

bool audit_filter_takes(const struct audit_filter *f, const json_t *record)
{
	const char *time = text_member(record, "time"), *client = text_member(record, "client");

	if (client == NULL)
		client = text_member(record, "client_id");
	if (f->person != NULL && !is_wanted(f->person, text_member(record, "username")) &&
	    !is_wanted(f->person, text_member(record, "subject")))
		return false;
	if ((f->since != NULL && (time == NULL || strcmp(time, f->since) < 0)) ||
	    (f->until != NULL && (time == NULL || strcmp(time, f->until) >= 0)))
		return false;
	return is_wanted(f->client, client) && is_wanted(f->tool, audit_item_of(record)) &&
	       is_wanted(f->outcome, text_member(record, "outcome")) &&
	       is_wanted(f->grant, text_member(record, "grant")) &&
	       is_wanted(f->request, text_member(record, "request")) &&
	       is_wanted(f->event, text_member(record, "event"));
}

const char *audit_time(h2o_mem_pool_t *pool, const char *text)
{
	int64_t ago = duration_ms(text_of(text));
	char *ret = h2o_mem_alloc_pool(pool, 64);
	struct tm tm;

	if (ago >= 0) {
		time_t then = (time_t)(clock_now() - ago / 1000);
		gmtime_r(&then, &tm);
		strftime(ret, 64, "%Y-%m-%dT%H:%M:%S", &tm);
		return ret;
	}
	size_t len = strspn(text, "0123456789-:T.Z");
	return len >= 4 && text[len] == '\0' ? text : NULL;
}

/* ---- forms ---- */

static int64_t milliseconds_of(const json_t *record)
{
	const char *time = text_member(record, "time"), *rest;
	struct tm tm = {0};

	rest = time != NULL ? strptime(time, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	if (rest == NULL)
		return 0;
	return (int64_t)timegm(&tm) * 1000 + (*rest == '.' ? strtol(rest + 1, NULL, 10) : 0);
}

static bool went_wrong(const json_t *record)
{
	static const char *const FINE[] = {"allowed", "started", "asked", "task"};
	const char *outcome = text_member(record, "outcome");

	for (size_t i = 0; outcome != NULL && i < sizeof(FINE) / sizeof(FINE[0]); i++)
		if (strcmp(outcome, FINE[i]) == 0)
			return false;
	return outcome != NULL;
}

static bool changes(const json_t *record)
{
	const char *tier = text_member(record, "tier");

	return tier != NULL && strcmp(tier, "read") != 0;
}

static void jsonl(struct text_buffer *out, const json_t *record, h2o_iovec_t line)
{
	(void)record;
	text_append_iovec(out, line);
}

/* Common Event Format, revision 25: "|" is escaped in the head, "=" in the extension, "\" in both. */
static void append_cef(struct text_buffer *out, const char *text, char special)
{
	for (; *text != '\0'; text++) {
		if (*text == '\n' || *text == '\r') {
			text_append_str(out, *text == '\n' ? "\\n" : "\\r");
			continue;
		}
		if (*text == '\\' || *text == special)
			text_append_str(out, "\\");
		text_append(out, text, 1);
	}
}

static void cef_field(struct text_buffer *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	text_append_printf(out, "%s%s=", out->base[out->len - 1] == '|' ? "" : " ", key);
	append_cef(out, value, '=');
}

static void cef(struct text_buffer *out, const json_t *record, h2o_iovec_t line)
{
	static const char *const CUSTOM[] = {"tier", "rule", "grant", "trace", "chain", "arguments_digest"};
	const char *event = text_member(record, "event"), *program = text_member(record, "program");

	(void)line;
	text_append_str(out, "CEF:0|Sallyport|");
	append_cef(out, program != NULL ? program : "", '|');
	text_append_str(out, "|" PACKAGE_VERSION "|");
	append_cef(out, event != NULL ? event : "", '|');
	text_append_str(out, "|");
	append_cef(out, event != NULL ? event : "", '|');
	text_append_printf(out, "|%d|", went_wrong(record) ? (changes(record) ? 7 : 5) : changes(record) ? 4 : 2);
	text_append_printf(out, "rt=%lld", (long long)milliseconds_of(record));
	cef_field(out, "suser", text_member(record, "username"));
	cef_field(out, "suid", text_member(record, "subject"));
	cef_field(out, "src", text_member(record, "address"));
	cef_field(out, "requestClientApplication", text_member(record, "client"));
	cef_field(out, "fname", audit_item_of(record));
	cef_field(out, "outcome", text_member(record, "outcome"));
	cef_field(out, "reason", text_member(record, "reason"));
	cef_field(out, "externalId", text_member(record, "request"));
	for (size_t i = 0; i < sizeof(CUSTOM) / sizeof(CUSTOM[0]); i++) {
		const char *value = text_member(record, CUSTOM[i]);
		if (value == NULL)
			continue;
		text_append_printf(out, " cs%zuLabel=%s", i + 1, CUSTOM[i]);
		text_append_printf(out, " cs%zu=", i + 1);
		append_cef(out, value, '=');
	}
	text_append_printf(out, " cn1Label=seq cn1=%lld",
	                   (long long)json_integer_value(json_object_get(record, "seq")));
}

enum { OCSF_AUTHENTICATION = 3002, OCSF_LIFECYCLE = 6002, OCSF_API = 6003, OCSF_OTHER = 99 };

/* OCSF 1.3: what a client used is API activity; what the log and the catalogue say of themselves, of the application;
 * all else is of authz. */
static int ocsf_class(const json_t *record)
{
	const char *event = text_member(record, "event");

	if (audit_item_of(record) != NULL)
		return OCSF_API;
	if (event == NULL || strncmp(event, "chain_", 6) == 0 || strcmp(event, "checkpoint") == 0 ||
	    strcmp(event, "catalogue_changed") == 0)
		return OCSF_LIFECYCLE;
	return OCSF_AUTHENTICATION;
}

static int ocsf_activity(const json_t *record)
{
	const char *tier = text_member(record, "tier");

	if (tier == NULL)
		return OCSF_OTHER;
	return strcmp(tier, "read") == 0 ? 2 : strcmp(tier, "destroy") == 0 ? 4 : 3;
}

static void set_text(json_t *object, const char *member, const char *value)
{
	if (value != NULL)
		json_object_set_new(object, member, json_string(value));
}

static void ocsf(struct text_buffer *out, const json_t *record, h2o_iovec_t line)
{
	int class = ocsf_class(record), activity = class == OCSF_API ? ocsf_activity(record) : OCSF_OTHER;
	bool wrong = went_wrong(record);
	const char *program = text_member(record, "program"), *item = audit_item_of(record);
	json_t *user = json_object(), *api = json_object(), *source = json_object();

	(void)line;
	set_text(user, "name", text_member(record, "username"));
	set_text(user, "uid", text_member(record, "subject"));
	set_text(api, "operation", item != NULL ? item : text_member(record, "event"));
	json_object_set_new(api, "request", json_object());
	set_text(json_object_get(api, "request"), "uid", text_member(record, "request"));
	set_text(source, "ip", text_member(record, "address"));
	json_t *event = json_pack(
	    "{s:i, s:i, s:i, s:I, s:I, s:i, s:i, s:{s:s, s:{s:s, s:s, s:s}, s:s?}, s:{s:o, s:{s:s?}}, s:o, s:o, s:O}",
	    "category_uid", class / 1000, "class_uid", class, "activity_id", activity, "type_uid",
	    (json_int_t) class * 100 + activity, "time", (json_int_t)milliseconds_of(record), "severity_id",
	    wrong ? 3 : 1, "status_id", wrong ? 2 : 1, "metadata", "version", "1.3.0", "product", "vendor_name",
	    "Sallyport", "name", program != NULL ? program : "", "version", PACKAGE_VERSION, "correlation_uid",
	    text_member(record, "trace"), "actor", "user", user, "session", "uid", text_member(record, "grant"), "api",
	    api, "src_endpoint", source, "unmapped", (json_t *)record);
	text_append_iovec(out, json_text(out->pool, event));
	json_decref(event);
}

audit_format_fn *audit_format_of(const char *name)
{
	static const struct {
		const char *name;
		audit_format_fn *format;
	} FORMS[] = {{"jsonl", jsonl}, {"cef", cef}, {"ocsf", ocsf}};

	for (size_t i = 0; name != NULL && i < sizeof(FORMS) / sizeof(FORMS[0]); i++)
		if (strcmp(FORMS[i].name, name) == 0)
			return FORMS[i].format;
	return NULL;
}
