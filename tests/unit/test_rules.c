/* SPDX-License-Identifier: Apache-2.0 */
/* Rules and authorization details from their file to the answers of lists and calls, against a table that is reckoned
 * here. */
#include "mcp/policy/limits.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#include "common/log.h"
#include "common/reply.h"
#include "mcp/catalogue/catalogue_picture.h"
#include "mcp/protocol/transport.h"
#include "tests/unit/bearer_double.h"

static struct bearer *caller;

const struct bearer *bearer_of(const struct request *r)
{
	(void)r;
	return caller;
}

/* ---- a catalogue ---- */

enum { TOOLS = 6, SCOPES = 3, ROLES = 2 };

static h2o_mem_pool_t pool, lasting;
static char folder[64], audit_file[96];
static struct mcp MCP;
static const struct endpoint POINT = {.method = "POST",
                                      .path = "{base}",
                                      .errors_as = AS_JSON_RPC,
                                      .steps = transport_message_steps,
                                      .state_size = sizeof(struct call)};
static const struct service SERVICE = {
    .name = "mcp",
    .endpoints = &POINT,
    .endpoint_count = 1,
    .base = "/mcp",
    .show_error = {[AS_JSON] = show_error_json, [AS_JSON_RPC] = transport_show_error},
    .daemon = &MCP,
};

static const char *const NOBODY[] = {NULL};

static void write_file(const char *name, const char *text)
{
	char *path = text_printf(&pool, "%s/%s", folder, name), *slash = strrchr(path, '/');

	*slash = '\0';
	mkdir(path, 0700);
	*slash = '/';
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

static void write_tools(void)
{
	for (int i = 0; i < TOOLS; i++)
		write_file(text_printf(&pool, "tools/t%d.yaml", i),
		           text_printf(&pool,
		                       "name: t%d\ntitle: T\ndescription: D\nscope: s%d\ntier: %s\nacquirable: %s\n"
		                       "input: {type: object, additionalProperties: false, properties: "
		                       "{repo: {type: string, maxLength: 60000}, n: {type: integer, minimum: "
		                       "-9007199254740991, maximum: 9007199254740991}}}\n"
		                       "static: {content: [{type: text, text: done}]}\n",
		                       i, i % SCOPES, i == 5 ? "write" : "read", i == 4 ? "true" : "false"));
	write_file("resources/r.yaml", "uri: s://r\nname: r\nscope: s0\nstatic: {text: done}\n");
	write_file("resources/t.yaml",
	           "uri_template: 's://t/{repo}'\nname: t\nscope: s0\nstatic: {text: 'of {{repo}}'}\n"
	           "complete: {repo: {values: [a, b]}}\n");
	write_file("prompts/p.yaml", "name: p\nscope: s0\narguments: [{name: repo, complete: {values: [a, b]}}]\n"
	                             "static: {messages: [{role: user, text: 'About {{repo}}'}]}\n");
}

static struct foreign_issuer FOREIGN[] = {{.issuer = "https://other.example"}};

static int open_all(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	h2o_mem_init_pool(&lasting);
	snprintf(folder, sizeof(folder), "/tmp/rules-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(audit_file, sizeof(audit_file), "%s/audit.log", folder);
	write_tools();
	MCP.settings = (struct mcp_settings){
	    .resource = "http://mcp.example/mcp",
	    .issuer = "https://ours.example",
	    .issuers = {.foreign = FOREIGN, .foreign_count = 1},
	    .origin = "http://mcp.example",
	    .scopes = json_read(&lasting,
	                        text_of("{\"s0\":{\"title\":\"0\"},\"s1\":{\"title\":\"1\"},\"s2\":{"
	                                "\"title\":\"2\"}}"),
	                        NULL),
	    .claims = json_read(&lasting, text_of("{\"repos\":{\"title\":\"R\"},\"most\":{\"title\":\"M\"}}"), NULL),
	    .tools = text_printf(&lasting, "%s/tools", folder),
	    .resources = text_printf(&lasting, "%s/resources", folder),
	    .prompts = text_printf(&lasting, "%s/prompts", folder),
	    .rules = text_printf(&lasting, "%s/rules.yaml", folder),
	    .allowed_hosts = NOBODY,
	    .allowed_origins = NOBODY,
	};
	MCP.metadata_url = "http://mcp.example/.well-known/oauth-protected-resource/mcp";
	MCP.server_info = "{\"name\":\"s\",\"version\":\"1\"}";
	MCP.audit = audit_open("sallyport-mcp", audit_file, NULL);
	cursor_key_make(&MCP.cursor_key, NULL);
	MCP.views = views_open(MCP.server_info, &MCP.cursor_key);
	sessions_open(&MCP.sessions, &lasting, NULL);
	return log_open("test", "/dev/null", LOG_INFO) ? 0 : -1;
}

static int close_all(void **state)
{
	(void)state;
	if (caller != NULL)
		h2o_mem_release_shared(caller);
	caller = NULL;
	views_close(MCP.views);
	if (MCP.catalogue != NULL)
		h2o_mem_release_shared(MCP.catalogue);
	MCP.catalogue = NULL;
	sessions_close(&MCP.sessions);
	audit_close(MCP.audit);
	char *command = text_printf(&pool, "rm -r '%s'", folder);
	int status = system(command);
	h2o_mem_clear_pool(&pool);
	h2o_mem_clear_pool(&lasting);
	assert_int_equal(limits_compiled(), 0);
	return status;
}

/* The catalogue with these rules (YAML of the list); NULL, or why it is refused. */
static const char *load(const char *rules)
{
	const char *error = NULL;

	write_file("rules.yaml", text_printf(&pool, "rules: %s\n", rules));
	struct catalogue *catalogue = catalogue_load(&pool, &MCP.settings, &error);
	if (catalogue == NULL)
		return error;
	views_switch(MCP.views, catalogue);
	if (MCP.catalogue != NULL)
		h2o_mem_release_shared(MCP.catalogue);
	MCP.catalogue = catalogue;
	return NULL;
}

static void loads(const char *rules)
{
	const char *error = load(rules);

	if (error != NULL)
		print_error("%s\n", error);
	assert_null(error);
}

static void become(const char *scope, const char *claims)
{
	const struct bearer_facts facts = {
	    .digest = (const uint8_t *)"0123456789abcdef0123456789abcdef",
	    .active = true,
	    .subject = "person-1",
	    .client_id = "client-1",
	    .scope = scope,
	    .claims = claims,
	};

	if (caller != NULL)
		h2o_mem_release_shared(caller);
	caller = bearer_make(&facts);
}

/* ---- a request ---- */

static const char *ask(const char *method, const char *params)
{
	static struct router *router;
	static h2o_mem_pool_t router_pool;
	struct request *r = request_test(&SERVICE, NULL);

	if (router == NULL) {
		h2o_mem_init_pool(&router_pool);
		router = router_build(&router_pool, &SERVICE);
	}
	r->method = text_of("POST");
	r->path = text_of("/mcp");
	request_test_header(r, "host", "mcp.example");
	request_test_header(r, "content-type", "application/json");
	r->body = text_of(
	    text_printf(&r->pool, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s}}", method, params));
	router_run(router, r);
	const char *body = text_copy(&pool, reply_test_body(r));
	request_test_free(r);
	return body;
}

static const char *call(const char *tool, const char *arguments)
{
	return ask("tools/call", text_printf(&pool, "\"name\":\"%s\",\"arguments\":%s", tool, arguments));
}

enum outcome { DONE, REFUSED, UNKNOWN, OTHER };

static enum outcome outcome_of(const char *answer)
{
	if (strstr(answer, "\"text\":\"done\"") != NULL)
		return DONE;
	if (strstr(answer, "\"isError\":true") != NULL && strstr(answer, "The call is not allowed.") != NULL)
		return REFUSED;
	if (strcmp(answer, call("nobody", "{}")) == 0)
		return UNKNOWN;
	print_error("%s\n", answer);
	return OTHER;
}

static bool is_listed(const char *tool)
{
	return strstr(ask("tools/list", ""), text_printf(&pool, "\"name\":\"%s\"", tool)) != NULL;
}

static const char *audited(const char *member, const char *event)
{
	static char text[65536];
	FILE *f = fopen(audit_file, "r");
	size_t len = fread(text, 1, sizeof(text) - 1, f);
	const char *found = NULL;

	text[len] = '\0';
	fclose(f);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		const json_t *record = json_read(&pool, text_of(line), NULL);
		if (text_is(json_get_text(record, "event"), event))
			found = json_string_value(json_object_get(record, member));
	}
	return found;
}

/* ---- the file ---- */

static void what_names_nothing_is_refused(void **state)
{
	static const struct {
		const char *rules, *problem;
	} CASES[] = {
	    {"[{name: x, tools: [nobody], refuse: true}]", "/rules/0/tools: there is no tool nobody"},
	    {"[{name: x, tools: [T0], refuse: true}]", "there is no tool T0"},
	    {"[{name: x, tools: [t0, t0], refuse: true}]", "t0 is named twice"},
	    {"[{name: x, resources: ['s://x'], refuse: true}]", "there is no resource s://x"},
	    {"[{name: x, templates: ['s://t/{x}'], refuse: true}]", "there is no template"},
	    {"[{name: x, prompts: [t0], refuse: true}]", "there is no prompt t0"},
	    {"[{name: x, tools: [t0], when: {scopes: [s9]}, refuse: true}]", "/when/scopes: s9 is not among"},
	    {"[{name: x, tools: [t0], unless: {scopes: [s9]}, refuse: true}]", "/unless/scopes: s9 is not among"},
	    {"[{name: x, tools: [t0], when: {issuers: ['https://nobody.example']}, refuse: true}]",
	     "/when/issuers: https://nobody.example is no issuer"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repo: {enum: {$claim: /other}}}}}]",
	     "/rules/0/arguments/properties/repo/enum: other is not among the claims"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repo: {enum: {$claim: repos}}}}}]",
	     "begins with a slash"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repo: {enum: {$claim: /repos~2}}}}}]", "behind ~"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repo: {enum: {$claim: 7}}}}}]", "begins with a slash"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repo: {enum: {$claim: /repos, x: 1}}}}}]",
	     "has members"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repo: {type: {$claim: /repos}}}}}]",
	     "/arguments/properties/repo/type: nothing that a claim could be fits there"},
	    {"[{name: x, tools: [t0], arguments: {$ref: {$claim: /repos}}}]", "nothing that a claim could be"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repo: {pattern: '('}}}}]", "/properties/repo/pattern"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repo: {wrong: 1}}}}]", "wrong"},
	    {"[{name: x, tools: [t0], arguments: {properties: {repoo: {const: a}}}}]", "t0 has no argument repoo"},
	    {"[{name: x, tools: [t0], arguments: {required: [repoo]}}]", "t0 has no argument repoo"},
	    {"[{name: x, tools: '*', arguments: {required: [repoo]}}]", "none has an argument repoo"},
	    {"[{name: x, templates: ['s://t/{repo}'], arguments: {required: [n]}}]", "has no argument n"},
	    {"[{name: x, resources: ['s://r'], arguments: {}}]", "a resource takes no arguments"},
	    {"[{name: x, tools: [t0], refuse: true}, {name: x, tools: [t1], refuse: true}]", "another rule x"},
	    {"[{name: x, tools: [t0]}]", "rules.yaml:1:"},
	    {"[{name: x, refuse: true}]", "rules.yaml:1:"},
	    {"[{name: x, tools: [t0], refuse: true, arguments: {}}]", "rules.yaml:1:"},
	    {"[{name: x, tools: [t0], refuse: false}]", "rules.yaml:1:"},
	    {"[{name: x, tools: [t0], when: {}, refuse: true}]", "rules.yaml:1:"},
	    {"[{name: x, tools: [t0], when: {role: [a]}, refuse: true}]", "rules.yaml:1:"},
	    {"[{name: x, tools: [t0], refuse: true, message: \"a\\u200Bb\"}]", "invisible"},
	    {"{}", "rules.yaml:1:"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const char *error = load(CASES[i].rules);
		if (error == NULL || strstr(error, CASES[i].problem) == NULL)
			print_error("%s: %s\n", CASES[i].rules, error != NULL ? error : "not refused");
		assert_true(error != NULL && strstr(error, CASES[i].problem) != NULL);
	}
	assert_null(MCP.catalogue); /* nothing of it serves */
}

/* ---- P-1, P-5 ---- */

/* What is said of a URI that nobody has ever heard of. */
static const char *not_found(const char *uri)
{
	const char *answer = ask("resources/read", "\"uri\":\"s://nobody\""), *at = strstr(answer, "s://nobody");

	assert_non_null(at);
	return text_printf(&pool, "%.*s%s%s", (int)(at - answer), answer, uri, at + strlen("s://nobody"));
}

/* P-1: what is refused outright is not there, byte for byte. */
static void what_is_refused_is_not_there(void **state)
{
	(void)state;
	loads("[{name: no, tools: [t0, t4], resources: '*', templates: '*', prompts: '*', when: {roles: [r0]}, "
	      "refuse: true}]");
	become("s0 s1 s2", "{\"roles\":[\"r1\"]}");
	assert_int_equal(outcome_of(call("t0", "{}")), DONE);
	assert_true(is_listed("t0"));
	assert_non_null(strstr(ask("resources/read", "\"uri\":\"s://r\""), "done"));
	become("s0 s1 s2", "{\"roles\":[\"r0\"]}");
	assert_int_equal(outcome_of(call("t0", "{}")), UNKNOWN);
	assert_int_equal(outcome_of(call("t0", "{\"wrong\":1}")), UNKNOWN);
	assert_false(is_listed("t0"));
	assert_int_equal(outcome_of(call("t1", "{}")), DONE);
	assert_non_null(strstr(ask("resources/list", ""), "\"resources\":[]"));
	assert_non_null(strstr(ask("resources/templates/list", ""), "\"resourceTemplates\":[]"));
	assert_non_null(strstr(ask("prompts/list", ""), "\"prompts\":[]"));
	assert_string_equal(ask("resources/read", "\"uri\":\"s://r\""), not_found("s://r"));
	assert_string_equal(ask("resources/read", "\"uri\":\"s://t/a\""), not_found("s://t/a"));
	assert_string_equal(ask("prompts/get", "\"name\":\"p\""), ask("prompts/get", "\"name\":\"x\""));
	static const char ARGUMENT[] = "\"argument\":{\"name\":\"repo\",\"value\":\"\"}";
	assert_string_equal(ask("completion/complete",
	                        text_printf(&pool, "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"p\"},%s", ARGUMENT)),
	                    ask("completion/complete",
	                        text_printf(&pool, "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"x\"},%s", ARGUMENT)));
	/* a person who could be granted the scope of t4 is not told either */
	struct bearer_facts facts = {.digest = caller->digest,
	                             .active = true,
	                             .scope = "s0",
	                             .grantable = "s1",
	                             .claims = "{\"roles\":[\"r0\"]}"};
	struct bearer *wanting = bearer_make(&facts);
	h2o_mem_release_shared(caller);
	caller = wanting;
	assert_int_equal(outcome_of(call("t4", "{}")), UNKNOWN);
	assert_false(is_listed("t4"));
}

/* P-5: conditions of arguments, with what the token says of its caller. Whatever the claims are, nothing opens. */
static void conditions_hold_for_the_caller(void **state)
{
	static const struct {
		const char *claims, *arguments;
		enum outcome outcome;
	} CASES[] = {
	    {"{\"repos\":[\"a\",\"b\"]}", "{\"repo\":\"a\"}", DONE},
	    {"{\"repos\":[\"a\",\"b\"]}", "{\"repo\":\"b\"}", DONE},
	    {"{\"repos\":[\"a\",\"b\"]}", "{\"repo\":\"c\"}", REFUSED},
	    {"{\"repos\":[\"a\",\"b\"]}", "{\"repo\":\"A\"}", REFUSED},
	    {"{\"repos\":[\"a\",\"b\"]}", "{\"repo\":\"a \"}", REFUSED},
	    {"{\"repos\":[\"a\",\"b\"]}", "{}", REFUSED},
	    {"{\"repos\":[]}", "{\"repo\":\"a\"}", REFUSED},
	    {"{\"repos\":\"a\"}", "{\"repo\":\"a\"}", REFUSED},
	    {"{\"repos\":{\"a\":\"a\"}}", "{\"repo\":\"a\"}", REFUSED},
	    {"{\"repos\":[[\"a\"]]}", "{\"repo\":\"a\"}", REFUSED},
	    {"{\"repos\":[{\"$claim\":\"/sub\"}],\"sub\":\"a\"}", "{\"repo\":\"a\"}", REFUSED},
	    {"{\"repos\":true}", "{\"repo\":\"a\"}", REFUSED},
	    {"{\"repos\":null}", "{\"repo\":\"a\"}", REFUSED},
	    {"{\"repos\":7}", "{\"repo\":\"a\"}", REFUSED},
	    {"{}", "{\"repo\":\"a\"}", REFUSED},
	    {NULL, "{\"repo\":\"a\"}", REFUSED},
	};

	(void)state;
	loads("[{name: own, tools: [t0], arguments: {required: [repo], properties: {repo: {enum: {$claim: /repos}}}}, "
	      "message: Take one of yours.}]");
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		become("s0", CASES[i].claims);
		assert_true(is_listed("t0"));
		enum outcome outcome = outcome_of(call("t0", CASES[i].arguments));
		if (outcome != CASES[i].outcome)
			print_error("%s %s\n", CASES[i].claims, CASES[i].arguments);
		assert_int_equal(outcome, CASES[i].outcome);
	}
	become("s0", CASES[0].claims);
	const char *answer = call("t0", "{\"repo\":\"sesame\"}");
	assert_non_null(strstr(answer, "arguments.repo"));
	assert_non_null(strstr(answer, "Take one of yours."));
	assert_null(strstr(answer, "sesame"));
	assert_string_equal(audited("outcome", "tool_call"), "denied");
	assert_string_equal(audited("rule", "tool_call"), "own");
}

static void places_take_what_fits_them(void **state)
{
	(void)state;
	loads("[{name: most, tools: [t0], arguments: {properties: {n: {maximum: {$claim: /most}, "
	      "minimum: {$claim: /repos/1}}, repo: {const: {$claim: /repos/0}}}}}]");
	become("s0", "{\"most\":5,\"repos\":[\"a\",2]}");
	assert_int_equal(outcome_of(call("t0", "{\"n\":5,\"repo\":\"a\"}")), DONE);
	assert_int_equal(outcome_of(call("t0", "{\"n\":6}")), REFUSED);
	assert_int_equal(outcome_of(call("t0", "{\"n\":1}")), REFUSED);
	assert_int_equal(outcome_of(call("t0", "{\"n\":3,\"repo\":\"b\"}")), REFUSED);
	become("s0", "{\"most\":\"5\",\"repos\":[\"a\",2]}");
	assert_int_equal(outcome_of(call("t0", "{\"n\":3}")), REFUSED);
	become("s0", "{\"most\":5,\"repos\":[\"a\"]}");
	assert_int_equal(outcome_of(call("t0", "{}")), REFUSED);
}

static void templates_and_prompts_have_conditions_too(void **state)
{
	(void)state;
	loads("[{name: own, templates: ['s://t/{repo}'], prompts: [p], "
	      "arguments: {properties: {repo: {enum: {$claim: /repos}}}}}]");
	become("s0", "{\"repos\":[\"a\"]}");
	assert_non_null(strstr(ask("resources/read", "\"uri\":\"s://t/a\""), "of a"));
	assert_null(strstr(ask("resources/read", "\"uri\":\"s://t/b\""), "of b"));
	assert_non_null(strstr(ask("prompts/get", "\"name\":\"p\",\"arguments\":{\"repo\":\"a\"}"), "About a"));
	assert_null(strstr(ask("prompts/get", "\"name\":\"p\",\"arguments\":{\"repo\":\"b\"}"), "About b"));
	/* P-4: completion tells no value that the caller may not use */
	const char *answer = ask("completion/complete", "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"p\"},"
	                                                "\"argument\":{\"name\":\"repo\",\"value\":\"\"}");
	assert_non_null(strstr(answer, "\"values\":[\"a\"]"));
}

/* ---- whom a rule is about ---- */

static void callers_are_matched(void **state)
{
	static const struct {
		const char *who, *claims;
		bool applies;
	} CASES[] = {
	    {"when: {roles: [r0]}", "{\"roles\":[\"r1\",\"r0\"]}", true},
	    {"when: {roles: [r0]}", "{\"roles\":[\"R0\"]}", false},
	    {"when: {roles: [r0]}", "{\"roles\":[]}", false},
	    {"when: {roles: [r0]}", "{}", false},
	    {"when: {roles: [r0]}", "{\"roles\":\"r1\"}", true}, /* what is unclear limits */
	    {"when: {roles: [r0]}", "{\"roles\":[7]}", true},
	    {"when: {roles: [r0]}", "{\"roles\":{\"r1\":1}}", true},
	    {"unless: {roles: [r0]}", "{\"roles\":[\"r0\"]}", false},
	    {"unless: {roles: [r0]}", "{\"roles\":\"r0\"}", true},
	    {"unless: {roles: [r0]}", "{}", true},
	    {"when: {groups: [g]}", "{\"groups\":[\"g\"],\"roles\":[\"x\"]}", true},
	    {"when: {groups: [g]}", "{\"roles\":[\"g\"]}", false},
	    {"when: {groups: [g], roles: [r0]}", "{\"groups\":[\"g\"]}", false},
	    {"when: {groups: [g], roles: [r0]}", "{\"groups\":[\"g\"],\"roles\":[\"r0\"]}", true},
	    {"when: {people: [alice]}", "{\"username\":\"alice\",\"sub\":\"7\"}", true},
	    {"when: {people: ['7']}", "{\"username\":\"alice\",\"sub\":\"7\"}", true},
	    {"when: {people: [alice]}", "{\"username\":\"https://other.example alice\"}", false},
	    {"when: {people: [alice]}", "{\"username\":7}", true},
	    {"when: {clients: [c]}", "{\"client_id\":\"c\"}", true},
	    {"when: {clients: [c]}", "{\"client_id\":\"d\"}", false},
	    {"when: {scopes: [s0]}", "{}", true},
	    {"when: {scopes: [s1]}", "{\"scope\":\"s1\"}", false}, /* the token has s0 */
	    {"when: {roles: [r0]}, unless: {people: [alice]}", "{\"roles\":[\"r0\"],\"username\":\"alice\"}", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		loads(text_printf(&pool, "[{name: x, tools: [t0], %s, refuse: true}]", CASES[i].who));
		become("s0", CASES[i].claims);
		if (is_listed("t0") == CASES[i].applies)
			print_error("%s %s\n", CASES[i].who, CASES[i].claims);
		assert_int_equal(is_listed("t0"), !CASES[i].applies);
	}
}

/* ---- shadow ---- */

/* No other issuer takes anybody out of a rule: neither by giving a role of ours, nor by giving one of its own. */
static void issuers_are_told_apart(void **state)
{
	static const char OURS[] = "{\"iss\":\"https://ours.example\",\"roles\":[\"r\"]}",
			  THEIRS[] = "{\"iss\":\"https://other.example\",\"roles\":[\"https://other.example r\"]}";
	static const struct {
		const char *callers;
		enum outcome ours, other;
	} CASES[] = {
	    {"when: {roles: [r]}", UNKNOWN, UNKNOWN},
	    {"unless: {roles: [r]}", DONE, UNKNOWN},
	    {"when: {roles: ['https://other.example r']}", DONE, UNKNOWN},
	    {"unless: {roles: ['https://other.example r']}", UNKNOWN, DONE},
	    {"when: {issuers: ['https://other.example']}", DONE, UNKNOWN},
	    {"unless: {issuers: ['https://ours.example']}", DONE, UNKNOWN},
	    {"when: {issuers: ['https://ours.example'], roles: [r]}", UNKNOWN, DONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		loads(text_printf(&pool, "[{name: x, tools: [t0], %s, refuse: true}]", CASES[i].callers));
		become("s0", OURS);
		assert_int_equal(outcome_of(call("t0", "{}")), CASES[i].ours);
		become("s0", THEIRS);
		assert_int_equal(outcome_of(call("t0", "{}")), CASES[i].other);
	}
}

static void shadows_only_tell(void **state)
{
	(void)state;
	loads("[{name: soon, tools: [t0], refuse: true, shadow: true}, "
	      "{name: later, tools: [t0], arguments: {properties: {repo: {const: a}}}, shadow: true}]");
	become("s0", "{}");
	assert_true(is_listed("t0"));
	assert_int_equal(outcome_of(call("t0", "{\"repo\":\"sesame\"}")), DONE);
	assert_string_equal(audited("rules", "rule_shadow"), "soon later");
	assert_string_equal(audited("tool", "rule_shadow"), "t0");
	assert_null(audited("arguments", "rule_shadow"));
	assert_string_equal(audited("outcome", "tool_call"), "allowed");
	assert_int_equal(outcome_of(call("t0", "{\"repo\":\"a\"}")), DONE);
	assert_string_equal(audited("rules", "rule_shadow"), "soon");
	assert_int_equal(*MCP.catalogue->rules->items[0].shadowed, 2);
	assert_int_equal(*MCP.catalogue->rules->items[1].shadowed, 1);
}

/* ---- RFC 9396 ---- */

static void details_limit_the_token(void **state)
{
	static const struct {
		const char *details, *tool, *arguments;
		enum outcome outcome;
	} CASES[] = {
	    {"[]", "t0", "{}", DONE},
	    {"[{\"type\":\"payment\",\"tools\":7}]", "t0", "{}", DONE},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"]}]", "t0", "{}", DONE},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"]}]", "t3", "{}", UNKNOWN},
	    {"[{\"type\":\"mcp_tool\",\"actions\":[\"read\"]}]", "t0", "{}", DONE},
	    {"[{\"type\":\"mcp_tool\",\"actions\":[\"read\"]}]", "t5", "{}", UNKNOWN},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t5\"],\"actions\":[\"read\"]}]", "t5", "{}", UNKNOWN},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"arguments\":{\"properties\":{\"repo\":{\"const\":\"a\"}}}}]",
	     "t0", "{\"repo\":\"a\"}", DONE},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"arguments\":{\"properties\":{\"repo\":{\"const\":\"a\"}}}}]",
	     "t0", "{\"repo\":\"b\"}", REFUSED},
	    /* each entry allows something */
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"arguments\":{\"properties\":{\"repo\":{\"const\":\"a\"}}}},"
	     "{\"type\":\"mcp_tool\",\"tools\":[\"t0\",\"t3\"],\"arguments\":{\"properties\":{\"repo\":{\"const\":"
	     "\"b\"}}}}]",
	     "t0", "{\"repo\":\"b\"}", DONE},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"locations\":[\"http://mcp.example/mcp\"]}]", "t0", "{}",
	     DONE},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"locations\":[\"http://other.example/\"]}]", "t0", "{}",
	     UNKNOWN},
	    /* what cannot be understood */
	    {"{}", "t0", "{}", REFUSED},
	    {"[7]", "t0", "{}", REFUSED},
	    {"[{\"tools\":[\"t0\"]}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\"}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[]}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"tools\":\"t0\"}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[7]}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"actions\":[\"call\"]}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"until\":7}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"arguments\":true}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"arguments\":{\"wrong\":1}}]", "t0", "{}", REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"],\"arguments\":{\"const\":{\"$claim\":\"/x\"}}}]", "t0", "{}",
	     REFUSED},
	    {"[{\"type\":\"mcp_tool\",\"tools\":[\"t0\"]},{\"type\":\"mcp_tool\",\"tools\":7}]", "t0", "{}", REFUSED},
	};

	(void)state;
	for (int with_rules = 0; with_rules < 2; with_rules++) {
		loads(with_rules ? "[{name: x, tools: [t1], refuse: true}]" : "[]");
		for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
			become("s0 s1 s2", text_printf(&pool, "{\"authorization_details\":%s}", CASES[i].details));
			enum outcome outcome = outcome_of(call(CASES[i].tool, CASES[i].arguments));
			if (outcome != CASES[i].outcome)
				print_error("%s\n", CASES[i].details);
			assert_int_equal(outcome, CASES[i].outcome);
			assert_int_equal(is_listed(CASES[i].tool), outcome != UNKNOWN);
		}
	}
}

/* ---- every set of scopes and roles, under rules that are drawn ---- */

struct drawn_rule {
	unsigned tools;  /* bits */
	int role, scope; /* -1: whatever they are */
	bool unless, refuses, shadow;
};

static unsigned drawn(unsigned below)
{
	static uint64_t state = 0x9e3779b97f4a7c15u; /* the same sets in every run */

	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return (unsigned)((state >> 11) % below);
}

static const char *names_of_bits(char letter, unsigned bits)
{
	struct text_buffer b = {.pool = &pool};

	text_append_str(&b, "");
	for (unsigned i = 0; bits >> i != 0; i++)
		if (bits >> i & 1)
			text_append_printf(&b, "%s\"%c%u\"", b.len > 0 ? "," : "", letter, i);
	return b.base;
}

static struct drawn_rule draw_rule(struct text_buffer *b, size_t number)
{
	struct drawn_rule rule = {
	    .tools = 1 + drawn((1 << TOOLS) - 1),
	    .role = (int)drawn(ROLES + 1) - 1,
	    .scope = (int)drawn(SCOPES + 1) - 1,
	    .unless = drawn(3) == 0,
	    .refuses = drawn(2) == 0,
	    .shadow = drawn(5) == 0,
	};

	text_append_printf(b, "%s{\"name\":\"n%zu\",\"tools\":[%s],\"shadow\":%s", number > 0 ? "," : "", number,
	                   names_of_bits('t', rule.tools), rule.shadow ? "true" : "false");
	if (rule.role >= 0 || rule.scope >= 0) {
		text_append_printf(b, ",\"%s\":{", rule.unless ? "unless" : "when");
		if (rule.role >= 0)
			text_append_printf(b, "\"roles\":[\"r%d\"]", rule.role);
		if (rule.scope >= 0)
			text_append_printf(b, "%s\"scopes\":[\"s%d\"]", rule.role >= 0 ? "," : "", rule.scope);
		text_append_str(b, "}");
	} else {
		rule.unless = false;
	}
	text_append_str(b, rule.refuses
	                       ? ",\"refuse\":true}"
	                       : ",\"arguments\":{\"properties\":{\"repo\":{\"enum\":{\"$claim\":\"/repos\"}}}}}");
	return rule;
}

/* The table: reckoned without anything of what is tested. `repo`: 0 none, 1 of the caller, 2 of somebody else. */
static enum outcome reckon(const struct drawn_rule *rules, size_t count, unsigned tool, unsigned scopes, unsigned roles,
                           int repo)
{
	enum outcome outcome = DONE;

	if (!(scopes >> (tool % SCOPES) & 1))
		return UNKNOWN;
	for (size_t i = 0; i < count; i++) {
		const struct drawn_rule *rule = &rules[i];
		bool matches =
		    (rule->role < 0 || (roles >> rule->role & 1)) && (rule->scope < 0 || (scopes >> rule->scope & 1));
		if (!(rule->tools >> tool & 1) || matches == rule->unless || rule->shadow)
			continue;
		if (rule->refuses)
			return UNKNOWN;
		if (repo == 2)
			outcome = REFUSED;
	}
	return outcome;
}

static size_t check_caller(const struct drawn_rule *rules, size_t count, unsigned scopes, unsigned roles)
{
	static const char *const ARGUMENTS[] = {"{}", "{\"repo\":\"mine\"}", "{\"repo\":\"other\"}"};
	struct text_buffer scope = {.pool = &pool};
	size_t checked = 0;

	text_append_str(&scope, "");
	for (unsigned i = 0; i < SCOPES; i++)
		if (scopes >> i & 1)
			text_append_printf(&scope, " s%u", i);
	become(scope.len > 0 ? scope.base + 1 : "",
	       text_printf(&pool, "{\"roles\":[%s],\"repos\":[\"mine\"]}", names_of_bits('r', roles)));
	for (unsigned tool = 0; tool < TOOLS; tool++) {
		char *name = text_printf(&pool, "t%u", tool);
		assert_int_equal(is_listed(name), reckon(rules, count, tool, scopes, roles, 0) != UNKNOWN);
		for (int repo = 0; repo < 3; repo++, checked++)
			assert_int_equal(outcome_of(call(name, ARGUMENTS[repo])),
			                 reckon(rules, count, tool, scopes, roles, repo));
	}
	return checked;
}

/* P-1: every tool, every set of scopes and roles, list and call, under many sets of rules. */
static void lists_and_calls_are_as_the_table_says(void **state)
{
	enum { SETS = 25, RULES = 5 };
	size_t checked = 0;

	(void)state;
	for (int set = 0; set < SETS; set++) {
		struct drawn_rule rules[RULES];
		struct text_buffer b = {.pool = &pool};
		size_t count = drawn(RULES + 1);
		text_append_str(&b, "[");
		for (size_t i = 0; i < count; i++)
			rules[i] = draw_rule(&b, i);
		text_append_str(&b, "]");
		loads(b.base);
		for (unsigned scopes = 0; scopes < 1 << SCOPES; scopes++)
			for (unsigned roles = 0; roles < 1 << ROLES; roles++)
				checked += check_caller(rules, count, scopes, roles);
		h2o_mem_clear_pool(&pool);
	}
	print_message("%zu calls and as many lists were as the table says\n", checked);
}

/* Rules hold in whatever order they stand. */
static void order_does_not_matter(void **state)
{
	static const char *const ORDERS[] = {
	    "[{name: a, tools: [t0], refuse: true, when: {roles: [r0]}}, "
	    "{name: b, tools: [t0], arguments: {properties: {n: {maximum: 1}}}}]",
	    "[{name: b, tools: [t0], arguments: {properties: {n: {maximum: 1}}}}, "
	    "{name: a, tools: [t0], refuse: true, when: {roles: [r0]}}]",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		loads(ORDERS[i]);
		become("s0", "{\"roles\":[\"r0\"]}");
		assert_int_equal(outcome_of(call("t0", "{\"n\":1}")), UNKNOWN);
		become("s0", "{}");
		assert_int_equal(outcome_of(call("t0", "{\"n\":1}")), DONE);
		assert_int_equal(outcome_of(call("t0", "{\"n\":2}")), REFUSED);
	}
}

/* ---- what is kept ---- */

static void compiled_schemas_are_bounded(void **state)
{
	enum { CALLER_COUNT = LIMITS_COMPILED_MAX + 100 };
	struct bearer **callers = calloc(CALLER_COUNT, sizeof(struct bearer *));

	(void)state;
	loads("[{name: own, tools: [t0], arguments: {properties: {repo: {enum: {$claim: /repos}}}}}]");
	for (size_t i = 0; i < CALLER_COUNT; i++) {
		become("s0", text_printf(&pool, "{\"repos\":[\"r%zu\"]}", i));
		callers[i] = caller;
		caller = NULL;
	}
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < CALLER_COUNT; i += round == 0 ? 1 : 50) {
			caller = callers[i];
			assert_int_equal(outcome_of(call("t0", text_printf(&pool, "{\"repo\":\"r%zu\"}", i))), DONE);
			assert_int_equal(outcome_of(call("t0", "{\"repo\":\"x\"}")), REFUSED);
			caller = NULL;
		}
		assert_int_equal(limits_compiled(), LIMITS_COMPILED_MAX);
	}
	/* they outlive the catalogue that they were made of */
	views_switch(MCP.views, NULL);
	h2o_mem_release_shared(MCP.catalogue);
	MCP.catalogue = NULL;
	for (size_t i = 0; i < CALLER_COUNT; i++)
		h2o_mem_release_shared(callers[i]);
	free(callers);
	assert_int_equal(limits_compiled(), 0);
}

/* P-6: a file that is wrong leaves what serves as it was. */
static void a_wrong_file_changes_nothing(void **state)
{
	(void)state;
	loads("[{name: no, tools: [t0], refuse: true}]");
	become("s0", "{}");
	assert_int_equal(outcome_of(call("t0", "{}")), UNKNOWN);
	assert_non_null(load("[{name: no, tools: [t9], refuse: true}]"));
	assert_int_equal(outcome_of(call("t0", "{}")), UNKNOWN);
	loads("[]");
	assert_int_equal(outcome_of(call("t0", "{}")), DONE); /* the token's view is one of the new catalogue */
}

/* ---- differences ---- */

static void differences_say_what_widens(void **state)
{
	static const char BOUND[] = "{name: x, tools: [t0], arguments: {properties: {n: {maximum: 1}}}}";
	static const struct {
		const char *before, *after, *line;
		bool widens;
	} CASES[] = {
	    {"[]", "[%s]", "+ rule x", false},
	    {"[%s]", "[]", "- rule x", true},
	    {"[{name: x, tools: [t0], refuse: true, shadow: true}]", "[]", "- rule x", false},
	    {"[{name: x, tools: [t0], refuse: true, shadow: true}]", "[{name: x, tools: [t0], refuse: true}]",
	     "~ rule x: enforced from now on", false},
	    {"[{name: x, tools: [t0], refuse: true}]", "[{name: x, tools: [t0], refuse: true, shadow: true}]",
	     "~ rule x: changed, in shadow mode", true},
	    {"[%s]", "[{name: x, tools: [t0], arguments: {properties: {n: {maximum: 2}}}}]", "~ rule x: changed", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		loads(text_printf(&pool, CASES[i].before, BOUND));
		json_t *before = json_keep(&pool, catalogue_picture(MCP.catalogue));
		loads(text_printf(&pool, CASES[i].after, BOUND));
		json_t *after = json_keep(&pool, catalogue_picture(MCP.catalogue));
		struct catalogue_difference d = catalogue_compare(&pool, before, after);
		assert_int_equal(d.widens, CASES[i].widens);
		assert_string_equal(d.lines[d.count - 1], CASES[i].line);
		assert_int_equal(catalogue_compare(&pool, after, after).count, 0);
	}
	loads("[]");
	json_t *before = json_keep(&pool, catalogue_picture(MCP.catalogue));
	write_file("tools/t0.yaml", "name: t0\ntitle: T\ndescription: D\nscope: s1\ntier: read\n"
	                            "input: {type: object, additionalProperties: false}\n"
	                            "static: {content: [{type: text, text: done}]}\n");
	char *gone = text_printf(&pool, "%s/tools/t1.yaml", folder);
	assert_int_equal(unlink(gone), 0);
	loads("[]");
	json_t *after = json_keep(&pool, catalogue_picture(MCP.catalogue));
	struct catalogue_difference d = catalogue_compare(&pool, before, after);
	assert_int_equal(d.count, 2);
	assert_true(d.widens);
	assert_string_equal(d.lines[0], "~ tool t0: scope s0 -> s1, definition changed");
	assert_string_equal(d.lines[1], "- tool t1");
	assert_false(catalogue_picture_write(after, "/nonexistent/x.json"));
	char *path = text_printf(&pool, "%s/picture.json", folder);
	assert_true(catalogue_picture_write(after, path));
	json_t *read = json_keep(&pool, json_load_file(path, 0, NULL));
	assert_true(json_equal(read, after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_names_nothing_is_refused, open_all, close_all),
	    cmocka_unit_test_setup_teardown(what_is_refused_is_not_there, open_all, close_all),
	    cmocka_unit_test_setup_teardown(conditions_hold_for_the_caller, open_all, close_all),
	    cmocka_unit_test_setup_teardown(places_take_what_fits_them, open_all, close_all),
	    cmocka_unit_test_setup_teardown(templates_and_prompts_have_conditions_too, open_all, close_all),
	    cmocka_unit_test_setup_teardown(callers_are_matched, open_all, close_all),
	    cmocka_unit_test_setup_teardown(issuers_are_told_apart, open_all, close_all),
	    cmocka_unit_test_setup_teardown(shadows_only_tell, open_all, close_all),
	    cmocka_unit_test_setup_teardown(details_limit_the_token, open_all, close_all),
	    cmocka_unit_test_setup_teardown(lists_and_calls_are_as_the_table_says, open_all, close_all),
	    cmocka_unit_test_setup_teardown(order_does_not_matter, open_all, close_all),
	    cmocka_unit_test_setup_teardown(compiled_schemas_are_bounded, open_all, close_all),
	    cmocka_unit_test_setup_teardown(a_wrong_file_changes_nothing, open_all, close_all),
	    cmocka_unit_test_setup_teardown(differences_say_what_widens, open_all, close_all),
	};
	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
