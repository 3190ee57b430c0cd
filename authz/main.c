/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "authz/verbs.h"
#include "common/audit_command.h"
#include "common/sandbox.h"

#ifndef SALLYPORT_SYSCONFDIR
#define SALLYPORT_SYSCONFDIR "/usr/local/etc/sallyport"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

static const struct verb {
	const char *first, *second; /* second NULL: a name of one word */
	verb_fn *run;
	const char *arguments, *about;
} VERBS[] = {
    {"serve", NULL, verb_serve, "", "serve until SIGTERM"},
    {"check", NULL, verb_check, "", "check the configuration"},
    {"schema", "config", verb_schema_config, "", "print the JSON Schema of the configuration"},
    {"schema", "client", verb_schema_client, "",
     "print the JSON Schema of client metadata, with what only administrators say"},
    {"migrate", NULL, verb_migrate, "--database OWNER_CONNINFO [--sql DIR]",
     "make or update schema, functions and roles"},
    {"audit", "retention", verb_audit_retention, "[DAYS]", "say how long the database keeps audit lines"},
    {"audit", NULL, verb_audit, AUDIT_ARGUMENTS, AUDIT_ABOUT},
    {"person", "add", verb_person_add, "NAME [--display TEXT] [--scope \"a b\"]",
     "add a person; asks for the password"},
    {"person", "list", verb_person_list, "[--json]", "list the people"},
    {"person", "disable", verb_person_disable, "NAME",
     "end a person's sessions and grants, and let nobody sign in as this person"},
    {"person", "enable", verb_person_enable, "NAME", "let a person sign in again; what was ended stays ended"},
    {"person", "password", verb_person_password, "NAME", "set a password; asks for it"},
    {"person", "scope", verb_person_scope, "NAME \"a b\"",
     "say which scopes a person has beside those of roles and groups"},
    {"person", "roles", verb_person_roles, "NAME \"a b\"", "say which roles a person has"},
    {"person", "groups", verb_person_groups, "NAME \"a b\"", "say which groups a person is in"},
    {"person", "claims", verb_person_claims, "NAME FILE|-",
     "say what resource servers are told of a person beside that: a JSON object"},
    {"person", "show", verb_person_show, "NAME [--json]", "show a person with scopes, roles, groups and claims"},
    {"person", "consents", verb_person_consents, "NAME [--json]", "list what a person has allowed to whom"},
    {"person", "forget", verb_person_forget, "NAME [CLIENT] [--revoke]",
     "withdraw what a person allowed, of one client or of all; and end the grants"},
    {"role", "put", verb_role_put, "NAME --scope \"a b\"", "add or change a role"},
    {"role", "list", verb_role_list, "[--json]", "list the roles"},
    {"role", "delete", verb_role_delete, "NAME", "delete a role; its people lose it at once"},
    {"group", "put", verb_group_put, "NAME [--role R]... [--scope \"a b\"]", "add or change a group"},
    {"group", "list", verb_group_list, "[--json]", "list the groups"},
    {"group", "delete", verb_group_delete, "NAME", "delete a group; its people lose what it gave at once"},
    {"client", "add", verb_client_add,
     "[--id ID] --name TEXT [--redirect-uri URI]... [--public] [--client-credentials] [--scope TEXT] [--resource URI] "
     "[--json]",
     "add a client, or the resource server of a resource; a secret is printed once"},
    {"client", "list", verb_client_list, "[--json]", "list the clients"},
    {"client", "disable", verb_client_disable, "ID", "refuse a client and its tokens until it is enabled"},
    {"client", "enable", verb_client_enable, "ID", "accept a client again, and its tokens that live"},
    {"client", "delete", verb_client_delete, "ID", "delete a client and end its grants"},
    {"client", "import", verb_client_import, "FILE|- --id URL",
     "take a client's metadata document as the one at its URL, which is then never fetched"},
    {"client", "refresh", verb_client_refresh, "URL", "ask the client's site for its document at the next request"},
    {"resource", "put", verb_resource_put, "URI --name TEXT [--default] [--scopes FILE|-]",
     "add or change a resource and its scopes"},
    {"resource", "list", verb_resource_list, "[--json]", "list the resources"},
    {"key", "rotate", verb_key_rotate, "[--now]",
     "publish a new signing key, which signs after five minutes or at once"},
    {"key", "withdraw", verb_key_withdraw, "KID",
     "take a signing key out at once, with every token that it signed; makes another one"},
    {"key", "list", verb_key_list, "[--json]", "list the published signing keys"},
    {"revoke", "all", verb_revoke_all, "",
     "end every session, grant, consent and key, as is due when a backup was restored"},
    {"admin-key", "add", verb_admin_key_add, "NAME --scope \"admin:clients\" [--expires 90d]",
     "add a bearer of the admin REST; printed once"},
    {"admin-key", "list", verb_admin_key_list, "[--json]", "list them"},
    {"admin-key", "revoke", verb_admin_key_revoke, "NAME", "revoke one"},
    {"api-key", "add", verb_api_key_add,
     "NAME --person NAME|--client ID --resource URI --scope \"a b\" [--expires 90d]",
     "add a key that the resource takes like an access token; printed once"},
    {"api-key", "list", verb_api_key_list, "[--json]", "list them"},
    {"api-key", "revoke", verb_api_key_revoke, "NAME", "revoke one"},
    {"registration-token", "add", verb_registration_token_add, "NAME [--expires 7d] [--uses N]",
     "add an initial access token, with which clients register; printed once"},
    {"registration-token", "list", verb_registration_token_list, "[--json]", "list them"},
    {"registration-token", "revoke", verb_registration_token_revoke, "NAME", "revoke one"},
    {"secret", "new", verb_secret_new, "", "print a new line for the secrets file"},
};
enum { VERBS_COUNT = sizeof(VERBS) / sizeof(VERBS[0]) };

static void print_verb(FILE *out, const struct verb *verb)
{
	fprintf(out, "sallyport-authz [-c FILE] %s%s%s%s%s\n", verb->first, verb->second != NULL ? " " : "",
	        verb->second != NULL ? verb->second : "", verb->arguments[0] != '\0' ? " " : "", verb->arguments);
}

static void print_usage(FILE *out)
{
	for (int i = 0; i < VERBS_COUNT; i++) {
		fputs(i == 0 ? "Usage: " : "       ", out);
		print_verb(out, &VERBS[i]);
		fprintf(out, "           %s\n", VERBS[i].about);
	}
	fprintf(out, "\nFILE is %s/authz.yaml if it is not given.\n", SALLYPORT_SYSCONFDIR);
}

static const struct verb *find_verb(int argc, char **argv)
{
	for (int i = 0; i < VERBS_COUNT; i++) {
		const struct verb *verb = &VERBS[i];

		if (argc < 1 || strcmp(verb->first, argv[0]) != 0)
			continue;
		if (verb->second == NULL || (argc > 1 && strcmp(verb->second, argv[1]) == 0))
			return verb;
	}
	return NULL;
}

/* Of a known first word, all that may follow it. */
static enum verb_status explain_unknown_verb(int argc, char **argv)
{
	bool known = false;

	for (int i = 0; i < VERBS_COUNT && argc > 0; i++) {
		if (strcmp(VERBS[i].first, argv[0]) != 0)
			continue;
		fputs(known ? "       " : "Usage: ", stderr);
		print_verb(stderr, &VERBS[i]);
		known = true;
	}
	if (argc < 1)
		fputs("sallyport-authz: a verb is missing; --help lists the verbs\n", stderr);
	else if (!known)
		fprintf(stderr, "sallyport-authz: there is no verb %s; --help lists the verbs\n", argv[0]);
	return VERB_USAGE;
}

static enum verb_status run_verb(struct operator* op, int argc, char **argv)
{
	const struct verb *verb = find_verb(argc, argv);
	int words = verb != NULL && verb->second != NULL ? 2 : 1;
	enum verb_status status;

	if (verb == NULL)
		return explain_unknown_verb(argc, argv);
	optind = 0; /* the verb has options of its own */
	status = verb->run(op, argc - words + 1, argv + words - 1);
	if (status == VERB_USAGE) {
		fputs("Usage: ", stderr);
		print_verb(stderr, verb);
	}
	PQfinish(op->pg);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	struct operator op = {.file = SALLYPORT_SYSCONFDIR "/authz.yaml"};
	enum verb_status status;
	int option;

	process_harden();
	json_init();
	h2o_mem_init_pool(&op.pool);
	while ((option = getopt_long(argc, argv, "+c:hV", OPTIONS, NULL)) != -1) {
		switch (option) {
		case 'c': op.file = optarg; break;
		case 'h': print_usage(stdout); return VERB_DONE;
		case 'V': puts("sallyport-authz " PACKAGE_VERSION); return VERB_DONE;
		default: return VERB_USAGE;
		}
	}
	status = run_verb(&op, argc - optind, argv + optind);
	h2o_mem_clear_pool(&op.pool);
	return (int)status;
}
