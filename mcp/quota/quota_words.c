/* SPDX-License-Identifier: Apache-2.0 */
/* Which limits a call of an item has, for `explain` and `catalogue`. */
#include "mcp/catalogue/item.h"
#include "mcp/quota/quota.h"

struct limit {
	const char *name, *words;
	uint32_t value;
};
enum { LIMITS = 5 };

static void list(const struct quota_settings *s, const struct item *item, struct limit limits[LIMITS])
{
	static const struct quota_limits NONE = {0};
	static const struct quota_settings NO_SETTINGS = {0};
	const struct quota_limits *own = item != NULL && item->quota != NULL ? item->quota : &NONE;

	if (s == NULL)
		s = &NO_SETTINGS;
	limits[0] = (struct limit){"person", "a minute of one person", s->person};
	limits[1] = (struct limit){"client", "a minute of one client of a person", s->client};
	limits[2] = (struct limit){"per_minute", "of it a minute of one person", own->per_minute};
	limits[3] = (struct limit){"all_per_minute", "of it a minute of everybody", own->all_per_minute};
	limits[4] = (struct limit){"at_once", "of it at a time", own->at_once};
}

const char *quota_words(h2o_mem_pool_t *pool, const struct quota_settings *settings, const struct item *item)
{
	struct limit limits[LIMITS];
	struct text_buffer words = {.pool = pool};

	list(settings, item, limits);
	for (size_t i = 0; i < LIMITS; i++)
		if (limits[i].value > 0)
			text_append_printf(&words, "%s%u call%s %s", words.len > 0 ? ", " : "", limits[i].value,
			                   limits[i].value == 1 ? "" : "s", limits[i].words);
	return words.base;
}

json_t *quota_json(const struct quota_settings *settings, const struct item *item)
{
	struct limit limits[LIMITS];
	json_t *object = json_object();

	list(settings, item, limits);
	for (size_t i = 0; i < LIMITS; i++)
		if (limits[i].value > 0)
			json_object_set_new(object, limits[i].name, json_integer(limits[i].value));
	return object;
}
