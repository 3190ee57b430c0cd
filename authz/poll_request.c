/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/poll_request.h"

#include <string.h>

enum { SNAPSHOT_SIZE_MAX = 8192, TIMELINE_SIZE = 8 };

/* ---- positions ---- */

/* What stands before the separator, which is taken away too; all of it if there is none. */
static h2o_iovec_t next_part(h2o_iovec_t *text, char separator)
{
	const char *end = text->len > 0 ? memchr(text->base, separator, text->len) : NULL;
	h2o_iovec_t part = {text->base, end != NULL ? (size_t)(end - text->base) : text->len};
	size_t taken = part.len + (end != NULL);

	text->base += taken;
	text->len -= taken;
	return part;
}

/* The form of pg_snapshot: xmin:xmax:xip,xip...; ids that were in progress lie between, in order. */
static bool snapshot_read(h2o_iovec_t text, int64_t *ret_xmax)
{
	h2o_iovec_t rest = text;
	int64_t xmin, last = 0, id;

	if (text.len > SNAPSHOT_SIZE_MAX || !text_to_int64(next_part(&rest, ':'), &xmin) ||
	    !text_to_int64(next_part(&rest, ':'), ret_xmax) || xmin < 1 || *ret_xmax < xmin || rest.base[-1] != ':')
		return false;
	if (rest.len > 0 && rest.base[rest.len - 1] == ',')
		return false;
	while (rest.len > 0) {
		if (!text_to_int64(next_part(&rest, ','), &id) || id < xmin || id >= *ret_xmax || id <= last)
			return false;
		last = id;
	}
	return true;
}

static bool timeline_read(h2o_iovec_t text)
{
	for (size_t i = 0; i < text.len; i++)
		if (strchr("0123456789ABCDEF", text.base[i]) == NULL || text.base[i] == '\0')
			return false;
	return text.len == TIMELINE_SIZE;
}

/* How far a position has come; of two, the one with more has heard of what the other has. */
struct progress {
	int64_t base, upper, after;
};

static bool position_read(h2o_mem_pool_t *pool, h2o_iovec_t text, struct feed_position *ret, struct progress *progress)
{
	h2o_iovec_t rest = text;
	h2o_iovec_t timeline = next_part(&rest, '~'), base = next_part(&rest, '~'), upper = next_part(&rest, '~');

	*progress = (struct progress){0};
	if (!timeline_read(timeline) || !snapshot_read(base, &progress->base) ||
	    (upper.len > 0 && !snapshot_read(upper, &progress->upper)) || !text_to_int64(rest, &progress->after))
		return false;
	*ret = (struct feed_position){
	    .timeline = text_copy(pool, timeline),
	    .base = text_copy(pool, base),
	    .upper = upper.len > 0 ? text_copy(pool, upper) : NULL,
	    .after = progress->after,
	};
	return true;
}

bool feed_position_read(h2o_mem_pool_t *pool, h2o_iovec_t text, struct feed_position *ret)
{
	struct progress progress;

	return position_read(pool, text, ret, &progress);
}

const char *feed_position_text(h2o_mem_pool_t *pool, const struct feed_position *p)
{
	return text_printf(pool, "%s~%s~%s~%lld", p->timeline, p->base, p->upper != NULL ? p->upper : "",
	                   (long long)p->after);
}

/* ---- the request ---- */

static bool is_further(const struct progress *a, const struct progress *b)
{
	if (a->base != b->base)
		return a->base > b->base;
	return a->upper != b->upper ? a->upper > b->upper : a->after > b->after;
}

/* Ids that are no positions are none of ours, and as good as not there. */
static void take_id(h2o_mem_pool_t *pool, h2o_iovec_t id, struct poll_request *request, struct progress *furthest)
{
	struct feed_position position;
	struct progress progress;

	if (!position_read(pool, id, &position, &progress))
		return;
	if (request->has_position && !is_further(&progress, furthest))
		return;
	request->has_position = true;
	request->position = position;
	*furthest = progress;
}

static const char *read_ids(h2o_mem_pool_t *pool, const json_t *body, struct poll_request *request)
{
	const json_t *acks = json_object_get(body, "ack"), *errors = json_object_get(body, "setErrs"), *value;
	struct progress furthest = {0};
	const char *id;
	size_t i;

	if ((acks != NULL && !json_is_array(acks)) || (errors != NULL && !json_is_object(errors)))
		return "ack must be an array and setErrs an object";
	json_array_foreach (acks, i, value) {
		if (!json_is_string(value))
			return "ack must be an array of strings";
		take_id(pool, text_of(json_string_value(value)), request, &furthest);
	}
	/* What cannot be read now, cannot be read the next time either: the receiver has said so, and goes on. */
	json_object_foreach ((json_t *)errors, id, value) {
		take_id(pool, text_of(id), request, &furthest);
		request->refused++;
	}
	return NULL;
}

const char *poll_request_read(h2o_mem_pool_t *pool, const json_t *body, struct poll_request *ret)
{
	const json_t *most = json_object_get(body, "maxEvents"), *at_once = json_object_get(body, "returnImmediately");

	*ret = (struct poll_request){.max_events = POLL_EVENTS_MAX, .returns_immediately = json_is_true(at_once)};
	if (!json_is_object(body))
		return "the body must be a JSON object";
	if (most != NULL && (!json_is_integer(most) || json_integer_value(most) < 0))
		return "maxEvents must be a number that is not negative";
	if (at_once != NULL && !json_is_boolean(at_once))
		return "returnImmediately must be true or false";
	if (most != NULL && json_integer_value(most) < POLL_EVENTS_MAX)
		ret->max_events = (int)json_integer_value(most);
	return read_ids(pool, body, ret);
}
