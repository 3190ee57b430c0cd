/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/audit/alerts.h"

#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/secret.h"
#include "mcp/call/call.h"
#include "mcp/catalogue/item.h"

enum {
	SETS = 2048,
	WAYS = 4,        /* a source that is seen pushes out the one of its set that was seen longest ago */
	ASKED_MAX = 256, /* questions to the database under way */
};

struct source {        /* of one rule */
	uint64_t hash; /* 0: none */
	int64_t since_ms, seen_ms, told_ms;
	unsigned count;
};

struct alerts {
	struct mcp *mcp;
	alerts_ask_fn *ask_known;
	const struct alert_settings *settings;
	struct alert_sender *sender;
	uint64_t seed;
	unsigned asked;
	struct source sources[SETS][WAYS];
};

/* FNV-1a from a random start: who chooses names cannot choose places. */
static uint64_t hash_of(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001B3;
	return hash | 1;
}

static struct source *source_of(struct alerts *alerts, uint64_t hash)
{
	struct source *set = alerts->sources[hash >> 16 & (SETS - 1)], *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].hash == hash)
			return &set[i];
		if (set[i].seen_ms < oldest->seen_ms)
			oldest = &set[i];
	}
	*oldest = (struct source){.hash = hash, .since_ms = clock_monotonic_ms()};
	return oldest;
}

/* ---- what is seen ---- */

struct sighting {
	struct request *r;
	const char *outcome, *item, *source;
	int64_t now_ms;
};

static const char *source_name(struct request *r, enum alert_by by)
{
	const struct bearer *bearer = bearer_of(r);

	switch (by) {
	case ALERT_BY_CLIENT: return bearer->client_id;
	case ALERT_BY_ADDRESS: return request_address(r);
	default: return bearer->subject[0] != '\0' ? bearer->subject : bearer->client_id;
	}
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

static bool has_failed(const char *outcome)
{
	static const char *const FAILED[] = {"denied", "invalid",  "acquirable", "busy",
	                                     "failed", "withheld", "unknown",    NULL};

	return is_one_of(outcome, FAILED);
}

/* What changes something is told of when it begins; what reads, when it has been read. */
static bool begins(const struct call *call, const char *outcome)
{
	static const char *const READ[] = {"allowed", "withheld", NULL};

	if (call->item == NULL)
		return false;
	return call->item->tier == TIER_READ ? is_one_of(outcome, READ) : strcmp(outcome, "started") == 0;
}

static bool is_out_of_hours(const struct alert_rule *rule)
{
	time_t now = (time_t)clock_now();
	struct tm tm;

	gmtime_r(&now, &tm);
	unsigned minute = (unsigned)(tm.tm_hour * 60 + tm.tm_min);
	return !(rule->days & 1u << tm.tm_wday) || minute < rule->from || minute >= rule->to;
}

static bool concerns(const struct alert_rule *rule, const struct sighting *s)
{
	const struct call *call = call_of(s->r);

	switch (rule->when) {
	case ALERT_FAILURES: return has_failed(s->outcome);
	case ALERT_CALLS: return strcmp(s->outcome, "started") != 0;
	case ALERT_DESTROY: return begins(call, s->outcome) && call->item->tier == TIER_DESTROY;
	case ALERT_OUT_OF_HOURS:
		return begins(call, s->outcome) && (rule->reads || call->item->tier != TIER_READ) &&
		       is_out_of_hours(rule);
	case ALERT_NEW_TOOL: return begins(call, s->outcome);
	}
	return false;
}

/* ---- what is told ---- */

static json_t *alert_of(const struct alert_rule *rule, const struct sighting *s, unsigned count)
{
	static const char *const WHEN[] = {"failures", "calls", "destroy", "out_of_hours", "new_tool"};
	const struct bearer *bearer = bearer_of(s->r);
	json_t *alert = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "event", "alert", "alert", rule->name,
	                          "when", WHEN[rule->when], "request", s->r->id, "username", bearer->username, "client",
	                          bearer->client_id, "source", s->source, "seen", s->outcome);

	if (s->item != NULL)
		json_object_set_new(alert, item_kind_name(call_of(s->r)->kind), json_string(s->item));
	if (rule->when == ALERT_FAILURES || rule->when == ALERT_CALLS)
		json_object_set_new(alert, "count", json_integer(count));
	return alert;
}

struct question { /* whether a person has used the item before */
	struct alerts *alerts;
	uint64_t source; /* its hash */
	json_t *alert;
};

static void on_known(void *data, const PGresult *result)
{
	struct question *question = data;
	struct alerts *alerts = question->alerts;
	bool is_closed = alerts->sender == NULL;
	bool is_answered = result != NULL && PQresultStatus(result) == PGRES_TUPLES_OK;

	alerts->asked--;
	if (!is_closed && is_answered && !rows_bool(result, 0, "known"))
		alert_send(alerts->sender, question->alert);
	else
		json_decref(question->alert);
	if (!is_answered) /* where nobody knows, nothing is new; the next use is asked about */
		source_of(alerts, question->source)->count = 0;
	free(question);
	if (is_closed && alerts->asked == 0)
		free(alerts);
}

/* False if it cannot be asked now. */
static bool ask_whether_new(struct alerts *alerts, const struct alert_rule *rule, const struct sighting *s,
                            uint64_t source)
{
	const char *username = bearer_of(s->r)->username;

	if (alerts->asked >= ASKED_MAX || s->item == NULL || username[0] == '\0')
		return false;
	struct question *question = h2o_mem_alloc(sizeof(*question));
	*question = (struct question){alerts, source, alert_of(rule, s, 1)};
	alerts->asked++;
	if (alerts->ask_known(alerts->mcp->database, username, s->item, on_known, question))
		return true;
	alerts->asked--;
	json_decref(question->alert);
	free(question);
	return false;
}

static void count(struct alerts *alerts, const struct alert_rule *rule, const struct sighting *s)
{
	bool counts = rule->when == ALERT_FAILURES || rule->when == ALERT_CALLS;
	uint64_t hash = hash_of(hash_of(alerts->seed, rule->name) * 0x100000001B3, s->source);

	if (rule->when == ALERT_NEW_TOOL)
		hash = hash_of(hash * 0x100000001B3, s->item != NULL ? s->item : "");
	struct source *source = source_of(alerts, hash);
	source->seen_ms = s->now_ms;
	if (rule->when == ALERT_NEW_TOOL) {
		if (source->count == 0)
			source->count = ask_whether_new(alerts, rule, s, hash);
		return;
	}
	if (counts && s->now_ms - source->since_ms >= rule->within_ms) {
		source->since_ms = s->now_ms;
		source->count = 0;
	}
	source->count++;
	if ((counts && source->count < rule->count) ||
	    (source->told_ms != 0 && s->now_ms - source->told_ms < rule->quiet_ms))
		return;
	source->told_ms = s->now_ms;
	alert_send(alerts->sender, alert_of(rule, s, source->count));
}

void alerts_see(struct alerts *alerts, struct request *r, const char *outcome)
{
	struct sighting s = {.r = r, .outcome = outcome, .now_ms = clock_monotonic_ms()};

	if (alerts == NULL)
		return;
	s.item = call_of(r)->item != NULL ? call_of(r)->item->key : NULL;
	for (size_t i = 0; i < alerts->settings->count; i++) {
		const struct alert_rule *rule = &alerts->settings->rules[i];
		if (!concerns(rule, &s))
			continue;
		s.source = source_name(r, rule->by);
		count(alerts, rule, &s);
	}
}

struct alerts *alerts_open(struct mcp *mcp, alerts_ask_fn *ask_known)
{
	struct alerts *alerts;

	if (mcp->settings.alerts.count == 0)
		return NULL;
	alerts = h2o_mem_alloc(sizeof(*alerts));
	memset(alerts, 0, sizeof(*alerts));
	alerts->mcp = mcp;
	alerts->ask_known = ask_known;
	alerts->settings = &mcp->settings.alerts;
	alerts->sender = alert_sender_open(mcp);
	random_bytes(&alerts->seed, sizeof(alerts->seed));
	return alerts;
}

void alerts_close(struct alerts *alerts)
{
	if (alerts == NULL)
		return;
	alert_sender_close(alerts->sender);
	alerts->sender = NULL;
	if (alerts->asked == 0) /* else the last answer does it */
		free(alerts);
}
