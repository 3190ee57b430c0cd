/* SPDX-License-Identifier: Apache-2.0 */
/* A file of rules, a NUL, and what is known of a caller: whatever stands there, it is refused or asked without harm. */
#include <sys/mman.h>
#include <unistd.h>

#include "mcp/policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mcp_settings settings;
static int rules_fd = -1;
static h2o_mem_pool_t lasting;

static json_t *parse(const char *text)
{
	return json_read(&lasting, text_of(text), NULL);
}

static void start(void)
{
	json_init();
	h2o_mem_init_pool(&lasting);
	rules_fd = memfd_create("rules", 0);
	settings.rules = text_printf(&lasting, "/proc/self/fd/%d", rules_fd);
	settings.resource = "http://x.example/mcp";
	settings.scopes = parse("{\"a\":{\"title\":\"A\"},\"b\":{\"title\":\"B\"}}");
	settings.claims = parse("{\"repos\":{\"title\":\"R\"}}");
}

static bool write_rules(h2o_iovec_t text)
{
	return ftruncate(rules_fd, 0) == 0 && pwrite(rules_fd, text.base, text.len, 0) == (ssize_t)text.len;
}

struct told {
	bool refuses;
};

static void note(void *data, const struct policy_finding *finding)
{
	struct told *told = data;

	if (!finding->holds && (finding->rule == NULL || !finding->rule->shadow))
		told->refuses = true;
}

/* A call is let through exactly if nothing that was told refuses it, and nothing that is refused outright is. */
static void ask(struct catalogue *c, const json_t *claims, const struct scopes *granted, const json_t *arguments)
{
	h2o_mem_pool_t pool;
	struct asker asker = {.granted = *granted, .limits = limits_make(c, claims, granted)};

	h2o_mem_init_pool(&pool);
	for (size_t i = 0; i < c->count; i++) {
		struct told told = {.refuses = false};
		bool allows = policy_allows(&pool, c->items[i], asker.limits, arguments, note, &told);
		if (allows == told.refuses)
			__builtin_trap();
		if (allows && policy_decide(c->items[i], &asker) == HIDDEN && scopes_has(granted, c->items[i]->scope))
			__builtin_trap();
	}
	if (asker.limits != NULL)
		h2o_mem_release_shared(asker.limits);
	h2o_mem_clear_pool(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
	size_t len = end != NULL ? (size_t)(end - data) : size;
	const char *names[] = {"a"}, *error = NULL;
	const struct scopes granted = {names, 1};

	if (rules_fd == -1)
		start();
	if (!write_rules(h2o_iovec_init(data, len)))
		return 0;
	struct tool tools[] = {
	    {.item = {.kind = ITEM_TOOL, .index = 0, .key = "t", .name = "t", .scope = "a"}},
	    {.item = {.kind = ITEM_TOOL, .index = 1, .key = "u", .name = "u", .scope = "b", .tier = TIER_WRITE}},
	};
	tools[0].input = tools[1].input = parse("{\"properties\":{\"repo\":{},\"n\":{}}}");
	struct item *items[] = {&tools[0].item, &tools[1].item};
	struct catalogue c = {.settings = &settings, .items = items, .count = 2, .firsts = {0, 2, 2, 2, 2}};
	h2o_mem_init_pool(&c.pool);
	json_t *claims = end != NULL ? json_read(&c.pool, h2o_iovec_init(end + 1, size - len - 1), NULL) : NULL;
	json_t *argument = json_read(&c.pool, text_of("{\"repo\":\"a\",\"n\":1}"), NULL);
	c.rules = rules_load(&c, &error);
	if ((c.rules == NULL) != (error != NULL))
		__builtin_trap();
	if (c.rules != NULL || error != NULL)
		ask(&c, json_is_object(claims) ? claims : json_read(&c.pool, text_of("{}"), NULL), &granted, argument);
	h2o_mem_clear_pool(&c.pool);
	h2o_mem_clear_pool(&lasting);
	close(rules_fd);
	rules_fd = -1;
	return 0;
}
