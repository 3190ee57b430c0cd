/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `approve`: what an upstream says of its tools is read by a person before it is said to models. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/serving_settings.h"
#include "mcp/catalogue/catalogue.h"
#include "mcp/backend/command/commands.h"
#include "mcp/backend/upstream/upstream_pins.h"
#include "mcp/backend/upstream/upstream_probe.h"
#include "mcp/backend/upstream/upstream_review.h"
#include "mcp/verbs/verbs.h"

enum { NAMED_MAX = UPSTREAM_TOOLS_MAX };

struct approval {
	h2o_mem_pool_t pool;
	struct mcp_settings settings;
	struct catalogue *catalogue; /* NULL: the files are not in order; then only the upstream's own is looked at */
	struct catalogue bare;
	struct loading loading;
	struct spawner *spawner;
	const struct upstream_file *file;
	struct review review;
	const char *version;
	/* options */
	const char *name;
	const char *named[NAMED_MAX];
	size_t named_count;
	bool all, yes, json;
};

static int complain(const char *where, const char *problem)
{
	fprintf(stderr, "sallyport-mcp: %s%s%s\n", where, *where != '\0' ? ": " : "", problem);
	return 1;
}

/* ---- what is asked for ---- */

static bool read_options(struct approval *a, int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"tool", required_argument, NULL, 't'},
	    {"all", no_argument, NULL, 'a'},
	    {"yes", no_argument, NULL, 'y'},
	    {"json", no_argument, NULL, 'j'},
	    {NULL, 0, NULL, 0},
	};

	for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
		switch (option) {
		case 't':
			if (a->named_count == NAMED_MAX)
				return false;
			a->named[a->named_count++] = optarg;
			break;
		case 'a': a->all = true; break;
		case 'y': a->yes = true; break;
		case 'j': a->json = true; break;
		default: return false;
		}
	}
	if (optind != argc - 1 || (a->yes && !a->all && a->named_count == 0))
		return false;
	a->name = argv[optind];
	return true;
}

static bool is_named(const struct approval *a, const char *tool)
{
	for (size_t i = 0; i < a->named_count; i++)
		if (strcmp(a->named[i], tool) == 0)
			return true;
	return false;
}

/* ---- the upstream ---- */

/* Files of other items may be wrong, or approved definitions out of date: neither is in the way of an approval. */
static const char *load_file(struct approval *a)
{
	const char *error = NULL;

	if (a->settings.upstreams == NULL)
		return "the configuration has no folder of upstreams";
	a->catalogue = catalogue_load(&a->pool, &a->settings, &error);
	if (a->catalogue == NULL)
		complain("what else is offered is not compared", error);
	a->loading = (struct loading){.pool = &a->pool, .settings = &a->settings, .catalogue = &a->bare};
	a->loading.file = text_printf(&a->pool, "%s/%s.yaml", a->settings.upstreams, a->name);
	if (strchr(a->name, '/') != NULL || access(a->loading.file, F_OK) != 0)
		return text_printf(&a->pool, "%s: there is no such file", a->loading.file);
	a->file =
	    upstream_file_load(&a->loading, serving_schema_compile(&a->pool, upstream_file_schema(&a->pool)), &error);
	return a->file == NULL ? error : NULL;
}

static const char *ask_upstream(struct approval *a)
{
	struct upstream_probe probe;

	upstream_probe(&a->pool, &a->settings, a->spawner, &a->file, 1, &probe);
	if (probe.tools == NULL)
		return text_printf(&a->pool, "%s: %s", a->file->file, probe.problem);
	a->version = probe.version;
	const char *problem = upstream_review(&a->loading, a->file, probe.tools, a->catalogue, &a->review);
	return problem != NULL ? text_printf(&a->pool, "%s: %s", a->file->approved, problem) : NULL;
}

/* ---- the decision ---- */

static bool waits(const struct reviewed *item)
{
	return item->state == REVIEW_NEW || item->state == REVIEW_CHANGED;
}

static bool ask_person(const char *name)
{
	char answer[16];

	printf("Approve %s? [y/N] ", name);
	fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) == NULL)
		return false;
	return strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0;
}

static bool decide(const struct approval *a, const struct reviewed *item, bool terminal)
{
	bool named = is_named(a, item->name);

	if (!waits(item) || item->lint.worst == LINT_FATAL)
		return false;
	if ((a->named_count > 0 || a->all) && !named && !(a->all && item->lint.worst < LINT_SERIOUS))
		return false;
	return a->yes || (terminal && ask_person(item->name));
}

static bool decide_all(struct approval *a)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), any = false;

	for (size_t i = 0; i < a->review.count; i++) {
		struct reviewed *item = &a->review.items[i];
		if (!a->json && item->state != REVIEW_SAME && item->state != REVIEW_NO_RULE)
			review_print(&a->pool, stdout, a->file, item);
		item->accept = decide(a, item, terminal && !a->json);
		any = any || item->accept;
	}
	return any;
}

static const char *save(struct approval *a)
{
	json_t *pins = json_keep(&a->pool, json_copy((json_t *)a->review.pins));
	char now[CLOCK_TEXT_SIZE];

	clock_format_now(now);
	for (size_t i = 0; i < a->review.count; i++)
		if (a->review.items[i].accept)
			json_object_set_new(pins, a->review.items[i].name,
			                    pins_entry(&a->pool, a->review.items[i].definition, now));
	const char *problem = pins_save(&a->pool, a->file->approved, a->file->name, pins);
	return problem != NULL ? text_printf(&a->pool, "%s: %s", a->file->approved, problem) : NULL;
}

/* ---- what is told ---- */

static json_t *findings_json(const struct lint *lint)
{
	json_t *findings = json_array();

	for (size_t i = 0; i < lint->count; i++)
		json_array_append_new(findings,
		                      json_pack("{s:s, s:s, s:s}", "weight", lint_weight_name(lint->findings[i].weight),
		                                "place", lint->findings[i].place, "text", lint->findings[i].text));
	return findings;
}

static void print_json(const struct approval *a)
{
	json_t *tools = json_array();

	for (size_t i = 0; i < a->review.count; i++) {
		const struct reviewed *item = &a->review.items[i];
		json_t *tool = json_pack(
		    "{s:s, s:s, s:b, s:o}", "name", item->name, "state", review_state_name(item->state), "approved",
		    item->accept || item->state == REVIEW_SAME, "findings", findings_json(&item->lint));
		if (item->definition != NULL) {
			json_object_set_new(tool, "sha256", json_string(item->digest));
			json_object_set(tool, "definition", (json_t *)item->definition);
		}
		json_array_append_new(tools, tool);
	}
	json_t *document =
	    json_pack("{s:s, s:s, s:o}", "upstream", a->file->name, "version", a->version, "tools", tools);
	json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	printf("\n");
	json_decref(document);
}

static size_t count_waiting(const struct approval *a)
{
	size_t count = 0;

	for (size_t i = 0; i < a->review.count; i++)
		count += waits(&a->review.items[i]) && !a->review.items[i].accept;
	return count;
}

static void print_summary(const struct approval *a)
{
	size_t states[REVIEW_BROKEN + 1] = {0}, accepted = 0;

	for (size_t i = 0; i < a->review.count; i++) {
		states[a->review.items[i].state]++;
		accepted += a->review.items[i].accept;
	}
	printf(
	    "%s: speaks %s; %zu approved now, %zu as approved before, %zu wait, %zu gone, %zu that the file offers to "
	    "nobody, %zu that cannot be offered\n",
	    a->file->name, a->version, accepted, states[REVIEW_SAME], count_waiting(a), states[REVIEW_GONE],
	    states[REVIEW_NO_RULE], states[REVIEW_BROKEN]);
}

static int finish(struct approval *a)
{
	const char *problem = NULL;

	for (size_t i = 0; i < a->named_count; i++) {
		bool found = false;
		for (size_t j = 0; j < a->review.count; j++)
			found = found || strcmp(a->review.items[j].name, a->named[i]) == 0;
		if (!found)
			return complain(a->named[i], "the upstream has no such tool");
	}
	if (decide_all(a))
		problem = save(a);
	if (problem != NULL)
		return complain("", problem);
	if (a->json)
		print_json(a);
	else
		print_summary(a);
	if (count_waiting(a) == 0)
		return fflush(stdout) == 0 ? 0 : 1;
	if (!a->yes && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
		fprintf(stderr, "sallyport-mcp: approval needs a terminal, or --yes with --all or --tool NAME\n");
	return 1;
}

int approve_main(const char *file, int argc, char **argv)
{
	static struct approval a; /* its pool and what hangs on it live until the end */
	const char *problem = NULL, *lacks;

	if (!read_options(&a, argc, argv))
		return 2;
	struct spawner *forked = spawner_fork();
	json_init();
	log_open("sallyport-mcp", NULL, LOG_WARNING);
	h2o_mem_init_pool(&a.pool);
	if (!settings_load(&a.pool, file, false, &a.settings, &problem)) {
		spawner_close(forked);
		return complain("", problem);
	}
	problem = commands_allow(&a.pool, &a.settings, forked, &a.spawner, &lacks);
	if (problem != NULL)
		return complain("", problem);
	problem = load_file(&a);
	if (problem == NULL)
		problem = ask_upstream(&a);
	int status = problem != NULL ? complain("", problem) : finish(&a);
	spawner_close(a.spawner);
	log_flush();
	if (a.catalogue != NULL)
		h2o_mem_release_shared(a.catalogue);
	h2o_mem_clear_pool(&a.pool);
	return status;
}
