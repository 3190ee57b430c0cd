/* SPDX-License-Identifier: Apache-2.0 */
/* The MCP endpoint behind its guard: both eras, every refusal, and calls with the database doubled. */
#include "mcp/protocol/transport.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

#include "common/clock.h"
#include "common/log.h"
#include "mcp/call/audit_record.h"
#include "mcp/backend/backends.h"
#include "mcp/catalogue/databases.h"
#include "mcp/backend/sql/sql_plan.h"
#include "mcp/protocol/tool_headers.h"

#define MODERN_META                                                                                                    \
	"\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                                       \
	"\"io.modelcontextprotocol/clientCapabilities\":{}}"

/* ---- doubles ---- */

static struct bearer *caller;

const struct bearer *bearer_of(const struct request *r)
{
	(void)r;
	return caller;
}

static enum bearer_state token_state; /* of every call that is doubted */
static unsigned token_asked, token_looked_up;

bool bearer_is_doubtful(struct request *r, int64_t now_ms)
{
	(void)r;
	(void)now_ms;
	return false;
}

enum bearer_state bearer_check_again(struct request *r, int64_t since_ms, bool ask)
{
	assert_true(r->is_test && since_ms > 0);
	token_looked_up++;
	token_asked += ask;
	return token_state;
}

void bearer_inherit(struct request *r, const struct request *from)
{
	r->caller = from->caller;
}

h2o_iovec_t bearer_subject_token(const struct request *r)
{
	(void)r;
	return (h2o_iovec_t){NULL, 0};
}

static PGresult *(*answer_double)(void); /* NULL: an outage */
static bool never_answers;
static unsigned asked;
static char first_param[64];

/* The server's own database, which no test has. */
step_result db_ask(struct request *r, struct db *db, size_t statement, const struct db_param *params, size_t count)
{
	(void)r, (void)statement, (void)params, (void)count;
	assert_null(db);
	return STEP_DONE;
}

step_result db_ask_bounded(struct request *r, struct db *db, const struct db_question *questions, size_t count,
                           size_t bytes, bool stops)
{
	(void)db;
	(void)stops;
	assert_int_equal(count, 2);
	assert_int_equal(bytes, SQL_BYTES_DEFAULT);
	asked++;
	assert_string_equal(questions[0].params[0].value, "5000");
	snprintf(first_param, sizeof(first_param), "%s", questions[1].params[0].value);
	r->was_sent = answer_double != NULL;
	if (never_answers)
		return STEP_WAIT;
	if (answer_double == NULL)
		return fail(r, &TEMPORARILY_UNAVAILABLE, "the database is not available");
	r->rows = answer_double();
	return STEP_NEXT;
}

static unsigned cancelled;

void db_cancel(struct db *db, const struct request *r)
{
	(void)db;
	(void)r;
	cancelled++;
}

static unsigned given_up;

bool db_give_up(struct db *db, const struct request *r)
{
	(void)db;
	(void)r;
	given_up++;
	return false;
}

void databases_retire(struct databases *databases)
{
	(void)databases;
}

static PGresult *one_row(void)
{
	PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc column = {.name = (char *)"x", .typid = 25};
	PQsetResultAttrs(rows, 1, &column);
	PQsetvalue(rows, 0, 0, (char *)"found", 5);
	return rows;
}

static PGresult *statement_error(void)
{
	return PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
}

/* ---- the server ---- */

static const char *PARAMETERS[] = {"email"}, *COLUMNS[] = {"x"}, *NO_TEXTS[] = {NULL};
static const char *HOSTS[] = {"mcp.internal", "gate.example:8443", NULL}, *ORIGINS[] = {"https://app.example", NULL};

static const struct sql_statement STATEMENT = {
    .number = CATALOGUE_FIRST,
    .parameters = PARAMETERS,
    .parameter_count = 1,
    .columns = COLUMNS,
    .column_count = 1,
};
static const struct sql_plan READING = {.statements = &STATEMENT,
                                        .statement_count = 1,
                                        .timeout = "5000",
                                        .rows = 10,
                                        .bytes = SQL_BYTES_DEFAULT},
			     WRITING = {.statements = &STATEMENT,
                                        .statement_count = 1,
                                        .timeout = "5000",
                                        .rows = 10,
                                        .bytes = SQL_BYTES_DEFAULT,
                                        .write = true};

static struct tool TOOLS[] = {
    {.item = {.name = "any", .scope = "a", .plan = &READING}},
    {.item = {.name = "hidden", .scope = "x", .plan = &READING}},
    {.item = {.name = "later", .scope = "tools:admin", .tier = TIER_WRITE, .acquirable = true, .plan = &WRITING}},
    {.item = {.name = "open", .scope = "a", .plan = &READING}},
    {.item = {.name = "write", .scope = "a", .tier = TIER_WRITE, .plan = &WRITING}},
};
static struct item *ITEMS[] = {&TOOLS[0].item, &TOOLS[1].item, &TOOLS[2].item, &TOOLS[3].item, &TOOLS[4].item};
static struct databases DATABASES;

static struct mcp MCP = {
    .metadata_url = "https://mcp.example/.well-known/oauth-protected-resource/mcp",
    .server_info = "{\"name\":\"s\",\"version\":\"1\"}",
    .settings = {.resource = "https://mcp.example/mcp", .base = "/mcp", .origin = "https://mcp.example"},
};
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
    .admit = transport_admit,
    .daemon = &MCP,
};

static h2o_mem_pool_t pool;
static char audit_file[64];

static int open_server(void **state)
{
	const char *error = NULL;
	(void)state;
	json_init();
	h2o_mem_init_pool(&pool);
	strcpy(audit_file, "/tmp/sallyport-audit-XXXXXX");
	close(mkstemp(audit_file));
	MCP.audit = audit_open("sallyport-mcp", audit_file, NULL);
	MCP.settings.allowed_hosts = HOSTS;
	MCP.settings.allowed_origins = ORIGINS;
	const struct schema_options options = {.assert_formats = true};
	json_t *schema =
	    json_read(&pool,
	              text_of("{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"email\"],"
	                      "\"properties\":{\"email\":{\"type\":\"string\",\"pattern\":\"@\"}}}"),
	              NULL);
	for (size_t i = 0; i < sizeof(ITEMS) / sizeof(ITEMS[0]); i++) {
		struct item *item = ITEMS[i];
		item->index = i;
		item->key = item->name;
		item->digest = "d";
		item->backend = &BACKEND_SQL;
		item->listed = text_of(text_printf(&pool, "{\"name\":\"%s\"}", item->name));
		item->arguments =
		    schema_compile(&pool, i == 0 ? json_keep(&pool, json_object()) : schema, &options, &error);
		assert_non_null(item->arguments);
	}
	struct catalogue *catalogue = h2o_mem_alloc_shared(&pool, sizeof(*catalogue), NULL);
	*catalogue = (struct catalogue){
	    .settings = &MCP.settings, .items = ITEMS, .count = 5, .firsts = {0, 5, 5, 5, 5}, .databases = &DATABASES};
	MCP.catalogue = catalogue;
	MCP.views = views_open(MCP.server_info, &MCP.cursor_key);
	sessions_open(&MCP.sessions, &pool, NULL);
	streams_open(&MCP.streams);
	replays_open(&MCP.replays);
	watches_open(&MCP.watches, 10, 5);
	views_switch(MCP.views, catalogue);
	struct bearer_facts facts = {
	    .digest = (const uint8_t *)"0123456789abcdef0123456789abcdef",
	    .active = true,
	    .subject = "person-1",
	    .username = "alice",
	    .client_id = "client-1",
	    .grant_id = "g1",
	    .scope = "a elsewhere",
	    .grantable = "tools:admin",
	};
	caller = bearer_make(&facts);
	return log_open("test", "/dev/null", LOG_INFO) ? 0 : -1;
}

static int close_server(void **state)
{
	(void)state;
	h2o_mem_release_shared(caller);
	views_close(MCP.views);
	sessions_close(&MCP.sessions);
	audit_close(MCP.audit);
	h2o_mem_clear_pool(&pool);
	return unlink(audit_file);
}

static char *audit_text(void)
{
	static char text[65536];
	FILE *f = fopen(audit_file, "r");
	size_t len = fread(text, 1, sizeof(text) - 1, f);
	text[len] = '\0';
	fclose(f);
	return text;
}

/* The last line. */
static const char *audit_last(void)
{
	char *text = audit_text();

	text[strlen(text) - 1] = '\0';
	const char *line = strrchr(text, '\n');
	return line != NULL ? line + 1 : text;
}

static const char *last_outcome(void)
{
	char *text = audit_text(), *last = NULL;
	for (char *at = text; (at = strstr(at, "\"outcome\":\"")) != NULL; at++)
		last = at + strlen("\"outcome\":\"");
	assert_non_null(last);
	return text_printf(&pool, "%.*s", (int)strcspn(last, "\""), last);
}

/* ---- one request ---- */

static struct router *router;

static struct request *start(const char *host, const char *const *headers)
{
	struct request *r = request_test(&SERVICE, NULL);
	r->method = text_of("POST");
	r->path = text_of("/mcp");
	request_test_header(r, "host", host);
	for (; headers != NULL && *headers != NULL; headers += 2)
		request_test_header(r, headers[0], headers[1]);
	if (router == NULL)
		router = router_build(&pool, &SERVICE);
	return r;
}

static struct request *ask(const char *body, const char *const *headers)
{
	struct request *r = start("mcp.example", headers);
	if (request_header(r, "content-type", NULL).base == NULL)
		request_test_header(r, "content-type", "application/json");
	r->body = text_of(body);
	router_run(router, r);
	return r;
}

static int code_of(struct request *r)
{
	json_t *body = json_read(&r->pool, reply_test_body(r), NULL);
	return (int)json_integer_value(json_object_get(json_object_get(body, "error"), "code"));
}

static void expect(const char *body, const char *const *headers, int status, int code)
{
	struct request *r = ask(body, headers);
	if (reply_test_status(r) != status || code_of(r) != code)
		print_error("%s\n -> %d %.*s\n", body, reply_test_status(r), (int)reply_test_body(r).len,
		            reply_test_body(r).base);
	assert_int_equal(reply_test_status(r), status);
	assert_int_equal(code_of(r), code);
	request_test_free(r);
}

static void expect_body(const char *body, const char *const *headers, const char *answer)
{
	struct request *r = ask(body, headers);
	assert_int_equal(reply_test_status(r), 200);
	assert_string_equal(text_copy(&r->pool, reply_test_body(r)), answer);
	request_test_free(r);
}

#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define MODERN(method) HEADERS("mcp-protocol-version", "2026-07-28", "mcp-method", method)
#define MODERN_CALL(name) HEADERS("mcp-protocol-version", "2026-07-28", "mcp-method", "tools/call", "mcp-name", name)
#define RPC(method, params) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"

/* ---- tests ---- */

static void test_legacy_era(void **state)
{
	(void)state;
	expect_body(
	    RPC("initialize", "\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}"), NULL,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tools\":{"
	    "\"listChanged\":true},\"logging\":{}},\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}}");
	struct request *r = ask(RPC("initialize", "\"protocolVersion\":\"1999-01-01\""), NULL);
	assert_non_null(strstr(text_copy(&r->pool, reply_test_body(r)), "\"protocolVersion\":\"2025-11-25\""));
	request_test_free(r);
	expect(RPC("initialize", ""), NULL, 200, RPC_INVALID_PARAMS);
	expect_body(RPC("ping", ""), HEADERS("mcp-protocol-version", "2025-11-25"),
	            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	expect_body("{\"jsonrpc\":\"2.0\",\"id\":\"\\u0061\",\"method\":\"tools/list\"}", NULL,
	            "{\"jsonrpc\":\"2.0\",\"id\":\"\\u0061\",\"result\":{\"tools\":[{\"name\":\"any\"},{\"name\":"
	            "\"later\"},{\"name\":\"open\"},"
	            "{\"name\":\"write\"}]}}");
	expect(RPC("tools/list", "\"cursor\":\"\""), NULL, 200, RPC_INVALID_PARAMS);
	expect(RPC("no/such", ""), NULL, 200, RPC_METHOD_NOT_FOUND);
	expect(RPC("server/discover", ""), NULL, 200, RPC_METHOD_NOT_FOUND);
	expect(RPC("ping", ""), HEADERS("mcp-protocol-version", "2024-01-01"), 400, RPC_INVALID_REQUEST);
	expect(RPC("ping", ""), HEADERS("mcp-protocol-version", "v999.0.0"), 400, RPC_INVALID_REQUEST);
}

static void test_modern_era(void **state)
{
	(void)state;
	expect_body(RPC("tools/list", MODERN_META), MODERN("tools/list"),
	            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"resultType\":\"complete\",\"tools\":[{\"name\":"
	            "\"any\"},{\"name\":\"later\"},"
	            "{\"name\":\"open\"},{\"name\":\"write\"}],\"ttlMs\":60000,\"cacheScope\":\"private\",\"_meta\":{"
	            "\"io.modelcontextprotocol/serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}}}");
	struct request *r = ask(RPC("server/discover", MODERN_META), MODERN("server/discover"));
	const json_t *result = json_object_get(json_read(&r->pool, reply_test_body(r), NULL), "result");
	assert_true(text_is(json_get_text(result, "resultType"), "complete"));
	assert_int_equal(json_array_size(json_object_get(result, "supportedVersions")), 4);
	request_test_free(r);
	static const char *const removed[] = {RPC("initialize", MODERN_META), RPC("ping", MODERN_META),
	                                      RPC("x", MODERN_META)};
	expect(removed[0], MODERN("initialize"), 404, RPC_METHOD_NOT_FOUND);
	expect(removed[1], MODERN("ping"), 404, RPC_METHOD_NOT_FOUND);
	expect(removed[2], MODERN("x"), 404, RPC_METHOD_NOT_FOUND);
}

static void test_precedence_of_the_modern_era(void **state)
{
	(void)state;
	static const char other[] =
	    RPC("tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"v999.0.0\","
	                      "\"io.modelcontextprotocol/clientCapabilities\":{}}");
	expect(RPC("initialize", "\"protocolVersion\":\"2025-11-25\""), HEADERS("mcp-protocol-version", "2026-07-28"),
	       400, RPC_HEADER_MISMATCH);
	expect(RPC("tools/list", ""), MODERN("tools/list"), 400, RPC_INVALID_PARAMS);
	expect(RPC("tools/list", "\"_meta\":{}"), MODERN("tools/list"), 400, RPC_INVALID_PARAMS);
	expect(RPC("tools/list", "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}"),
	       MODERN("tools/list"), 400, RPC_INVALID_PARAMS);
	expect(RPC("tools/list", "\"_meta\":{\"io.modelcontextprotocol/clientCapabilities\":{}}"), MODERN("tools/list"),
	       400, RPC_INVALID_PARAMS);
	expect(RPC("tools/list", MODERN_META), NULL, 400, RPC_HEADER_MISMATCH);
	expect(RPC("tools/list", MODERN_META), HEADERS("mcp-protocol-version", "2026-07-28"), 400, RPC_HEADER_MISMATCH);
	expect(RPC("tools/list", MODERN_META), MODERN("tools/call"), 400, RPC_HEADER_MISMATCH);
	expect(RPC("tools/list", MODERN_META), MODERN("Tools/list"), 400, RPC_HEADER_MISMATCH);
	expect(other, MODERN("tools/list"), 400, RPC_HEADER_MISMATCH);
	expect(RPC("tools/list", MODERN_META),
	       HEADERS("mcp-protocol-version", "2026-07-28", "mcp-method", "tools/list", "mcp-method", "tools/list"),
	       400, RPC_HEADER_MISMATCH);
	struct request *r = ask(other, HEADERS("mcp-protocol-version", "v999.0.0", "mcp-method", "tools/list"));
	assert_int_equal(reply_test_status(r), 400);
	assert_int_equal(code_of(r), RPC_UNSUPPORTED_VERSION);
	assert_non_null(strstr(text_copy(&r->pool, reply_test_body(r)), "\"requested\":\"v999.0.0\""));
	request_test_free(r);
}

static void test_name_header(void **state)
{
	(void)state;
	static const char call[] = RPC("tools/call", "\"name\":\"nothing\"," MODERN_META);
	expect(call, MODERN_CALL("nothing"), 200, RPC_INVALID_PARAMS); /* got as far as the tool */
	expect(call, MODERN_CALL("=?base64?bm90aGluZw==?="), 200, RPC_INVALID_PARAMS);
	expect(call, MODERN("tools/call"), 400, RPC_HEADER_MISMATCH);
	static const char *const bad[] = {"Nothing",
	                                  "other",
	                                  "=?base64?bm90aGluZw?=",
	                                  "=?base64?bm90aGluZw==",
	                                  "bm90aGluZw==?=",
	                                  "=?BASE64?bm90aGluZw==?=",
	                                  "=?base64?bm90aGlu*w==?=",
	                                  "=?base64?/w==?="};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(call, MODERN_CALL(bad[i]), 400, RPC_HEADER_MISMATCH);
	expect(RPC("tools/call", MODERN_META), MODERN_CALL("x"), 400, RPC_INVALID_PARAMS);
}

static void test_bad_messages(void **state)
{
	(void)state;
	expect("{", NULL, 400, RPC_PARSE_ERROR);
	expect("[]", NULL, 400, RPC_INVALID_REQUEST);
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"ping\"}", NULL, 400, RPC_INVALID_REQUEST);
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", HEADERS("mcp-protocol-version", "2026-07-28"), 400,
	       RPC_INVALID_PARAMS);
	expect("{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{\"name\":\"open\"}}", NULL, 400,
	       RPC_INVALID_REQUEST);
	expect(RPC("notifications/initialized", ""), NULL, 400, RPC_INVALID_REQUEST);
	expect(RPC("ping", ""), HEADERS("content-type", "text/plain"), 415, RPC_INVALID_REQUEST);
	expect(RPC("ping", ""), HEADERS("content-type", "application/jsonp"), 415, RPC_INVALID_REQUEST);
	expect(RPC("ping", ""), HEADERS("accept", "text/event-stream, text/html;q=0.1"), 406, RPC_INVALID_REQUEST);
	struct request *r = ask("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}", NULL);
	assert_int_equal(reply_test_status(r), 202);
	assert_int_equal(reply_test_body(r).len, 0);
	request_test_free(r);
	r = ask("{", NULL);
	assert_non_null(strstr(text_copy(&r->pool, reply_test_body(r)), "\"id\":null"));
	request_test_free(r);
	r = ask("{", HEADERS("mcp-protocol-version", "2026-07-28"));
	assert_null(strstr(text_copy(&r->pool, reply_test_body(r)), "\"id\""));
	request_test_free(r);
}

static void test_accept(void **state)
{
	(void)state;
	static const char *const fine[] = {"", "*/*", "application/json, text/event-stream",
	                                   "text/event-stream,application/JSON;q=1", "application/*"};
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_true(transport_accepts_json(text_of(fine[i])));
	assert_true(transport_accepts_json((h2o_iovec_t){NULL, 0}));
	assert_false(transport_accepts_json(text_of("text/event-stream")));
	assert_false(transport_accepts_json(text_of("application/jsonp;a,text/*")));
}

static int admitted(const char *host, const char *origin)
{
	struct request *r =
	    start(host, origin != NULL ? HEADERS("origin", origin, "content-type", "application/json") : NULL);
	int status = transport_admit(r) == STEP_NEXT ? 200 : reply_test_status(r);
	const char *cors = reply_test_header(r, "access-control-allow-origin");
	assert_true(cors == NULL || status == 200);
	assert_true(origin == NULL || status != 200 || strcmp(cors, origin) == 0);
	request_test_free(r);
	return status;
}

static void test_host_and_origin(void **state)
{
	(void)state;
	assert_int_equal(admitted("mcp.example", NULL), 200);
	assert_int_equal(admitted("MCP.example:443", NULL), 200);
	assert_int_equal(admitted("mcp.internal:9401", NULL), 200);
	assert_int_equal(admitted("gate.example:8443", NULL), 200);
	assert_int_equal(admitted("gate.example", NULL), 403);
	assert_int_equal(admitted("evil.example", NULL), 403);
	assert_int_equal(admitted("127.0.0.1:9401", NULL), 403);
	assert_int_equal(admitted("mcp.example.evil.example", NULL), 403);
	assert_int_equal(admitted("", NULL), 403);
	assert_int_equal(admitted("mcp.example:80:evil.example", NULL), 403);
	assert_int_equal(admitted("mcp.example:x", NULL), 403);
	assert_int_equal(admitted("mcp.example", "https://mcp.example"), 200);
	assert_int_equal(admitted("mcp.example", "https://app.example"), 200);
	static const char *const bad[] = {
	    "https://app.example:444",          "http://app.example",    "null", "https://evil.example",
	    "https://app.example.evil.example", "http://localhost:3000", ""};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(admitted("mcp.example", bad[i]), 403);
}

static void test_loopback_names(void **state)
{
	(void)state;
	struct mcp_settings kept = MCP.settings;
	MCP.settings.resource = "http://127.0.0.1:9401/mcp";
	MCP.settings.origin = "http://127.0.0.1:9401";
	MCP.settings.is_loopback = true;
	MCP.settings.allowed_hosts = MCP.settings.allowed_origins = NO_TEXTS;
	assert_int_equal(admitted("localhost:1234", "http://localhost:6274"), 200);
	assert_int_equal(admitted("[::1]:9401", NULL), 200);
	assert_int_equal(admitted("[::1]evil.example", NULL), 403);
	assert_int_equal(admitted("evil.example:9401", NULL), 403);
	assert_int_equal(admitted("127.0.0.1:9401", "http://evil.example:9401"), 403);
	assert_int_equal(admitted("127.0.0.1:9401", "http://localhost.evil.example"), 403);
	assert_int_equal(admitted("127.0.0.1:9401", "http://localhost:1/x"), 403);
	MCP.settings = kept;
}

static char *answer_to(const char *body)
{
	struct request *r = ask(body, NULL);
	char *answer =
	    text_printf(&pool, "%d %.*s", reply_test_status(r), (int)reply_test_body(r).len, reply_test_body(r).base);
	request_test_free(r);
	return answer;
}

static void test_hidden_is_unknown(void **state)
{
	(void)state;
	char *hidden = answer_to(RPC("tools/call", "\"name\":\"hidden\",\"arguments\":{\"email\":\"a@b\"}"));
	assert_string_equal(last_outcome(), "denied");
	char *unknown = answer_to(RPC("tools/call", "\"name\":\"nothing\",\"arguments\":{\"email\":\"a@b\"}"));
	assert_string_equal(last_outcome(), "denied");
	assert_string_equal(hidden, unknown);
	assert_non_null(strstr(
	    hidden, "200 {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32602,\"message\":\"Unknown tool\"}}"));
}

static void test_acquirable_is_challenged(void **state)
{
	(void)state;
	struct request *r = ask(RPC("tools/call", "\"name\":\"later\",\"arguments\":{}"), NULL);
	assert_int_equal(reply_test_status(r), 403);
	const char *header = reply_test_header(r, "www-authenticate");
	assert_non_null(strstr(header, "error=\"insufficient_scope\""));
	assert_non_null(strstr(header, "scope=\"a tools:admin\""));
	assert_string_equal(last_outcome(), "acquirable");
	request_test_free(r);
}

static void test_arguments_are_checked_first(void **state)
{
	(void)state;
	asked = 0;
	struct request *r = ask(
	    RPC("tools/call", "\"name\":\"open\",\"arguments\":{\"email\":\"none\",\"password\":\"hunter2\"}"), NULL);
	char *body = text_copy(&r->pool, reply_test_body(r));
	assert_int_equal(reply_test_status(r), 200);
	assert_non_null(strstr(body, "\"isError\":true"));
	assert_non_null(strstr(body, "arguments.email"));
	assert_null(strstr(body, "hunter2"));
	request_test_free(r);
	assert_string_equal(last_outcome(), "invalid");
	assert_null(strstr(audit_text(), "hunter2"));
	assert_non_null(strstr(audit_text(), "[redacted: field]"));
	expect(RPC("tools/call", "\"name\":5"), NULL, 200, RPC_INVALID_PARAMS);
	expect(RPC("tools/call", "\"name\":\"open\",\"arguments\":[]"), NULL, 200, RPC_INVALID_PARAMS);
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}", NULL, 200, RPC_INVALID_PARAMS);
	assert_int_equal(asked, 0);
}

static void test_calls(void **state)
{
	(void)state;
	static const char call[] = RPC("tools/call", "\"name\":\"open\",\"arguments\":{\"email\":\"a@b\"}");
	answer_double = one_row;
	expect_body(call, NULL,
	            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"{"
	            "\\\"rows\\\":[{\\\"x\\\":"
	            "\\\"found\\\"}],\\\"truncated\\\":false}\"}],\"structuredContent\":{\"rows\":[{\"x\":\"found\"}],"
	            "\"truncated\":false}}}");
	assert_string_equal(first_param, "a@b");
	assert_string_equal(last_outcome(), "allowed");
	answer_double = statement_error;
	char *answer = answer_to(call);
	assert_non_null(strstr(answer, "200 "));
	assert_non_null(strstr(answer, "\"isError\":true"));
	assert_string_equal(last_outcome(), "failed");
	answer_double = NULL;
	struct request *r = ask(call, NULL);
	assert_int_equal(reply_test_status(r), 503);
	assert_int_equal(code_of(r), RPC_INTERNAL_ERROR);
	assert_non_null(strstr(text_copy(&r->pool, reply_test_body(r)), "\"id\":1,"));
	assert_string_equal(reply_test_header(r, "retry-after"), "1");
	request_test_free(r);
	assert_string_equal(last_outcome(), "failed");
}

static const char *param_of(const char *argument)
{
	answer_double = one_row;
	answer_to(text_printf(&pool, RPC("tools/call", "\"name\":\"any\",\"arguments\":{\"email\":%s}"), argument));
	return first_param;
}

/* JSON Schema takes 5.0 for an integer, so the database must get one. */
static void test_whole_numbers(void **state)
{
	(void)state;
	assert_string_equal(param_of("5"), "5");
	assert_string_equal(param_of("5.0"), "5");
	assert_string_equal(param_of("0.5e1"), "5");
	assert_string_equal(param_of("-3E2"), "-300");
	assert_string_equal(param_of("9007199254740992.0"), "9007199254740992");
	assert_string_equal(param_of("5.5"), "5.5");
	assert_string_equal(param_of("1e300"), "1e+300");
	assert_string_equal(param_of("9223372036854775807"), "9223372036854775807");
	assert_string_equal(param_of("true"), "true");
}

static size_t count_records(void)
{
	size_t count = 0;
	for (char *at = audit_text(); (at = strstr(at, "\"outcome\":")) != NULL; at++)
		count++;
	return count;
}

/* Who tries to pass one tool for another is on record, though no method sees the message. */
static void test_refused_messages_are_recorded(void **state)
{
	(void)state;
	static const char call[] = RPC("tools/call", MODERN_META ",\"name\":\"open\",\"arguments\":{}");
	size_t before = count_records();
	expect(call, MODERN_CALL("hidden"), 400, RPC_HEADER_MISMATCH);
	assert_int_equal(count_records(), before + 1);
	assert_string_equal(last_outcome(), "invalid");
	expect(RPC("tools/call", MODERN_META), MODERN_CALL("open"), 400, RPC_INVALID_PARAMS);
	expect(call, NULL, 400, RPC_HEADER_MISMATCH);
	expect("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":[]}", NULL, 400, RPC_INVALID_PARAMS);
	assert_int_equal(count_records(), before + 4);
	/* neither another method nor what asks for no answer is a call */
	expect(RPC("tools/list", MODERN_META), NULL, 400, RPC_HEADER_MISMATCH);
	expect("{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{" MODERN_META "}}", NULL, 400,
	       RPC_HEADER_MISMATCH);
	assert_int_equal(count_records(), before + 4);
	struct audit *kept = MCP.audit;
	MCP.audit = NULL;
	expect(call, MODERN_CALL("hidden"), 503, RPC_INTERNAL_ERROR);
	MCP.audit = kept;
}

/* A digest of the secret itself would be found by trying all PINs. */
static void test_digest_is_of_what_is_shown(void **state)
{
	(void)state;
	char *digests[2];
	for (int i = 0; i < 2; i++) {
		answer_to(i == 0 ? RPC("tools/call", "\"name\":\"none\",\"arguments\":{\"pin\":\"1234\"}")
		                 : RPC("tools/call", "\"name\":\"none\",\"arguments\":{\"pin\":\"9999\"}"));
		char *at = audit_text(), *last = NULL;
		for (; (at = strstr(at, "\"arguments_digest\":\"")) != NULL; at++)
			last = at;
		digests[i] = text_printf(&pool, "%.*s", 80, last);
	}
	assert_string_equal(digests[0], digests[1]);
}

static void test_telling_names(void **state)
{
	(void)state;
	json_t *in = json_pack("{s:s, s:s, s:s, s:s, s:{s:s}}", "pwd", "x1", "X-Auth", "x2", "Bearer", "x3",
	                       "a_name_of_an_argument_that_is_longer_than_any_name_should_ever_be_and_ends_in_password",
	                       "x4", "deep", "jwt", "x5");
	json_t *out = audit_redact(in);
	char *text = text_copy(&pool, json_text(&pool, out));
	assert_null(strstr(text, "x1"));
	assert_non_null(strstr(text, "x2")); /* "auth" counts as a whole name only */
	assert_null(strstr(text, "x3"));
	assert_null(strstr(text, "x4"));
	assert_null(strstr(text, "x5"));
	json_decref(in);
	json_decref(out);
}

/* What leaves is what the tool's file promises. */
static void test_structure_is_checked(void **state)
{
	(void)state;
	static const char call[] = RPC("tools/call", "\"name\":\"open\",\"arguments\":{\"email\":\"a@b\"}");
	const struct schema_options options = {.assert_formats = true};
	const char *error = NULL;
	const json_t *fits = json_read(&pool, text_of("{\"type\":\"object\",\"required\":[\"rows\"]}"), NULL);
	const json_t *differs =
	    json_read(&pool,
	              text_of("{\"type\":\"object\",\"properties\":{\"rows\":{\"type\":\"array\",\"items\":{"
	                      "\"properties\":{\"x\":{\"type\":\"string\",\"maxLength\":2}}}}}}"),
	              NULL);
	answer_double = one_row;
	TOOLS[3].structured = schema_compile(&pool, fits, &options, &error);
	assert_non_null(strstr(answer_to(call), "\"structuredContent\":{\"rows\""));
	assert_string_equal(last_outcome(), "allowed");
	TOOLS[3].structured = schema_compile(&pool, differs, &options, &error);
	char *answer = answer_to(call);
	assert_non_null(strstr(answer, "200 "));
	assert_non_null(strstr(answer, "\"isError\":true"));
	assert_null(strstr(answer, "structuredContent"));
	assert_null(strstr(answer, "found"));
	assert_non_null(strstr(answer, "withheld"));
	assert_string_equal(last_outcome(), "withheld");
	assert_non_null(strstr(audit_last(), "\"rows\":1"));
	TOOLS[3].structured = NULL;
}

/* Only in the era that has them, and only for those who may know of the tool. */
static void test_headers_of_arguments(void **state)
{
	(void)state;
	static const char *path[] = {"email", NULL};
	static struct tool_header header = {"mcp-param-who", path};
	static const struct tool_headers headers = {&header, 1};
	static const char call[] =
	    RPC("tools/call", MODERN_META ",\"name\":\"open\",\"arguments\":{\"email\":\"a@b\"}"),
			  hidden[] =
			      RPC("tools/call", MODERN_META ",\"name\":\"hidden\",\"arguments\":{\"email\":\"a@b\"}");
	answer_double = one_row;
	asked = 0;
	TOOLS[3].headers = TOOLS[1].headers = &headers;
	expect(call, MODERN_CALL("open"), 400, RPC_HEADER_MISMATCH);
	assert_string_equal(last_outcome(), "invalid");
	expect(call,
	       HEADERS("mcp-protocol-version", "2026-07-28", "mcp-method", "tools/call", "mcp-name", "open",
	               "mcp-param-who", "other@b"),
	       400, RPC_HEADER_MISMATCH);
	assert_int_equal(asked, 0);
	expect(hidden, MODERN_CALL("hidden"), 200, RPC_INVALID_PARAMS);
	expect(call,
	       HEADERS("mcp-protocol-version", "2026-07-28", "mcp-method", "tools/call", "mcp-name", "open",
	               "mcp-param-who", "=?base64?YUBi?="),
	       200, 0);
	expect(RPC("tools/call", "\"name\":\"open\",\"arguments\":{\"email\":\"a@b\"}"), NULL, 200, 0);
	assert_int_equal(asked, 2);
	TOOLS[3].headers = TOOLS[1].headers = NULL;
}

static void test_pages_may_repeat_arguments(void **state)
{
	(void)state;
	struct request *r = request_test(&SERVICE, NULL);
	request_test_header(r, "origin", "https://app.example");
	request_test_header(r, "access-control-request-headers",
	                    "authorization, Mcp-Param-Region,mcp-param-,mcp-param-a b, x-other");
	assert_int_equal(transport_preflight_steps[0](r), STEP_DONE);
	const char *allowed = reply_test_header(r, "access-control-allow-headers");
	assert_non_null(strstr(allowed, "Last-Event-ID, Mcp-Param-Region"));
	assert_null(strstr(allowed, "mcp-param-"));
	assert_null(strstr(allowed, "x-other"));
	request_test_free(r);
}

static void test_changes_are_recorded_before(void **state)
{
	(void)state;
	answer_double = one_row;
	answer_to(RPC("tools/call", "\"name\":\"write\",\"arguments\":{\"email\":\"w@b\"}"));
	char *text = audit_text(), *started = strstr(text, "\"outcome\":\"started\"");
	assert_non_null(started);
	assert_non_null(strstr(started, "\"outcome\":\"allowed\""));
	assert_non_null(strstr(started, "\"tier\":\"write\""));
	/* without an audit log nothing runs */
	struct audit *kept = MCP.audit;
	MCP.audit = NULL;
	asked = 0;
	struct request *r = ask(RPC("tools/call", "\"name\":\"write\",\"arguments\":{\"email\":\"w@b\"}"), NULL);
	assert_int_equal(reply_test_status(r), 200);
	assert_non_null(strstr(text_copy(&pool, reply_test_body(r)), "\"isError\":true"));
	assert_int_equal(asked, 0);
	request_test_free(r);
	MCP.audit = kept;
}

/* Nobody knows whether a change was committed when the connection broke under it. */
static void test_broken_change_is_unknown(void **state)
{
	(void)state;
	static const char *const names[] = {"write", "open"}, *const outcomes[] = {"unknown", "failed"};
	for (int i = 0; i < 2; i++) {
		never_answers = true;
		struct request *r =
		    ask(text_printf(&pool, RPC("tools/call", "\"name\":\"%s\",\"arguments\":{\"email\":\"a@b\"}"),
		                    names[i]),
		        NULL);
		never_answers = false;
		request_resume_failed(r, &TEMPORARILY_UNAVAILABLE, "the database is not available");
		assert_int_equal(reply_test_status(r), 503);
		assert_string_equal(last_outcome(), outcomes[i]);
		request_test_free(r);
	}
	answer_double = NULL; /* it never got there */
	answer_to(RPC("tools/call", "\"name\":\"write\",\"arguments\":{\"email\":\"a@b\"}"));
	assert_string_equal(last_outcome(), "failed");
}

/* The schemas since 2025-11-25 know no null. */
static void test_unreadable_id(void **state)
{
	(void)state;
	static const char *const versions[] = {"2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"};
	for (int i = 0; i < 4; i++) {
		struct request *r = ask("{", HEADERS("mcp-protocol-version", versions[i]));
		assert_int_equal(reply_test_status(r), 400);
		assert_true((strstr(text_copy(&r->pool, reply_test_body(r)), "\"id\":null") != NULL) == (i < 2));
		request_test_free(r);
	}
}

static void test_leaver_is_recorded(void **state)
{
	(void)state;
	never_answers = true;
	struct request *r = ask(RPC("tools/call", "\"name\":\"open\",\"arguments\":{\"email\":\"a@b\"}"), NULL);
	never_answers = false;
	assert_true(r->waiting);
	assert_non_null(r->on_departed);
	r->on_departed(r);
	assert_int_equal(cancelled, 1);
	r->rows = statement_error(); /* the database has ended it */
	request_resume(r);
	assert_string_equal(last_outcome(), "cancelled");
	assert_non_null(strstr(audit_last(), "\"reason\":\"the client has left\""));
	assert_null(strstr(audit_last(), "\"effect\""));
	assert_null(MCP.running.first);
	request_test_free(r);
}

static struct request *start_call(const char *tool)
{
	never_answers = true;
	struct request *r =
	    ask(text_printf(&pool, RPC("tools/call", "\"name\":\"%s\",\"arguments\":{\"email\":\"a@b\"}"), tool), NULL);
	never_answers = false;
	return r;
}

/* A dead grant ends its calls with the challenge, whatever the database still says; the record has what was changed. */
static void test_revoked_calls_end(void **state)
{
	(void)state;
	static const struct {
		const char *tool;
		int ends; /* 0: cancelled, 1: too late, 2: outage */
		const char *effect;
	} cases[] = {
	    {"open", 0, NULL},    {"open", 1, NULL},         {"open", 2, NULL},
	    {"write", 0, "none"}, {"write", 1, "committed"}, {"write", 2, "unknown"},
	};
	answer_double = one_row;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct request *other = start_call("open"), *r = start_call(cases[i].tool);
		cancelled = 0;
		assert_int_equal(running_revoke(&MCP.running, TOKEN_GRANT, text_of("of somebody else"), "x"), 0);
		assert_int_equal(running_revoke(&MCP.running, TOKEN_GRANT, text_of("g1"), "the grant was revoked"), 2);
		assert_int_equal(running_revoke(&MCP.running, TOKEN_CLIENT, text_of("client-1"), "again"), 2);
		assert_int_equal(cancelled, 2);
		other->rows = statement_error();
		request_resume(other);
		assert_int_equal(reply_test_status(other), 401);
		r->rows = cases[i].ends == 0 ? statement_error() : cases[i].ends == 1 ? one_row() : NULL;
		if (cases[i].ends == 2)
			request_resume_failed(r, &TEMPORARILY_UNAVAILABLE, "the database is not available");
		else
			request_resume(r);
		assert_int_equal(reply_test_status(r), 401);
		assert_non_null(strstr(reply_test_header(r, "www-authenticate"), "error=\"invalid_token\""));
		assert_string_equal(last_outcome(), "cancelled");
		assert_non_null(strstr(audit_last(), "\"reason\":\"the grant was revoked\""));
		if (cases[i].effect == NULL)
			assert_null(strstr(audit_last(), "\"effect\""));
		else
			assert_non_null(strstr(audit_last(), text_printf(&pool, "\"effect\":\"%s\"", cases[i].effect)));
		assert_null(MCP.running.first);
		request_test_free(other);
		request_test_free(r);
	}
}

static h2o_loop_t *loop;

static void turn_until(const unsigned *count, unsigned wanted)
{
	int64_t until_ms = clock_monotonic_ms() + 5000;

	while (*count < wanted) {
		assert_true(clock_monotonic_ms() < until_ms);
		h2o_evloop_run(loop, 10);
	}
}

static void end_with(struct request *r, int status)
{
	r->rows = statement_error();
	request_resume(r);
	assert_int_equal(reply_test_status(r), status);
	request_test_free(r);
}

/* Until somebody can say; then the dead end, and nobody asks about the living any more. */
static void test_doubted_calls_are_looked_up(void **state)
{
	(void)state;
	loop = loop != NULL ? loop : h2o_evloop_create();
	running_open(&MCP.running, loop, 0);
	struct request *r = start_call("open");
	token_looked_up = token_asked = cancelled = 0;
	token_state = BEARER_UNKNOWN;
	running_doubt(&MCP.running);
	turn_until(&token_looked_up, 5);
	assert_int_equal(token_asked, 1); /* not at every turn */
	token_state = BEARER_ALIVE;
	turn_until(&token_looked_up, 6);
	token_state = BEARER_DEAD; /* nobody doubts it */
	struct request *later = start_call("open");
	int64_t until_ms = clock_monotonic_ms() + 150;
	while (clock_monotonic_ms() < until_ms)
		h2o_evloop_run(loop, 10);
	assert_int_equal(token_looked_up, 6);
	assert_int_equal(cancelled, 0);
	running_doubt(&MCP.running);
	turn_until(&cancelled, 2);
	end_with(later, 401);
	assert_non_null(strstr(audit_last(), "\"reason\":\"the token is not active any more\""));
	end_with(r, 401);
	running_close(&MCP.running);
	MCP.running = (struct running_calls){.loop = NULL};
}

static void test_calls_end_with_the_server(void **state)
{
	(void)state;
	loop = loop != NULL ? loop : h2o_evloop_create();
	running_open(&MCP.running, loop, 0);
	struct request *r = start_call("write");
	cancelled = 0;
	running_end_after(&MCP.running, 100);
	turn_until(&cancelled, 1);
	end_with(r, 503);
	assert_string_equal(last_outcome(), "cancelled");
	assert_non_null(strstr(audit_last(), "\"reason\":\"the server goes down\""));
	assert_non_null(strstr(audit_last(), "\"effect\":\"none\""));
	running_close(&MCP.running);
	MCP.running = (struct running_calls){.loop = NULL};
}

/* Or those who come and leave would have more statements under way than there are connections. */
static void test_a_leavers_statement_keeps_its_place(void **state)
{
	(void)state;
	loop = loop != NULL ? loop : h2o_evloop_create();
	running_open(&MCP.running, loop, 0);
	struct request *left = start_call("open"), *revoked = NULL;
	cancelled = given_up = 0;
	left->on_departed(left);
	turn_until(&cancelled, 15); /* 50 ms each: longer than a revoked one is waited for */
	assert_int_equal(given_up, 0);
	revoked = start_call("open");
	assert_int_equal(running_revoke(&MCP.running, TOKEN_GRANT, text_of("g1"), "the grant was revoked"), 2);
	turn_until(&given_up, 1);
	end_with(revoked, 401);
	end_with(left, 400);
	running_close(&MCP.running);
	MCP.running = (struct running_calls){.loop = NULL};
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_legacy_era),
	    cmocka_unit_test(test_modern_era),
	    cmocka_unit_test(test_precedence_of_the_modern_era),
	    cmocka_unit_test(test_name_header),
	    cmocka_unit_test(test_bad_messages),
	    cmocka_unit_test(test_accept),
	    cmocka_unit_test(test_host_and_origin),
	    cmocka_unit_test(test_loopback_names),
	    cmocka_unit_test(test_hidden_is_unknown),
	    cmocka_unit_test(test_acquirable_is_challenged),
	    cmocka_unit_test(test_arguments_are_checked_first),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_structure_is_checked),
	    cmocka_unit_test(test_headers_of_arguments),
	    cmocka_unit_test(test_pages_may_repeat_arguments),
	    cmocka_unit_test(test_changes_are_recorded_before),
	    cmocka_unit_test(test_whole_numbers),
	    cmocka_unit_test(test_refused_messages_are_recorded),
	    cmocka_unit_test(test_digest_is_of_what_is_shown),
	    cmocka_unit_test(test_telling_names),
	    cmocka_unit_test(test_broken_change_is_unknown),
	    cmocka_unit_test(test_unreadable_id),
	    cmocka_unit_test(test_leaver_is_recorded),
	    cmocka_unit_test(test_revoked_calls_end),
	    cmocka_unit_test(test_doubted_calls_are_looked_up),
	    cmocka_unit_test(test_a_leavers_statement_keeps_its_place),
	    cmocka_unit_test(test_calls_end_with_the_server),
	};
	return cmocka_run_group_tests(tests, open_server, close_server);
}
