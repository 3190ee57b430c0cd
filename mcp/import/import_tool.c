/* SPDX-License-Identifier: Apache-2.0 */
/* One operation as one tool, loaded here as the server will load it before anything is written. */
#include <string.h>

#include "common/config.h"
#include "common/encoding.h"
#include "common/secret.h"
#include "common/serving_settings.h"
#include "mcp/settings/documents.h"
#include "mcp/import/import.h"
#include "mcp/catalogue/loading.h"
#include "mcp/guard/input_bounds.h"

enum { TITLE_MAX = 200, DESCRIPTION_MAX = 4000 };

struct import_checker {
	const struct schema *schema;
	struct address_range anywhere[2];
	const struct import_operation *trusted; /* the first with a credential, or NULL */
};

struct import_checker *import_checker_open(h2o_mem_pool_t *pool)
{
	struct import_checker *ret = h2o_mem_alloc_pool(pool, sizeof(*ret));

	ret->trusted = NULL;
	ret->schema = serving_schema_compile(pool, document_of_tool(pool));
	if (!address_range_parse(text_of("0.0.0.0/0"), &ret->anywhere[0]) ||
	    !address_range_parse(text_of("::/0"), &ret->anywhere[1]))
		h2o_fatal("no ranges");
	return ret;
}

/* ---- the document ---- */

static const char *tier_for(const struct import_operation *op)
{
	if (strcmp(op->method, "GET") == 0)
		return "read";
	return strcmp(op->method, "DELETE") == 0 ? "destroy" : "write";
}

static const char *title_of(const struct import_operation *op)
{
	const char *title = import_line(op->document->pool, json_get_text(op->source, "summary"), TITLE_MAX);

	return *title != '\0' ? title : op->name;
}

static h2o_iovec_t description_of(struct import_operation *op)
{
	static const char *const FROM[] = {"description", "summary"};
	const char *what;

	for (size_t i = 0; i < sizeof(FROM) / sizeof(FROM[0]); i++) {
		h2o_iovec_t text = json_get_text(op->source, FROM[i]);
		h2o_iovec_t prose = import_prose(op->document->pool, text, DESCRIPTION_MAX, &what);
		if (prose.len > 0 && what != NULL)
			import_note(op, "its %s %s", FROM[i], what);
		if (prose.len > 0)
			return prose;
	}
	return text_of(text_printf(op->document->pool, "%s of %s", op->label, op->document->title));
}

/* What the document leaves open, the operator may write closer, or open again by its name in guards.unbounded. */
static void bound_arguments(struct import_operation *op)
{
	json_t *notes = json_keep(op->document->pool, json_array()), *note;
	size_t i;

	input_bounds_fill(op->document->pool, op->input, notes);
	json_array_foreach (notes, i, note)
		import_note(op, "its arguments have bounds that the document does not have: %s",
		            json_string_value(note));
}

/* Text of a service is text of whoever put it there: it is marked until the operator knows better. */
static json_t *definition_of(struct import_operation *op)
{
	h2o_iovec_t description = description_of(op);
	const char *tier = tier_for(op);
	const char *scope = strcmp(tier, "read") == 0 ? op->options->scope_read : op->options->scope_write;
	json_t *required = json_object_get(op->input, "required");
	json_t *ret =
	    json_pack("{s:s, s:s, s:s#, s:s, s:s, s:b}", "name", op->name, "title", title_of(op), "description",
	              description.base, (int)description.len, "scope", scope, "tier", tier, "untrusted", true);

	if (strcmp(tier, "read") != 0)
		bound_arguments(op);
	if (json_array_size(required) == 0)
		json_object_del(op->input, "required");
	json_object_set(ret, "input", op->input);
	if (op->output != NULL)
		json_object_set(ret, "output", op->output);
	json_object_set(ret, "http", op->http);
	return json_keep(op->document->pool, ret);
}

/* ---- what the server would say ---- */

/* The secret is read when the server loads the file, and by nobody else. */
static const json_t *without_credential(h2o_mem_pool_t *pool, const json_t *definition)
{
	json_t *copy = json_keep(pool, json_deep_copy(definition));

	json_object_del(json_object_get(copy, "http"), "credential");
	return copy;
}

static const char *load_problem(struct import_checker *checker, h2o_mem_pool_t *pool, const struct import_operation *op,
                                const json_t *definition)
{
	const struct egress_place place = {.host = op->server.host,
	                                   .port = op->server.port,
	                                   .plain = op->server.plain,
	                                   .ranges = checker->anywhere,
	                                   .range_count = 2};
	const char *scope = json_get_text(definition, "scope").base, *problem;
	struct catalogue *catalogue = h2o_mem_alloc_pool(pool, sizeof(*catalogue));
	struct mcp_settings *settings = h2o_mem_alloc_pool(pool, sizeof(*settings));
	struct loading l = {.pool = pool, .settings = settings, .catalogue = catalogue, .file = op->name};

	memset(catalogue, 0, sizeof(*catalogue));
	memset(settings, 0, sizeof(*settings));
	settings->scopes = json_keep(pool, json_pack("{s:{}}", scope));
	settings->outbound = (struct egress_places){&place, 1};
	l.document = (json_t *)without_credential(pool, definition);
	item_load(&l, &TOOL_FILE, &problem);
	return problem;
}

/* Lives in op's pool, or is NULL. */
static const char *definition_problem(struct import_checker *checker, struct import_operation *op,
                                      const json_t *definition)
{
	struct schema_problems problems;
	const char *problem;
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	if (schema_check(&pool, checker->schema, definition, &problems))
		problem = load_problem(checker, &pool, op, definition);
	else
		problem = schema_problems_text(&pool, &problems, "file");
	if (problem != NULL)
		problem = text_copy(op->document->pool, text_of(problem));
	h2o_mem_clear_pool(&pool);
	return problem;
}

/* ---- the file ---- */

static bool write_text(struct import_operation *op, const json_t *definition)
{
	h2o_mem_pool_t *pool = op->document->pool;
	h2o_iovec_t yaml = import_yaml(pool, definition), canonical = json_canonical(pool, definition);
	uint8_t digest[SHA256_SIZE];
	const char *error;

	if (!json_equal(yaml_parse(pool, yaml, op->name, &error), definition))
		return import_refuse(op, "it has a text that cannot be written as YAML");
	sha256(canonical, digest);
	op->text =
	    text_of(text_printf(pool,
	                        "# Made by sallyport-mcp import openapi.\n# Document: %s\n# Operation: %s\n"
	                        "# Digest of what follows: sha256:%s\n%s",
	                        op->document->title, op->label, hex_encode(pool, digest, sizeof(digest)), yaml.base));
	return true;
}

static bool finish(struct import_checker *checker, struct import_operation *op)
{
	const json_t *definition = definition_of(op);
	const char *place = import_find_invisible(op->document->pool, definition);
	const char *problem = place == NULL ? definition_problem(checker, op, definition) : NULL;

	if (place != NULL && strncmp(place, "/output", 7) != 0)
		return import_refuse(op, "%s has control or invisible characters", place);
	if (op->output != NULL && (place != NULL || (problem != NULL && strncmp(problem, "/output", 7) == 0))) {
		import_note(op, "the tool has no output schema: %s",
		            problem != NULL ? problem : "it has control or invisible characters");
		op->output = NULL;
		return finish(checker, op);
	}
	if (problem != NULL)
		return import_refuse(op, "the tool could not be loaded: %s", problem);
	return write_text(op, definition);
}

/* A secret goes to one place: that of the first operation that carries it. */
static bool check_place(const struct import_checker *checker, struct import_operation *op)
{
	const struct import_server *to = &op->server, *first;

	if (checker->trusted == NULL || json_object_get(op->http, "credential") == NULL)
		return true;
	first = &checker->trusted->server;
	if (first->plain == to->plain && first->port == to->port && strcmp(first->host, to->host) == 0)
		return true;
	return import_refuse(op,
	                     "its credential would go to %s, and others' goes to %s: import it by itself, "
	                     "with --server",
	                     to->origin, first->origin);
}

bool import_tool(struct import_checker *checker, struct import_operation *op)
{
	h2o_mem_pool_t *pool = op->document->pool;

	op->http = json_keep(pool, json_object());
	op->names = json_keep(pool, json_object());
	op->input = json_keep(pool, json_pack("{s:s, s:b, s:{}, s:[]}", "type", "object", "additionalProperties", false,
	                                      "properties", "required"));
	if (json_object_get(op->source, "callbacks") != NULL)
		return import_refuse(op, "it has callbacks");
	if (strcmp(op->method, "HEAD") == 0 || strcmp(op->method, "OPTIONS") == 0 || strcmp(op->method, "TRACE") == 0)
		return import_refuse(op, "a tool cannot send %s", op->method);
	if (!import_operation_server(op) || !import_parameters(op) || !import_body(op) || !import_credential(op) ||
	    !check_place(checker, op) || !import_answers(op) || !finish(checker, op))
		return false;
	if (checker->trusted == NULL && json_object_get(op->http, "credential") != NULL)
		checker->trusted = op;
	return true;
}
