/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/quota/quota.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/reply.h"
#include "common/shares.h"
#include "mcp/call/answer.h"
#include "mcp/call/audit_record.h"
#include "mcp/call/invoke.h"

/* Two of an idle minute are enough for a budget to be full again, so this many are callers and tools of two minutes: a
 * crowd beyond shares buckets (common/rate_limit.h). 40 bytes each, of which only those take memory that were used. */
enum { PLACES = 64 * 1024, LISTED_MAX = 4096 };

/* What a key counts: mixed into it, so that no two budgets have one bucket. */
enum { COUNTS_PERSON = 1, COUNTS_CLIENT, COUNTS_TOOL, COUNTS_TOOL_OF_ALL, COUNTS_REQUESTS };

struct quota_turns {
	struct quota_turns *next;
	struct quota *quota;
	uint64_t number; /* of the item */
	struct shares shares;
};

struct quota {
	struct quota_settings settings;
	uint64_t resource; /* part of all keys */
	struct rate_limits *buckets;
	struct rate_bucket *listed[LISTED_MAX];
	size_t listed_count;
	struct quota_turns *turns; /* of items that have calls under way, and a limit for that */
};

struct demand {
	uint64_t who, what;
	uint32_t per_minute;
	const char *rule;  /* for the record */
	const char *whose; /* for the caller */
};
enum { DEMANDS_MAX = 4 };

struct quota *quota_open(h2o_mem_pool_t *pool, const struct quota_settings *settings, const char *resource)
{
	struct quota *quota = h2o_mem_alloc_pool(pool, sizeof(*quota));

	*quota = (struct quota){.settings = *settings,
	                        .resource = rate_number(text_of(resource)),
	                        .buckets = rate_limits_make(pool, PLACES)};
	return quota;
}

void quota_close(struct quota *quota)
{
	while (quota->turns != NULL) {
		struct quota_turns *turns = quota->turns;
		quota->turns = turns->next;
		shares_dispose(&turns->shares);
		free(turns);
	}
}

/* ---- which budgets ---- */

static void add(struct demand *demands, size_t *count, struct demand demand)
{
	if (demand.per_minute > 0)
		demands[(*count)++] = demand;
}

static size_t demands_of(const struct quota_settings *s, const struct bearer *bearer, const struct item *item,
                         struct demand demands[DEMANDS_MAX])
{
	const struct quota_limits *limits = item->quota;
	size_t count = 0;

	add(demands, &count,
	    (struct demand){bearer->person, COUNTS_PERSON, s->person, "limits.person", "of one person"});
	add(demands, &count,
	    (struct demand){bearer->person, bearer->client ^ COUNTS_CLIENT, s->client, "limits.client",
	                    "of one client"});
	if (limits == NULL)
		return count;
	add(demands, &count,
	    (struct demand){bearer->person, limits->number ^ COUNTS_TOOL, limits->per_minute, "tool.per_minute",
	                    "of this by one person"});
	add(demands, &count,
	    (struct demand){limits->number, COUNTS_TOOL_OF_ALL, limits->all_per_minute, "tool.all_per_minute",
	                    "of this by everybody"});
	return count;
}

static struct rate_bucket *bucket_of(struct quota *quota, const struct demand *demand, int64_t now_ms)
{
	const uint64_t halves[] = {demand->who ^ quota->resource, demand->what};
	uint8_t key[RATE_KEY_SIZE];

	memcpy(key, halves, sizeof(halves));
	struct rate_bucket *bucket = rate_limit_bucket(quota->buckets, key, demand->per_minute, now_ms);
	if (!bucket->is_listed && quota->listed_count < LISTED_MAX) {
		bucket->is_listed = 1;
		quota->listed[quota->listed_count++] = bucket;
	}
	return bucket;
}

/* All of them, or none. 0, or so many seconds to wait, and the budget that takes longest. */
static unsigned take_all(struct quota *quota, const struct demand *demands, size_t count, int64_t now_ms,
                         const struct demand **scarce)
{
	struct rate_bucket *buckets[DEMANDS_MAX];
	unsigned longest = 0;

	for (size_t i = 0; i < count; i++) {
		buckets[i] = bucket_of(quota, &demands[i], now_ms);
		unsigned wait_s = rate_bucket_wait(buckets[i]);
		if (wait_s <= longest)
			continue;
		longest = wait_s;
		*scarce = &demands[i];
	}
	for (size_t i = 0; longest == 0 && i < count; i++) {
		buckets[i]->level -= RATE_TOKEN;
		buckets[i]->used++;
	}
	return longest;
}

/* ---- answers ---- */

static const char *words_of(struct request *r, const struct demand *scarce, unsigned wait_s)
{
	return text_printf(&r->pool, "Too often: at most %u calls a minute %s. Try again in %u second%s.",
	                   scarce->per_minute, scarce->whose, wait_s, wait_s == 1 ? "" : "s");
}

static const char *retry_json(struct request *r, unsigned wait_s)
{
	return text_printf(&r->pool, "{\"retryAfterMs\":%u}", wait_s * 1000);
}

static step_result refuse(struct request *r, const struct demand *scarce, unsigned wait_s)
{
	struct call *call = call_of(r);
	const char *words = words_of(r, scarce, wait_s);

	call->rule = scarce->rule;
	if (!audit_record_call(r, "limited", 0))
		return answer_without_record(r);
	reply_header(r, "retry-after", text_printf(&r->pool, "%u", wait_s));
	if (call->kind == ITEM_TOOL && !call->completes)
		return rpc_reply(r, call->message.id, answer_tool_error(r, words));
	return rpc_reply_error(r, 200, call->message.id, (struct rpc_problem){RPC_INTERNAL_ERROR, words},
	                       retry_json(r, wait_s));
}

step_result quota_take(struct request *r)
{
	struct quota *quota = mcp_of(r)->quota;
	struct demand demands[DEMANDS_MAX];
	const struct demand *scarce = NULL;

	if (quota == NULL)
		return STEP_NEXT;
	size_t count = demands_of(&quota->settings, bearer_of(r), call_of(r)->item, demands);
	unsigned wait_s = take_all(quota, demands, count, clock_monotonic_ms(), &scarce);
	return wait_s == 0 ? STEP_NEXT : refuse(r, scarce, wait_s);
}

step_result quota_take_request(struct request *r)
{
	static const char TEXT[] = "Too many requests. Try again later.";
	struct quota *quota = mcp_of(r)->quota;
	const struct bearer *bearer = bearer_of(r);
	const struct demand *scarce;

	if (quota == NULL || quota->settings.requests == 0)
		return STEP_NEXT;
	const struct demand demand = {.who = bearer->person,
	                              .what = bearer->client ^ COUNTS_REQUESTS,
	                              .per_minute = quota->settings.requests,
	                              .rule = "limits.requests"};
	unsigned wait_s = take_all(quota, &demand, 1, clock_monotonic_ms(), &scarce);
	if (wait_s == 0)
		return STEP_NEXT;
	call_of(r)->rule = demand.rule;
	if (!invoke_refused(r, "limited"))
		return answer_without_record(r);
	reply_header(r, "retry-after", text_printf(&r->pool, "%u", wait_s));
	return rpc_reply_error(r, 429, call_of(r)->message.id, (struct rpc_problem){RPC_INTERNAL_ERROR, TEXT},
	                       retry_json(r, wait_s));
}

/* ---- calls of a tool under way ---- */

static struct quota_turns *turns_of(struct quota *quota, uint64_t number)
{
	struct quota_turns *turns = quota->turns;

	while (turns != NULL && turns->number != number)
		turns = turns->next;
	return turns;
}

bool quota_is_busy(const struct request *r)
{
	struct quota *quota = mcp_of(r)->quota;
	const struct quota_limits *limits = call_of(r)->item->quota;

	if (quota == NULL || limits == NULL || limits->at_once == 0)
		return false;
	const struct quota_turns *turns = turns_of(quota, limits->number);
	return turns != NULL && !shares_may_take(&turns->shares, bearer_of(r)->person, limits->at_once);
}

struct quota_turns *quota_enter(struct request *r)
{
	struct quota *quota = mcp_of(r)->quota;
	const struct quota_limits *limits = call_of(r)->item != NULL ? call_of(r)->item->quota : NULL;

	if (quota == NULL || limits == NULL || limits->at_once == 0)
		return NULL;
	struct quota_turns *turns = turns_of(quota, limits->number);
	if (turns == NULL) {
		turns = h2o_mem_alloc(sizeof(*turns));
		*turns = (struct quota_turns){.next = quota->turns, .quota = quota, .number = limits->number};
		quota->turns = turns;
	}
	shares_take(&turns->shares, bearer_of(r)->person);
	return turns;
}

void quota_leave(struct quota_turns *turns, uint64_t who)
{
	shares_give_back(&turns->shares, who);
	if (turns->shares.taken > 0)
		return;
	for (struct quota_turns **at = &turns->quota->turns; *at != NULL; at = &(*at)->next) {
		if (*at != turns)
			continue;
		*at = turns->next;
		break;
	}
	shares_dispose(&turns->shares);
	free(turns);
}

/* ---- the exchange ---- */

size_t quota_list(struct quota *quota, struct rate_bucket **ret, size_t max)
{
	size_t count = 0;

	while (count < max && count < quota->listed_count) {
		struct rate_bucket *bucket = quota->listed[count];
		bucket->is_listed = 0;
		ret[count++] = bucket;
	}
	quota->listed_count -= count;
	memmove(quota->listed, quota->listed + count, quota->listed_count * sizeof(quota->listed[0]));
	return count;
}

struct rate_limits *quota_buckets(struct quota *quota)
{
	return quota->buckets;
}
