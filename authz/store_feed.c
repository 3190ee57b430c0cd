/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/store_statements.h"

#include <string.h>

step_result store_feed_poll(struct request *r, const struct client_proof *proof, const struct feed_position *position,
                            int limit)
{
	struct db_param params[PROOF_PARAMS + 5] = {
	    [PROOF_PARAMS] = param_text(position != NULL ? position->timeline : NULL),
	    param_text(position != NULL ? position->base : NULL),
	    param_text(position != NULL ? position->upper : NULL),
	    param_int(&r->pool, position != NULL ? position->after : 0),
	    param_int(&r->pool, limit),
	};

	store_proof_params(proof, params);
	return store_ask(r, STATEMENT_FEED_POLL, params, sizeof(params) / sizeof(params[0]));
}

static enum feed_kind kind_of(const char *name)
{
	static const char *const NAMES[] = {
	    [FEED_GRANT] = "grant",     [FEED_TOKEN] = "token",   [FEED_CLIENT] = "client",
	    [FEED_SESSION] = "session", [FEED_CLAIMS] = "claims",
	};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if (NAMES[i] != NULL && strcmp(NAMES[i], name) == 0)
			return (enum feed_kind)i;
	return FEED_VERIFICATION;
}

static void read_events(struct request *r, struct feed_page *page)
{
	size_t count = rows_count(r->rows);

	page->events = h2o_mem_alloc_pool(&r->pool, count * sizeof(*page->events));
	page->count = count;
	for (size_t i = 0; i < count; i++)
		page->events[i] = (struct feed_event){
		    .event_id = rows_int(r->rows, i, "event_id"),
		    .kind = kind_of(rows_text(r->rows, i, "kind")),
		    .id = store_text(r, i, "id"),
		    .detail = store_text(r, i, "detail"),
		    .happened_at = rows_int(r->rows, i, "happened_at"),
		};
}

enum feed store_read_feed_poll(struct request *r, struct feed_page *ret)
{
	static const char *const OUTCOMES[] = {"client_refused", "reset", "nothing", "event"};
	const char *name = rows_count(r->rows) > 0 ? rows_text(r->rows, 0, "outcome") : "";
	enum feed outcome = FEED_CLIENT_REFUSED;

	*ret = (struct feed_page){0};
	for (int i = 0; i < 4; i++)
		if (strcmp(OUTCOMES[i], name) == 0)
			outcome = (enum feed)i;
	if (outcome == FEED_CLIENT_REFUSED)
		return outcome;
	ret->resource = store_text(r, 0, "resource");
	ret->position = (struct feed_position){
	    .timeline = store_text(r, 0, "timeline"),
	    .base = store_text(r, 0, "base"),
	    .upper = store_text(r, 0, "upper"),
	};
	ret->now = rows_int(r->rows, 0, "now");
	ret->more = rows_bool(r->rows, 0, "more");
	if (outcome == FEED_EVENTS)
		read_events(r, ret);
	return outcome;
}
