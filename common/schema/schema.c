/* SPDX-License-Identifier: Apache-2.0 */
#include "schema_checking.h"

#include <string.h>

#include "common/json.h"

const struct schema *schema_compile(h2o_mem_pool_t *pool, const json_t *document, const struct schema_options *options,
                                    const char **error)
{
	static const struct schema_options NO_OPTIONS;
	struct schema_compiler k = {.pool = pool, .options = options == NULL ? &NO_OPTIONS : options};

	json_keep(pool, json_incref((json_t *)document));
	if (k.options->documents != NULL)
		json_keep(pool, json_incref((json_t *)k.options->documents));
	k.by_place = json_object();
	k.by_uri = json_object();

	const struct schema_node *root = document == NULL ? NULL : schema_index_document(&k, document, "", "");
	bool fine = root != NULL && schema_compile_nodes(&k) && schema_refuse_endless(&k);
	if (fine)
		schema_compile_leaves(&k);
	json_decref(k.by_place);
	json_decref(k.by_uri);
	if (!fine) {
		*error = k.error == NULL ? "/: there is no schema" : k.error;
		return NULL;
	}
	struct schema *ret = h2o_mem_alloc_pool(pool, sizeof(*ret));
	ret->root = root;
	*error = NULL;
	return ret;
}

static bool keep_only(struct schema_problems *ret, const char *text)
{
	ret->items[0] = (struct schema_problem){"", text, NULL};
	ret->count = 1;
	return false;
}

bool schema_check(h2o_mem_pool_t *pool, const struct schema *schema, const json_t *instance,
                  struct schema_problems *ret)
{
	struct schema_checker quiet = {.pool = pool, .quiet = 1}, loud = {.pool = pool, .problems = ret};
	const struct schema_frame f = {.value = instance};

	if (ret != NULL)
		ret->count = 0;
	if (schema_check_node(&quiet, schema->root, &f))
		return true;
	if (ret == NULL)
		return false;
	if (quiet.exhausted != NULL)
		return keep_only(ret, quiet.exhausted);
	schema_check_node(&loud, schema->root, &f);
	if (ret->count > 0)
		return false;
	return keep_only(ret, loud.exhausted != NULL ? loud.exhausted : "does not fit");
}

/* A pointer as people write it: /items/2/name -> .items[2].name. Other names are quoted. */
static void append_dotted(struct text_buffer *b, const char *pointer)
{
	while (*pointer == '/') {
		struct text_buffer name = {.pool = b->pool};
		bool digits = true, plain = true;
		for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
			char c = *pointer;
			if (c == '~')
				c = *++pointer == '1' ? '/' : '~';
			digits = digits && c >= '0' && c <= '9';
			plain = plain && (c == '_' || c == '-' || c == '$' || (c >= '0' && c <= '9') ||
			                  ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'));
			text_append(&name, &c, 1);
		}
		if (name.len == 0)
			text_append_str(b, "[\"\"]");
		else if (digits)
			text_append_printf(b, "[%s]", name.base);
		else if (plain && name.len <= 64)
			text_append_printf(b, ".%s", name.base);
		else
			text_append_printf(b, "[%s]", schema_words_member(b->pool, name.base));
	}
}

char *schema_problems_text(h2o_mem_pool_t *pool, const struct schema_problems *problems, const char *root)
{
	struct text_buffer b = {.pool = pool};
	text_append_str(&b, problems->count == 0 ? "no problem" : "");
	for (size_t i = 0; i < problems->count; i++) {
		if (i > 0)
			text_append_str(&b, "; ");
		text_append_str(&b, root);
		append_dotted(&b, problems->items[i].pointer);
		text_append_printf(&b, ": %s", problems->items[i].text);
	}
	return b.base;
}
