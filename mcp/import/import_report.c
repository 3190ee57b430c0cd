/* SPDX-License-Identifier: Apache-2.0 */
/* What was made, what was not and why, and what mcp.yaml has to say before the tools can be served. */
#include <stdio.h>
#include <string.h>

#include "mcp/import/import.h"

static const char *state_name(const struct import_run *run, enum import_state state)
{
	switch (state) {
	case IMPORT_WRITTEN: return "written";
	case IMPORT_UNCHANGED: return "unchanged";
	case IMPORT_DIFFERS: return run->options.force ? "would be written over" : "differs";
	default: return run->options.dry_run ? "would be written" : "not written";
	}
}

static bool is_made(const struct import_operation *op)
{
	return op->is_chosen && op->problem == NULL;
}

/* ---- settings ---- */

static bool is_address(const char *host)
{
	return host[strspn(host, "0123456789.")] == '\0';
}

/* A name of this machine or of nobody's public network is reached only with its addresses. */
static json_t *host_json(const struct import_server *server)
{
	json_t *host = json_pack("{s:s}", "host", server->host);
	bool is_local = strcmp(server->host, "localhost") == 0;

	if (server->port != (server->plain ? 80 : 443))
		json_object_set_new(host, "port", json_integer(server->port));
	if (server->plain || is_local || is_address(server->host))
		json_object_set_new(host, "addresses",
		                    json_pack("[s]", is_local                   ? "127.0.0.0/8"
		                                     : is_address(server->host) ? server->host
		                                                                : "..."));
	if (server->plain)
		json_object_set_new(host, "plain", json_true());
	return host;
}

static bool has_value(const json_t *list, const json_t *value)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_equal(json_array_get(list, i), value))
			return true;
	return false;
}

/* As mcp.yaml wants it. */
static json_t *settings_of(const struct import_run *run)
{
	json_t *hosts = json_array(), *scopes = json_object();
	const char *title = run->document.title;

	for (size_t i = 0; i < run->count; i++) {
		const struct import_operation *op = &run->operations[i];
		bool reads = strcmp(op->method, "GET") == 0;
		if (!is_made(op))
			continue;
		json_t *host = host_json(&op->server);
		if (!has_value(hosts, host))
			json_array_append(hosts, host);
		json_decref(host);
		const char *words = reads ? text_printf(run->pool, "Read: %s", title)
		                          : text_printf(run->pool, "Read and change: %s", title);
		const char *scope = reads ? run->options.scope_read : run->options.scope_write;
		if (json_object_get(scopes, scope) == NULL || !reads)
			json_object_set_new(scopes, scope, json_pack("{s:s}", "title", words));
	}
	return json_keep(run->pool, json_pack("{s:{s:o}, s:o}", "outbound", "hosts", hosts, "scopes", scopes));
}

/* ---- for programs ---- */

static json_t *tool_json(const struct import_run *run, const struct import_operation *op)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:O}", "operation", op->label, "name", op->name, "file",
	                 text_printf(run->pool, "%s/%s.yaml", run->options.into, op->name), "state",
	                 state_name(run, op->state), "notes", op->notes);
}

static bool print_json(const struct import_run *run, json_t *settings)
{
	json_t *tools = json_array(), *skipped = json_array();

	for (size_t i = 0; i < run->count; i++) {
		const struct import_operation *op = &run->operations[i];
		if (is_made(op))
			json_array_append_new(tools, tool_json(run, op));
		else if (op->is_chosen)
			json_array_append_new(skipped,
			                      json_pack("{s:s, s:s}", "operation", op->label, "reason", op->problem));
	}
	json_t *all =
	    json_keep(run->pool, json_pack("{s:s, s:o, s:o, s:O, s:O}", "document", run->document.title, "tools", tools,
	                                   "skipped", skipped, "notes", run->notes, "settings", settings));
	return json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && printf("\n") > 0;
}

/* ---- for people ---- */

static void print_notes(const json_t *notes, const char *before)
{
	for (size_t i = 0; i < json_array_size(notes); i++)
		printf("%s%s\n", before, json_string_value(json_array_get(notes, i)));
}

static size_t print_tools(const struct import_run *run)
{
	size_t count = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct import_operation *op = &run->operations[i];
		if (!is_made(op))
			continue;
		count++;
		printf("%s/%s.yaml: %s: %s\n", run->options.into, op->name, state_name(run, op->state), op->label);
		print_notes(op->notes, "  note: ");
	}
	return count;
}

static size_t print_skipped(const struct import_run *run)
{
	size_t count = 0;

	for (size_t i = 0; i < run->count; i++) {
		const struct import_operation *op = &run->operations[i];
		if (!op->is_chosen || op->problem == NULL)
			continue;
		count++;
		printf("skipped: %s: %s\n", op->label, op->problem);
	}
	return count;
}

static bool print_words(const struct import_run *run, const json_t *settings)
{
	size_t made = print_tools(run), skipped = print_skipped(run);

	print_notes(run->notes, "note: ");
	printf("%s: %zu tool%s, %zu operation%s skipped\n", run->document.title, made, made == 1 ? "" : "s", skipped,
	       skipped == 1 ? "" : "s");
	if (made > 0)
		printf("\nmcp.yaml needs, beside what it has:\n\n%s", import_yaml(run->pool, settings).base);
	return true;
}

bool import_report(const struct import_run *run)
{
	json_t *settings = settings_of(run);
	bool fine = run->options.json ? print_json(run, settings) : print_words(run, settings);

	return fflush(stdout) == 0 && fine;
}
