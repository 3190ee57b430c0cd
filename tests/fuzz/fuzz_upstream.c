/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream sends: event streams, results, definitions of tools. The first byte says which, the second how a
 * stream is cut. */
#include "mcp/backend/upstream/upstream_event.c"
#include "mcp/backend/upstream/upstream_lint_text.c"
#include "mcp/backend/upstream/upstream_pins.c"
#include "mcp/backend/upstream/upstream_result.c"
#include "mcp/backend/upstream/upstream_schema.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void lint_add(struct lint *lint, enum lint_weight weight, const char *place, const char *text)
{
	lint->worst = weight > lint->worst ? weight : lint->worst;
	(void)place;
	if (!text_is_utf8(text_of(text)))
		abort();
}

static void on_message(void *data, h2o_iovec_t message)
{
	size_t *total = data;

	*total += message.len;
}

static void read_stream(const char *bytes, size_t len, size_t cut)
{
	struct upstream_event event = {0};
	size_t total = 0;
	bool fine = true;

	for (size_t at = 0; at < len && fine; at += cut)
		fine = upstream_event_read(&event, h2o_iovec_init((char *)bytes + at, len - at < cut ? len - at : cut),
		                           1000, on_message, &total);
	if (total > len)
		abort();
	upstream_event_dispose(&event);
}

/* What passes is JSON again, without anything that cannot be seen. */
static void read_result(h2o_mem_pool_t *pool, const json_t *value, bool untrusted)
{
	struct outcome outcome;

	if (!upstream_result_outcome(pool, value, untrusted, &outcome))
		return;
	const json_t *content = json_read(pool, outcome.content, NULL);
	if (!json_is_array(content))
		abort();
}

static void read_definition(h2o_mem_pool_t *pool, const json_t *value)
{
	struct lint lint = {.pool = pool};
	struct upstream_schema schema;
	h2o_iovec_t name;
	const json_t *definition = pins_definition(pool, value, &name);

	if (definition == NULL)
		return;
	pins_digest(pool, definition);
	lint_text(&lint, "description", json_get_text(definition, "description"));
	lint_skeleton(pool, json_get_text(definition, "title"));
	upstream_schema_input(pool, json_object_get(definition, "inputSchema"), true, &schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	h2o_mem_pool_t pool;

	if (size < 2)
		return 0;
	h2o_mem_init_pool(&pool);
	const char *rest = (const char *)data + 2;
	size_t len = size - 2;
	if (data[0] % 4 == 0) {
		read_stream(rest, len, data[1] == 0 ? 1 : data[1]);
	} else {
		const json_t *value = json_read(&pool, h2o_iovec_init((char *)rest, len), NULL);
		if (data[0] % 4 == 1)
			read_definition(&pool, value);
		else
			read_result(&pool, value, data[0] % 4 == 2);
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
