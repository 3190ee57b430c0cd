/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_command.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit_file.h"
#include "audit_verify.h"

static const char HELP[] =
    "  audit verify [FILE]... [--key PUBLIC] [--heads HEADS [--complete]] [--json]\n"
    "      Says whether the logs (the older one first; the daemon's own if none is named) are what was written, and\n"
    "      where not. --key: the public half of the key that signs them. --heads: what \"audit heads\" printed; with\n"
    "      --complete, all of it must be in these files. \"-\" is standard input.\n"
    "  audit search [FILE]... [FILTER]...\n"
    "      Prints the records that all filters take: --person, --client, --tool (or resource, or prompt), --outcome,\n"
    "      --grant, --request, --event, --since and --until (2026-11-21T09:30, or 24h for so long ago).\n"
    "  audit export [FILE]... --format jsonl|cef|ocsf [FILTER]...\n"
    "      The same in the form of other systems: Common Event Format, Open Cybersecurity Schema Framework.\n"
    "  audit heads\n"
    "      Prints how far each chain had come when PostgreSQL last got lines of it.\n"
    "  audit key new FILE\n"
    "      Makes a key that signs logs: FILE, for the daemon alone, and FILE.pub, for whoever verifies.\n";

struct command {
	const struct audit_program *program;
	h2o_mem_pool_t pool;
	struct audit_filter filter;
	const char *key, *heads, *format;
	bool complete, json;
	const char *const *files; /* NULL at the end */
};

static int refuse(const struct command *c, const char *problem)
{
	fprintf(stderr, "%s: %s\n", c->program->name, problem);
	return 1;
}

/* Of the configuration, what the command line does not say. False: it was said what is wrong. */
static bool fill_in(struct command *c, bool wants_key)
{
	struct audit_defaults defaults = {NULL, NULL};
	const char *problem;

	if (c->files[0] != NULL)
		return true;
	problem = c->program->defaults(c->program->data, &c->pool, &defaults);
	if (problem == NULL && defaults.log == NULL)
		problem = "the configuration names no audit_log: name a file";
	if (problem != NULL)
		return refuse(c, problem) == 0;
	const char **files = h2o_mem_alloc_pool(&c->pool, 2 * sizeof(*files));
	files[0] = text_copy(&c->pool, text_of(defaults.log));
	files[1] = NULL;
	c->files = files;
	if (wants_key && c->key == NULL && defaults.public_key != NULL)
		c->key = text_copy(&c->pool, text_of(defaults.public_key));
	return true;
}

/* ---- verify ---- */

static const char *read_heads(struct command *c, struct audit_verify *v)
{
	FILE *file = strcmp(c->heads, "-") == 0 ? stdin : fopen(c->heads, "re");
	json_t *heads, *head;
	size_t i;

	if (file == NULL)
		return text_printf(&c->pool, "%s: %s", c->heads, strerror(errno));
	heads = json_keep(&c->pool, json_loadf(file, JSON_REJECT_DUPLICATES, NULL));
	if (file != stdin)
		fclose(file);
	if (!json_is_array(heads))
		return text_printf(&c->pool, "%s: is not what \"audit heads\" prints", c->heads);
	json_array_foreach (heads, i, head) {
		const char *chain = json_get_text(head, "chain").base, *digest = json_get_text(head, "digest").base;
		if (chain == NULL || digest == NULL)
			return text_printf(&c->pool, "%s: is not what \"audit heads\" prints", c->heads);
		audit_verify_head(v, chain, json_integer_value(json_object_get(head, "seq")), digest);
	}
	return NULL;
}

static json_t *problem_json(const struct audit_problem *problem)
{
	json_t *json = json_pack("{s:s, s:I, s:s}", "file", problem->file, "line", (json_int_t)problem->line, "problem",
	                         problem->words);

	if (problem->chain[0] != '\0')
		json_object_set_new(json, "chain", json_string(problem->chain));
	if (problem->seq > 0)
		json_object_set_new(json, "seq", json_integer((json_int_t)problem->seq));
	return json;
}

static void print_json(const struct audit_verify *v)
{
	json_t *problems = json_array(), *notes = json_array();

	for (size_t i = 0; i < v->problem_count && i < AUDIT_PROBLEMS_MAX; i++)
		json_array_append_new(problems, problem_json(&v->problems[i]));
	for (size_t i = 0; i < v->note_count; i++)
		json_array_append_new(notes, json_string(v->notes[i]));
	json_t *report = json_pack("{s:b, s:I, s:I, s:I, s:b, s:I, s:o, s:o}", "fine", v->problem_count == 0, "lines",
	                           (json_int_t)v->lines, "chains", (json_int_t)v->chain_count, "signed",
	                           (json_int_t)v->signed_count, "signatures_checked", v->key != NULL, "problem_count",
	                           (json_int_t)v->problem_count, "problems", problems, "notes", notes);
	json_dumpf(report, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(report);
}

static void print_words(const struct audit_verify *v, const char *const *files)
{
	for (size_t i = 0; i < v->problem_count && i < AUDIT_PROBLEMS_MAX; i++) {
		const struct audit_problem *p = &v->problems[i];
		printf("%s:%" PRIu64 ": %s", p->file, p->line, p->words);
		if (p->chain[0] != '\0')
			printf(" (chain %.8s, record %" PRId64 ")", p->chain, p->seq);
		putchar('\n');
	}
	for (size_t i = 0; i < v->note_count; i++)
		printf("note: %s\n", v->notes[i]);
	if (v->problem_count > AUDIT_PROBLEMS_MAX)
		printf("and %zu more problems\n", v->problem_count - AUDIT_PROBLEMS_MAX);
	if (v->problem_count > 0)
		return;
	printf("%s%s: fine: %" PRIu64 " lines of %" PRIu64 " chains are as they were written; ", files[0],
	       files[1] != NULL ? " and others" : "", v->lines, v->chain_count);
	if (v->key != NULL)
		printf("%" PRIu64 " of them are signed by key %s\n", v->signed_count, audit_key_id(v->key));
	else
		printf("no signature was checked (--key)\n");
}

static const char *verify_files(struct command *c, struct audit_verify *v)
{
	const char *error = c->heads != NULL ? read_heads(c, v) : NULL;

	for (const char *const *file = c->files; error == NULL && *file != NULL; file++)
		audit_verify_file(v, *file, &error);
	return error;
}

static int verify(struct command *c)
{
	struct audit_verify *v = h2o_mem_alloc_pool(&c->pool, sizeof(*v));
	struct audit_key *key = NULL;
	const char *error = NULL;

	if (!fill_in(c, true))
		return 1;
	if (c->key != NULL && (key = audit_key_load(&c->pool, c->key, true, &error)) == NULL)
		return refuse(c, error);
	audit_verify_begin(v, &c->pool, key);
	v->complete = c->complete;
	error = verify_files(c, v);
	if (error == NULL) {
		audit_verify_end(v);
		if (c->json)
			print_json(v);
		else
			print_words(v, c->files);
	}
	audit_key_free(key);
	return error != NULL ? refuse(c, error) : v->problem_count == 0 ? 0 : 1;
}

/* ---- search, export ---- */

static void print_record(const struct command *c, h2o_iovec_t text, audit_format_fn *format)
{
	struct audit_line line;
	h2o_iovec_t piece;
	h2o_mem_pool_t pool;

	if (!audit_line_find(text, &line, &piece))
		return;
	h2o_mem_init_pool(&pool);
	const json_t *record = json_read(&pool, line.text, NULL);
	if (record != NULL && audit_filter_takes(&c->filter, record)) {
		struct text_buffer out = {.pool = &pool};
		format(&out, record, line.text);
		text_append_str(&out, "\n");
		fwrite(out.base, 1, out.len, stdout);
	}
	h2o_mem_clear_pool(&pool);
}

static int print_records(struct command *c)
{
	audit_format_fn *format = audit_format_of(c->format);
	struct audit_reader reader;
	h2o_iovec_t line;

	if (format == NULL)
		return 2;
	if (!fill_in(c, false))
		return 1;
	for (const char *const *file = c->files; *file != NULL; file++) {
		if (!audit_reader_open(&reader, *file))
			return refuse(c, text_printf(&c->pool, "%s: %s", *file, strerror(errno)));
		while (audit_reader_next(&reader, &line, NULL))
			print_record(c, line, format);
		audit_reader_close(&reader);
	}
	return fflush(stdout) == 0 ? 0 : refuse(c, strerror(errno));
}

/* ---- heads, key ---- */

static int print_heads(struct command *c)
{
	json_t *heads = NULL;
	const char *problem = "it has no database that knows of audit logs";

	if (c->program->heads != NULL)
		problem = c->program->heads(c->program->data, &c->pool, &heads);
	if (problem != NULL)
		return refuse(c, problem);
	json_dumpf(heads, stdout, JSON_INDENT(1));
	putchar('\n');
	return 0;
}

static int make_key(struct command *c)
{
	if (c->files[0] == NULL || strcmp(c->files[0], "new") != 0 || c->files[1] == NULL || c->files[2] != NULL)
		return 2;
	const char *problem = audit_key_make(&c->pool, c->files[1]);
	return problem != NULL ? refuse(c, problem) : 0;
}

/* ---- options ---- */

static bool read_option(struct command *c, int option, const char *value)
{
	const char **const places[] = {
	    ['p'] = &c->filter.person, ['c'] = &c->filter.client,
	    ['t'] = &c->filter.tool,   ['o'] = &c->filter.outcome,
	    ['g'] = &c->filter.grant,  ['r'] = &c->filter.request,
	    ['e'] = &c->filter.event,  ['s'] = &c->filter.since,
	    ['u'] = &c->filter.until,  ['k'] = &c->key,
	    ['h'] = &c->heads,         ['f'] = &c->format,
	};

	if (option == 'a' || option == 'j') {
		*(option == 'a' ? &c->complete : &c->json) = true;
		return true;
	}
	if (option < 0 || (size_t)option >= sizeof(places) / sizeof(places[0]) || places[option] == NULL)
		return false;
	if (option == 's' || option == 'u')
		value = audit_time(&c->pool, value);
	*places[option] = value;
	return value != NULL;
}

static int run(struct command *c, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"person", 1, NULL, 'p'},  {"client", 1, NULL, 'c'}, {"tool", 1, NULL, 't'},     {"outcome", 1, NULL, 'o'},
	    {"grant", 1, NULL, 'g'},   {"event", 1, NULL, 'e'},  {"since", 1, NULL, 's'},    {"until", 1, NULL, 'u'},
	    {"request", 1, NULL, 'r'}, {"key", 1, NULL, 'k'},    {"heads", 1, NULL, 'h'},    {"complete", 0, NULL, 'a'},
	    {"json", 0, NULL, 'j'},    {"format", 1, NULL, 'f'}, {"help", 0, NULL, '?' + 1}, {NULL, 0, NULL, 0},
	};
	const char *what = argv[0];
	int option;

	optind = 0;
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1)
		if (option == '?' + 1 || !read_option(c, option, optarg))
			return option == '?' + 1 ? 3 : 2;
	c->files = (const char *const *)argv + optind;
	if (strcmp(what, "verify") == 0)
		return verify(c);
	if (strcmp(what, "search") == 0 || (strcmp(what, "export") == 0 && c->format != NULL)) {
		c->format = what[0] == 's' ? "jsonl" : c->format;
		return print_records(c);
	}
	if (strcmp(what, "heads") == 0)
		return print_heads(c);
	return strcmp(what, "key") == 0 ? make_key(c) : 2;
}

int audit_command(const struct audit_program *program, int argc, char **argv)
{
	struct command c = {.program = program};

	bool wants_help = argc >= 2 && strcmp(argv[1], "--help") == 0;
	if (argc < 2)
		return 2;
	h2o_mem_init_pool(&c.pool);
	int status = wants_help ? 3 : run(&c, argc - 1, argv + 1);
	h2o_mem_clear_pool(&c.pool);
	if (status == 3)
		printf("%s [-c FILE] ...\n%s", program->name, HELP);
	return status == 3 ? 0 : status;
}
