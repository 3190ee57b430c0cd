/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/audit_command.h"
#include "common/sandbox.h"
#include "mcp/doctor/doctor.h"
#include "mcp/verbs/verbs.h"

static int run_doctor(const char *file, int argc, char **argv)
{
	(void)file;
	return doctor_main(argc, argv);
}

static const struct verb {
	const char *name;
	int (*run)(const char *file, int argc, char **argv);
	const char *arguments, *about;
} VERBS[] = {
    {"serve", serve_main, "", "serve MCP until SIGTERM"},
    {"check", check_main, " [--against CATALOGUE.json|MCP.yaml]",
     "check the configuration, the tool files, and their statements in the databases; show what is otherwise than "
     "there"},
    {"scopes", scopes_main, "", "print the scopes as JSON for \"sallyport-authz resource put URI --scopes -\""},
    {"catalogue", catalogue_main, " [--json]", "print who sees what"},
    {"claims-sql", claims_sql_main, "", "print SQL for psql: with it, row-level security knows who calls a tool"},
    {"explain", explain_main,
     " --as PERSON|--claims FILE|- --tool T|--resource URI|--template T|--prompt P [--arguments JSON] [--scope \"a "
     "b\"] "
     "[--client ID] [--authz-config FILE] [--json]",
     "say step by step why a call would be allowed or refused"},
    {"schema", schema_main, " tool|resource|prompt|upstream|rules|config", "print the JSON Schema of such files"},
    {"approve", approve_main, " UPSTREAM [--tool NAME]... [--all] [--yes] [--json]",
     "show what the tools of an upstream server say of themselves, and approve it"},
    {"import", import_main, " openapi FILE --into DIR [OPTION]...", "make tool files of the operations of an HTTP API"},
    {"audit", audit_main, " " AUDIT_ARGUMENTS, AUDIT_ABOUT},
    {"doctor", run_doctor, " URL [--as PERSON]...", "walk through a connection to an MCP server as a client does"},
};

enum { VERB_COUNT = sizeof(VERBS) / sizeof(VERBS[0]) };

static void print_usage(FILE *out)
{
	fprintf(out, "Usage: sallyport-mcp [-c FILE] VERB ...\n\n"
	             "  -c, --config FILE   configuration (default " SALLYPORT_SYSCONFDIR "/mcp.yaml)\n"
	             "  -h, --help          this text\n"
	             "  -V, --version       the version\n\nVerbs:\n");
	for (size_t i = 0; i < VERB_COUNT; i++)
		fprintf(out, "  %s%s\n      %s\n", VERBS[i].name, VERBS[i].arguments, VERBS[i].about);
}

static int usage_error(const char *problem, const char *what)
{
	fprintf(stderr, "sallyport-mcp: %s%s; see sallyport-mcp --help\n", problem, what);
	return 2;
}

static int run_verb(const char *file, int argc, char **argv)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(argv[0], VERBS[i].name) != 0)
			continue;
		bool has_help = VERBS[i].run == run_doctor || VERBS[i].run == import_main ||
		                VERBS[i].run == audit_main; /* of its own */
		if (!has_help && argc == 2 && strcmp(argv[1], "--help") == 0) {
			printf("sallyport-mcp [-c FILE] %s%s\n    %s\n", VERBS[i].name, VERBS[i].arguments,
			       VERBS[i].about);
			return 0;
		}
		int status = VERBS[i].run(file, argc, argv);
		if (status == 2 && VERBS[i].run != run_doctor)
			fprintf(stderr, "usage: sallyport-mcp [-c FILE] %s%s\n", VERBS[i].name, VERBS[i].arguments);
		return status;
	}
	return usage_error("there is no verb ", argv[0]);
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	const char *file = SALLYPORT_SYSCONFDIR "/mcp.yaml";

	process_harden();
	/* "+": what stands behind the verb belongs to the verb */
	for (int option; (option = getopt_long(argc, argv, "+c:hV", OPTIONS, NULL)) != -1;) {
		switch (option) {
		case 'c': file = optarg; break;
		case 'h': print_usage(stdout); return 0;
		case 'V': printf("sallyport-mcp " PACKAGE_VERSION "\n"); return 0;
		default: return 2;
		}
	}
	if (optind == argc)
		return usage_error("a verb is missing", "");
	char **verb = argv + optind;
	int count = argc - optind;
	optind = 0; /* the doctor reads options of its own */
	return run_verb(file, count, verb);
}
