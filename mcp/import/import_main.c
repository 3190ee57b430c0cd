/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `import`. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "mcp/import/import.h"
#include "mcp/verbs/verbs.h"

static const char USAGE[] =
    "Usage: sallyport-mcp import openapi FILE --into DIR [OPTION]...\n"
    "\n"
    "Makes one tool file of each operation of an OpenAPI 3.1 or 3.0 document, YAML or JSON.\n"
    "What cannot be expressed whole is skipped, and why is said. Nothing is fetched.\n"
    "\n"
    "  --into DIR              folder of the tool files\n"
    "  --prefix P              before the name of each tool\n"
    "  --server URL            where the API is, whatever the document says\n"
    "  --operation ID          only this one (operationId, or \"GET /items\"); may be repeated\n"
    "  --tag TAG               only those with this tag; may be repeated\n"
    "  --scope-read SCOPE      of tools that read; of the document's title unless said\n"
    "  --scope-write SCOPE     of tools that change something\n"
    "  --credential-file FILE  where the server finds the secret for operations that demand one\n"
    "  --force                 write over files that differ\n"
    "  --dry-run               write nothing\n"
    "  --json                  say it in JSON\n";

static bool refuse(const char *problem, const char *what)
{
	fprintf(stderr, "sallyport-mcp: import: %s%s%s\n", what != NULL ? what : "", what != NULL ? ": " : "", problem);
	return false;
}

static bool is_scope(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] == '"' || text[i] == '\\' || text[i] == 0x7f || (text[i] & 0x80) != 0)
			return false;
	return len > 0 && len <= 128;
}

static bool is_prefix(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

	return text[len] == '\0' && len <= 64 && text[0] != '.';
}

static bool check_options(const struct import_options *o)
{
	if (o->into == NULL)
		return refuse("is missing", "--into DIR");
	if (o->prefix != NULL && !is_prefix(o->prefix))
		return refuse("must be letters, digits, _ . and -, at most 64, and begin with no dot", "--prefix");
	if ((o->scope_read != NULL && !is_scope(o->scope_read)) ||
	    (o->scope_write != NULL && !is_scope(o->scope_write)))
		return refuse("is no scope", "--scope-read or --scope-write");
	return true;
}

static bool add_choice(const char **list, size_t *count, const char *choice)
{
	if (*count == IMPORT_CHOICES_MAX)
		return refuse("too many", "--operation or --tag");
	list[(*count)++] = choice;
	return true;
}

static bool take_option(struct import_options *o, int option)
{
	switch (option) {
	case 'i': o->into = optarg; return true;
	case 'p': o->prefix = optarg; return true;
	case 's': o->server = optarg; return true;
	case 'r': o->scope_read = optarg; return true;
	case 'w': o->scope_write = optarg; return true;
	case 'c': o->credential_file = optarg; return true;
	case 'o': return add_choice(o->operations, &o->operation_count, optarg);
	case 't': return add_choice(o->tags, &o->tag_count, optarg);
	case 'f': o->force = true; return true;
	case 'n': o->dry_run = true; return true;
	case 'j': o->json = true; return true;
	default: return false;
	}
}

static bool read_options(int argc, char **argv, struct import_options *o, bool *help)
{
	static const struct option LONG[] = {{"into", required_argument, NULL, 'i'},
	                                     {"prefix", required_argument, NULL, 'p'},
	                                     {"server", required_argument, NULL, 's'},
	                                     {"operation", required_argument, NULL, 'o'},
	                                     {"tag", required_argument, NULL, 't'},
	                                     {"scope-read", required_argument, NULL, 'r'},
	                                     {"scope-write", required_argument, NULL, 'w'},
	                                     {"credential-file", required_argument, NULL, 'c'},
	                                     {"force", no_argument, NULL, 'f'},
	                                     {"dry-run", no_argument, NULL, 'n'},
	                                     {"json", no_argument, NULL, 'j'},
	                                     {"help", no_argument, NULL, 'h'},
	                                     {NULL, 0, NULL, 0}};

	optind = 0; /* the program's own options were read before */
	for (int option; (option = getopt_long(argc, argv, "h", LONG, NULL)) != -1;) {
		*help = *help || option == 'h';
		if (option != 'h' && !take_option(o, option))
			return false;
	}
	if (*help)
		return true;
	if (optind + 2 != argc || strcmp(argv[optind], "openapi") != 0)
		return refuse("openapi FILE is what can be imported", NULL);
	o->file = argv[optind + 1];
	return check_options(o);
}

static bool has_tools(const struct import_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->operations[i].is_chosen && run->operations[i].problem == NULL)
			return true;
	return false;
}

static int run_import(struct import_run *run)
{
	const char *error = NULL;
	bool fine;

	if (!import_document_load(run->pool, run->options.file, &run->document, &error) || !import_all(run, &error)) {
		fprintf(stderr, "sallyport-mcp: %s\n", error);
		return 1;
	}
	fine = import_write(run, &error);
	fine = import_report(run) && fine;
	if (error == NULL && !has_tools(run))
		error = "no operation could be imported";
	if (error != NULL)
		fprintf(stderr, "sallyport-mcp: %s\n", error);
	return fine && error == NULL ? 0 : 1;
}

int import_main(const char *file, int argc, char **argv)
{
	struct import_run run = {.count = 0};
	bool help = false;
	h2o_mem_pool_t pool;

	(void)file;
	if (!read_options(argc, argv, &run.options, &help))
		return 2;
	if (help)
		return fputs(USAGE, stdout) < 0;
	json_init();
	h2o_mem_init_pool(&pool);
	run.pool = &pool;
	int status = run_import(&run);
	h2o_mem_clear_pool(&pool);
	return status;
}
