/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/verbs/explain.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mcp/caller/claims.h"
#include "mcp/caller/token_cache.h"

enum { TEXT_MAX = 256 * 1024 };

extern char **environ;

static h2o_iovec_t read_all(h2o_mem_pool_t *pool, FILE *file)
{
	h2o_iovec_t text = h2o_iovec_init(h2o_mem_alloc_pool(pool, TEXT_MAX + 1), 0);

	text.len = fread(text.base, 1, TEXT_MAX + 1, file);
	return text;
}

static const json_t *complain(const char *what, const char *problem)
{
	fprintf(stderr, "sallyport-mcp: %s: %s\n", what, problem);
	return NULL;
}

static const json_t *read_object(h2o_mem_pool_t *pool, const char *what, h2o_iovec_t text)
{
	const json_t *object = text.len <= TEXT_MAX ? json_read(pool, text, NULL) : NULL;

	return json_is_object(object) ? object : complain(what, "is no JSON object");
}

static const json_t *read_file(h2o_mem_pool_t *pool, const char *name)
{
	bool is_stdin = strcmp(name, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(name, "re");

	if (file == NULL)
		return complain(name, strerror(errno));
	h2o_iovec_t text = read_all(pool, file);
	if (!is_stdin)
		fclose(file);
	return read_object(pool, is_stdin ? "standard input" : name, text);
}

/* ---- the program beside this one ---- */

static char *sibling(h2o_mem_pool_t *pool)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[len > 0 ? len : 0] = '\0';
	char *slash = strrchr(self, '/');
	return text_printf(pool, "%.*ssallyport-authz", slash != NULL ? (int)(slash + 1 - self) : 0, self);
}

/* What it prints; it writes its own line on standard error where it fails. */
static bool run(h2o_mem_pool_t *pool, char *const *argv, h2o_iovec_t *output)
{
	posix_spawn_file_actions_t actions;
	int ends[2], status = -1;
	pid_t child;

	if (pipe(ends) == -1)
		return complain(argv[0], strerror(errno)) != NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	int error = posix_spawn(&child, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	FILE *file = fdopen(ends[0], "r");
	if (error == 0)
		*output = read_all(pool, file);
	fclose(file);
	if (error != 0)
		return complain(argv[0], strerror(error)) != NULL;
	while (waitpid(child, &status, 0) == -1 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What was named, or authz.yaml beside mcp.yaml; NULL: the program looks where it always does. */
static char *authz_config(h2o_mem_pool_t *pool, const struct mcp_settings *settings,
                          const struct explain_options *options)
{
	const char *slash = strrchr(settings->file, '/');
	int folder = slash != NULL ? (int)(slash + 1 - settings->file) : 0;
	char *beside = text_printf(pool, "%.*sauthz.yaml", folder, settings->file);

	if (options->authz_config != NULL)
		return (char *)options->authz_config;
	return access(beside, R_OK) == 0 ? beside : NULL;
}

/* The person as an introspection's answer would tell of him. */
static const json_t *ask_authz(h2o_mem_pool_t *pool, const struct mcp_settings *settings,
                               const struct explain_options *options)
{
	char *argv[8], *config = authz_config(pool, settings, options);
	size_t count = 0;
	h2o_iovec_t output;

	argv[count++] = sibling(pool);
	if (config != NULL) {
		argv[count++] = (char *)"-c";
		argv[count++] = config;
	}
	argv[count++] = (char *)"person";
	argv[count++] = (char *)"show";
	argv[count++] = (char *)options->person;
	argv[count++] = (char *)"--json";
	argv[count] = NULL;
	if (!run(pool, argv, &output))
		return NULL;
	const json_t *person = read_object(pool, argv[0], output);
	if (person == NULL)
		return NULL;
	if (!json_is_true(json_object_get(person, "enabled")))
		return complain(options->person, "is disabled: no token of this person is alive");
	json_t *answer = json_keep(pool, json_copy((json_t *)person));
	json_object_del(answer, "claims");
	json_object_update(answer, json_object_get(person, "claims"));
	return answer;
}

/* ---- as serve knows a caller ---- */

static const json_t *claims_of(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const json_t *answer,
                               const struct explain_options *options)
{
	const char *client = json_get_text(answer, "client_id").base, *scope = json_get_text(answer, "scope").base;
	const struct bearer_facts facts = {
	    .subject = json_get_text(answer, "sub").base,
	    .username = json_get_text(answer, "username").base,
	    .client_id = options->client != NULL ? options->client : client,
	    .scope = options->scope != NULL ? options->scope : scope,
	};
	const char *issuer = json_get_text(answer, "iss").base;
	const struct claims_sources said = {
	    .issuer = issuer != NULL ? issuer : settings->issuer,
	    .is_foreign = issuer != NULL && strcmp(issuer, settings->issuer) != 0,
	    .answer = answer,
	    .members = settings->claims,
	};
	const char *text = claims_text(pool, &facts, &said);

	return text != NULL ? json_read(pool, text_of(text), NULL)
	                    : complain("claims", "are longer than a server takes");
}

bool explain_find_caller(h2o_mem_pool_t *pool, const struct catalogue *catalogue, const struct explain_options *options,
                         struct explain_caller *ret)
{
	const struct mcp_settings *settings = catalogue->settings;
	const json_t *answer =
	    options->person != NULL ? ask_authz(pool, settings, options) : read_file(pool, options->claims);
	struct scopes has, granted;

	ret->claims = answer != NULL ? claims_of(pool, settings, answer, options) : NULL;
	if (ret->claims == NULL)
		return false;
	if (!scopes_parse(pool, json_get_text(answer, "scope"), &has) ||
	    !scopes_parse(pool, json_get_text(ret->claims, "scope"), &granted))
		return complain("scope", "is none") != NULL;
	has = policy_implied(pool, settings, &has);
	granted = policy_implied(pool, settings, &granted);
	for (size_t i = 0; i < granted.count && options->scope != NULL; i++)
		if (!scopes_has(&has, granted.names[i]))
			return complain(granted.names[i], "the caller does not have this scope") != NULL;
	ret->asker = (struct asker){granted, has, limits_make(catalogue, ret->claims, &granted)};
	return true;
}
