/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/form.h"

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void check_text(h2o_iovec_t text)
{
	demand(text.base != NULL && text.base[text.len] == '\0' && strlen(text.base) == text.len);
	demand(text_is_utf8(text));
}

/* What was read, written again, reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"a", "code", NULL};
	h2o_mem_pool_t pool;
	struct form form, again;
	h2o_mem_init_pool(&pool);
	struct text_buffer text = {.pool = &pool};
	if (form_parse(&pool, h2o_iovec_init(data, size), &form) == NULL) {
		demand(form.count <= FORM_FIELDS_MAX);
		form_repeats(&form, names);
		for (size_t i = 0; i < form.count; i++) {
			check_text(form.fields[i].name);
			check_text(form.fields[i].value);
			demand(form_get(&form, form.fields[i].name.base).base != NULL);
			text_append_str(&text, i == 0 ? "" : "&");
			text_append_uri(&text, form.fields[i].name);
			text_append_str(&text, "=");
			text_append_uri(&text, form.fields[i].value);
		}
		demand(form_parse(&pool, h2o_iovec_init(text.base, text.len), &again) == NULL);
		demand(again.count == form.count);
		for (size_t i = 0; i < form.count; i++)
			demand(text_equal(form.fields[i].name, again.fields[i].name) &&
			       text_equal(form.fields[i].value, again.fields[i].value));
	}
	h2o_mem_clear_pool(&pool);
	return 0;
}
