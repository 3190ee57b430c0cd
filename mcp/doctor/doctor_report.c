/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/doctor/doctor_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encoding.h"
#include "common/secret.h"

struct report {
	h2o_mem_pool_t *pool;
	const char *url;
	bool as_json;
	int number, failed, noted, calls[CALL_OUTCOMES];
	json_t *steps, *people; /* kept by the pool */
	json_t *person;         /* the last of `people`; NULL before the first */
};

static const char *const VERDICT_NAMES[] = {"ok", "note", "FAILED"};
static const char *const OUTCOME_NAMES[] = {"answer", "asked", "refused", "FAILED"};

struct report *report_open(h2o_mem_pool_t *pool, const char *url, bool as_json)
{
	struct report *report = h2o_mem_alloc_pool(pool, sizeof(*report));

	*report = (struct report){.pool = pool, .url = url, .as_json = as_json};
	report->steps = json_keep(pool, json_array());
	report->people = json_keep(pool, json_array());
	if (!as_json)
		printf("Connection doctor for %s\n", report_clean(pool, text_of(url), 2000));
	fflush(stdout);
	return report;
}

void report_person(struct report *report, const char *name)
{
	report->person = json_object();
	json_object_set_new(report->person, "name", json_string(name));
	json_object_set_new(report->person, "tools", json_array());
	json_object_set_new(report->person, "calls", json_array());
	json_array_append_new(report->people, report->person);
	if (!report->as_json)
		printf("\nAs %s\n", report_clean(report->pool, text_of(name), 100));
	fflush(stdout);
}

static void set_text(json_t *object, const char *member, const char *value)
{
	if (value != NULL)
		json_object_set_new(object, member, json_string(value));
}

static void remember_step(struct report *report, const struct report_step *s)
{
	json_t *step = json_object();

	json_object_set_new(step, "step", json_string(s->name));
	if (report->person != NULL)
		json_object_set(step, "person", json_object_get(report->person, "name"));
	set_text(step, "asked", s->asked);
	set_text(step, "got", s->got);
	set_text(step, "verdict", VERDICT_NAMES[s->verdict]);
	set_text(step, "words", s->words);
	set_text(step, "fix", s->fix);
	json_array_append_new(report->steps, step);
}

bool report_step(struct report *report, const struct report_step *s)
{
	report->number++;
	report->failed += s->verdict == VERDICT_FAILED;
	report->noted += s->verdict == VERDICT_NOTE;
	remember_step(report, s);
	if (report->as_json)
		return s->verdict != VERDICT_FAILED;
	printf("\n%2d  %s\n", report->number, s->name);
	if (s->asked != NULL)
		printf("    asked   %s\n", s->asked);
	if (s->got != NULL)
		printf("    got     %s\n", s->got);
	printf("    %-6s  %s\n", VERDICT_NAMES[s->verdict], s->words);
	if (s->fix != NULL)
		printf("    fix     %s\n", s->fix);
	fflush(stdout);
	return s->verdict != VERDICT_FAILED;
}

void report_scope(struct report *report, const char *scope)
{
	json_object_set_new(report->person, "scope", json_string(scope));
}

void report_tools(struct report *report, json_t *names)
{
	json_object_set(report->person, "tools", names);
}

void report_call(struct report *report, const char *tool, const char *arguments, enum call_outcome outcome,
                 const char *text)
{
	json_t *call = json_object();

	report->calls[outcome]++;
	set_text(call, "tool", tool);
	set_text(call, "arguments", arguments);
	set_text(call, "outcome", OUTCOME_NAMES[outcome]);
	set_text(call, "text", text);
	json_array_append_new(json_object_get(report->person, "calls"), call);
}

static bool has_tool(const json_t *person, const char *tool)
{
	size_t i;
	json_t *name;

	json_array_foreach (json_object_get(person, "tools"), i, name)
		if (strcmp(json_string_value(name), tool) == 0)
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every tool that anybody sees, sorted. */
static size_t all_tools(struct report *report, const char ***ret)
{
	size_t count = 0, unique = 0, i, j;
	json_t *person, *name;

	json_array_foreach (report->people, i, person)
		count += json_array_size(json_object_get(person, "tools"));
	const char **names = h2o_mem_alloc_pool(report->pool, (count + 1) * sizeof(*names));

	count = 0;
	json_array_foreach (report->people, i, person)
		json_array_foreach (json_object_get(person, "tools"), j, name)
			names[count++] = json_string_value(name);
	qsort(names, count, sizeof(*names), compare_names);
	for (i = 0; i < count; i++)
		if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
			names[unique++] = names[i];
	*ret = names;
	return unique;
}

static void print_tools(struct report *report)
{
	const char **names;
	size_t count = all_tools(report, &names), i;
	int width = 4;
	json_t *person;

	for (size_t n = 0; n < count; n++)
		width = (int)strlen(names[n]) > width ? (int)strlen(names[n]) : width;
	printf("\nWho sees which tool\n\n    %-*s", width, "tool");
	json_array_foreach (report->people, i, person)
		printf("  %-8s", json_string_value(json_object_get(person, "name")));
	putchar('\n');
	for (size_t n = 0; n < count; n++) {
		printf("    %-*s", width, report_clean(report->pool, text_of(names[n]), 128));
		json_array_foreach (report->people, i, person)
			printf("  %-8s", has_tool(person, names[n]) ? "yes" : "-");
		putchar('\n');
	}
}

static void print_calls(struct report *report)
{
	size_t calls = json_array_size(json_object_get(json_array_get(report->people, 0), "calls")), i;
	json_t *person;

	if (calls > 0)
		printf("\nThe same call by each person\n");
	for (size_t n = 0; n < calls; n++) {
		const json_t *first = json_array_get(json_object_get(json_array_get(report->people, 0), "calls"), n);

		printf("\n    %s %s\n", json_string_value(json_object_get(first, "tool")),
		       json_string_value(json_object_get(first, "arguments")));
		json_array_foreach (report->people, i, person) {
			const json_t *call = json_array_get(json_object_get(person, "calls"), n);

			if (call != NULL)
				printf("      %-8s  %-7s  %s\n", json_string_value(json_object_get(person, "name")),
				       json_string_value(json_object_get(call, "outcome")),
				       json_string_value(json_object_get(call, "text")));
		}
	}
}

static void print_call_counts(const struct report *report)
{
	const int *n = report->calls;

	if (n[CALL_ANSWER] + n[CALL_ASKED] + n[CALL_REFUSED] + n[CALL_FAILED] > 0)
		printf("\nCalls: %d answered, %d asked first, %d refused, %d failed.", n[CALL_ANSWER], n[CALL_ASKED],
		       n[CALL_REFUSED], n[CALL_FAILED]);
}

static void print_json(struct report *report)
{
	json_t *all = json_object();

	json_object_set_new(all, "url", json_string(report->url));
	json_object_set_new(all, "ok", json_boolean(report->failed == 0));
	json_object_set(all, "steps", report->steps);
	json_object_set(all, "people", report->people);
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

int report_close(struct report *report)
{
	if (report->as_json) {
		print_json(report);
		return report->failed;
	}
	if (json_array_size(report->people) > 1) {
		print_tools(report);
		print_calls(report);
	}
	print_call_counts(report);
	printf("\nSteps: %d fine, %d with a note, %d failed.\n", report->number - report->failed - report->noted,
	       report->noted, report->failed);
	fflush(stdout);
	return report->failed;
}

const char *report_secret(h2o_mem_pool_t *pool, const char *secret)
{
	uint8_t digest[SHA256_SIZE];

	if (secret == NULL)
		return "none";
	sha256(text_of(secret), digest);
	return text_printf(pool, "%zu characters, digest %s", strlen(secret), hex_encode(pool, digest, 4));
}

static size_t character_size(h2o_iovec_t text, size_t at)
{
	for (size_t len = 1; len <= 4 && at + len <= text.len; len++)
		if (text_is_utf8(h2o_iovec_init(text.base + at, len)))
			return len;
	return 0;
}

const char *report_clean(h2o_mem_pool_t *pool, h2o_iovec_t text, size_t limit)
{
	struct text_buffer b = {.pool = pool};

	for (size_t i = 0; i < text.len;) {
		size_t len = character_size(text, i);
		h2o_iovec_t character = h2o_iovec_init(text.base + i, len);

		i += len > 0 ? len : 1;
		if (b.len + 4 > limit) {
			text_append_str(&b, "...");
			break;
		}
		if (len == 1 && (*character.base == '\n' || *character.base == '\r' || *character.base == '\t'))
			text_append_str(&b, " ");
		else if (len == 0 || text_has_invisible(character))
			text_append_str(&b, "?");
		else
			text_append_iovec(&b, character);
	}
	return b.base != NULL ? b.base : "";
}
