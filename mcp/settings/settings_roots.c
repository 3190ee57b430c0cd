/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/settings/settings_parts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/config.h"

static const char SCHEMA[] =
    "  roots:\n"
    "    description: Folders that tools and resources may look into, by the names that their files use\n"
    "    type: object\n"
    "    propertyNames: {pattern: '^[A-Za-z0-9_-]{1,64}$'}\n"
    "    maxProperties: 100\n"
    "    additionalProperties:\n"
    "      type: object\n"
    "      additionalProperties: false\n"
    "      required: [path]\n"
    "      properties:\n"
    "        path: {$ref: '#/$defs/path'}\n"
    "        writable: {description: Tools of tier write may change what is in it, type: boolean}\n";

/* True if `path` is `folder` or lies in it; both are without links and dots. */
static bool lies_in(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (strcmp(folder, "/") == 0)
		return true;
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* What callers must never read, let alone write: who can write a tool's file makes tools. */
static const struct {
	const char *object, *member; /* `object` NULL: the document itself */
} OWN[] = {
    {NULL, "tools"},
    {NULL, "resources"},
    {NULL, "prompts"},
    {NULL, "upstreams"},
    {NULL, "rules"},
    {NULL, "secrets"},
    {NULL, "catalogue_file"},
    {NULL, "audit_log"},
    {NULL, "log"},
    {"tls", "key"},
    {"introspection", "client_secret_file"},
    {"service_tokens", "secret_file"},
};

/* NULL, or the member whose file or folder is in the root, or has the root in it. */
static const char *own_member_in(h2o_mem_pool_t *pool, const char *file, const json_t *document, const char *root)
{
	char real[PATH_MAX];

	for (size_t i = 0; i < sizeof(OWN) / sizeof(OWN[0]); i++) {
		const json_t *object = OWN[i].object != NULL ? json_object_get(document, OWN[i].object) : document;
		if (!json_is_string(json_object_get(object, OWN[i].member)))
			continue;
		const char *path = config_path(pool, file, object, OWN[i].member);
		if (realpath(path, real) != NULL && (lies_in(real, root) || lies_in(root, real)))
			return OWN[i].member;
	}
	return NULL;
}

/* A root that holds the configuration holds its secrets too. */
static const char *root_problem(h2o_mem_pool_t *pool, const char *file, const json_t *document, const char *path)
{
	char real[PATH_MAX], real_file[PATH_MAX];
	struct stat status;

	if (realpath(path, real) == NULL || stat(real, &status) != 0)
		return text_printf(pool, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode))
		return text_printf(pool, "%s: is no folder", path);
	if ((status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0)
		return text_printf(pool, "%s: can be written by everybody", path);
	if (realpath(file, real_file) != NULL && lies_in(real_file, real))
		return text_printf(pool, "%s: this configuration is in it", path);
	const char *member = own_member_in(pool, file, document, real);
	return member != NULL ? text_printf(pool, "%s: overlaps with %s of this configuration", path, member) : NULL;
}

static const char *read_roots(h2o_mem_pool_t *pool, const json_t *document, bool with_secrets,
                              struct mcp_settings *settings)
{
	struct roots *ret = &settings->roots;
	const json_t *roots = json_object_get(document, "roots");
	const char *name;
	json_t *words;

	(void)with_secrets;
	*ret = (struct roots){.list = h2o_mem_alloc_pool(pool, (json_object_size(roots) + 1) * sizeof(*ret->list))};
	json_object_foreach ((json_t *)roots, name, words) {
		struct root root = {
		    .name = name,
		    .path = config_path(pool, settings->file, words, "path"),
		    .writable = config_bool(words, "writable", false),
		};
		const char *problem = root_problem(pool, settings->file, document, root.path);
		if (problem != NULL)
			return text_printf(pool, "roots.%s.path: %s", name, problem);
		ret->list[ret->count++] = root;
	}
	return NULL;
}

const struct settings_part SETTINGS_ROOTS = {SCHEMA, read_roots};

const struct root *settings_root(const struct roots *roots, const char *name)
{
	for (size_t i = 0; i < roots->count; i++)
		if (strcmp(roots->list[i].name, name) == 0)
			return &roots->list[i];
	return NULL;
}
