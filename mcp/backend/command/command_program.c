/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/command/command_program.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"

enum { LINKS_MAX = 40 /* as the kernel's */ };

/* Names without the version behind them ("python3.11"). */
static const char *const INTERPRETERS[] = {
    "sh",      "ash",        "bash",    "dash",    "ksh",     "mksh",    "zsh",     "fish",     "csh",    "tcsh",
    "busybox", "toybox",     "python",  "pypy",    "perl",    "ruby",    "irb",     "node",     "nodejs", "deno",
    "bun",     "lua",        "luajit",  "php",     "awk",     "gawk",    "mawk",    "nawk",     "tclsh",  "wish",
    "expect",  "guile",      "java",    "R",       "Rscript", "julia",   "pwsh",    "gdb",      "ed",     "ex",
    "vi",      "vim",        "emacs",   "sed",     "find",    "env",     "xargs",   "parallel", "nice",   "nohup",
    "timeout", "setsid",     "stdbuf",  "ionice",  "chrt",    "taskset", "unshare", "nsenter",  "chroot", "sudo",
    "su",      "doas",       "runuser", "setpriv", "capsh",   "script",  "watch",   "strace",   "ltrace", "time",
    "flock",   "make",       "ssh",     "socat",   "screen",  "tmux",    "npx",     "npm",      "pip",    "uvx",
    "uv",      "systemd-run"};

bool command_program_interprets(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
	size_t len = strlen(name);

	while (len > 0 && ((name[len - 1] >= '0' && name[len - 1] <= '9') || strchr(".-", name[len - 1]) != NULL))
		len--;
	for (size_t i = 0; i < sizeof(INTERPRETERS) / sizeof(INTERPRETERS[0]); i++)
		if (strlen(INTERPRETERS[i]) == len && memcmp(INTERPRETERS[i], name, len) == 0)
			return true;
	return false;
}

/* ---- the file ---- */

static bool is_of_others(const struct stat *about)
{
	bool sticky = S_ISDIR(about->st_mode) && (about->st_mode & S_ISVTX) != 0;

	if (about->st_uid != 0 && about->st_uid != geteuid())
		return true;
	return (about->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky;
}

/* Where a link leads, as a path from the root: its target, and what stands behind the link. */
static const char *target_of(h2o_mem_pool_t *pool, const char *link, const char *behind)
{
	char target[PATH_MAX];
	ssize_t len = readlink(link, target, sizeof(target));
	int folder = (int)(strrchr(link, '/') - link) + 1;

	if (len <= 0 || (size_t)len == sizeof(target))
		return NULL;
	if (target[0] == '/')
		folder = 0;
	return text_printf(pool, "%.*s%.*s%s", folder, link, (int)len, target, behind);
}

/* Whoever may change a folder on the way may put another program there. The way goes through every link. */
static const char *way_problem(h2o_mem_pool_t *pool, const char *path, unsigned links)
{
	struct stat about;

	for (const char *slash = path, *end; *slash != '\0'; slash = end) {
		end = slash + 1 + strcspn(slash + 1, "/");
		const char *folder = slash == path ? "/" : text_copy(pool, h2o_iovec_init(path, slash - path));
		const char *name = text_copy(pool, h2o_iovec_init(path, end - path));
		if (stat(folder, &about) != 0)
			return text_printf(pool, "%s: %s", folder, strerror(errno));
		if (is_of_others(&about))
			return text_printf(pool, "%s: others could replace what is in it", folder);
		if (lstat(name, &about) != 0)
			return text_printf(pool, "%s: %s", name, strerror(errno));
		if (!S_ISLNK(about.st_mode))
			continue;
		if (about.st_uid != 0 && about.st_uid != geteuid())
			return text_printf(pool, "%s: others could change it", name);
		const char *target = links < LINKS_MAX ? target_of(pool, name, end) : NULL;
		return target == NULL ? text_printf(pool, "%s: %s", name, strerror(ELOOP))
		                      : way_problem(pool, target, links + 1);
	}
	return NULL;
}

const char *command_program_problem(h2o_mem_pool_t *pool, const char *path)
{
	struct stat about;

	if (stat(path, &about) != 0)
		return text_printf(pool, "%s: %s", path, strerror(errno));
	if (!S_ISREG(about.st_mode) || (about.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
		return text_printf(pool, "%s: is no program", path);
	if (is_of_others(&about))
		return text_printf(pool, "%s: others could change it", path);
	return way_problem(pool, path, 0);
}

/* Under any of its names. */
static bool interprets(const char *path)
{
	char real[PATH_MAX];

	return command_program_interprets(path) || (realpath(path, real) != NULL && command_program_interprets(real));
}

static bool is_allowed(const struct mcp_settings *settings, const char *path)
{
	for (const char *const *at = settings->commands.allowed; at != NULL && *at != NULL; at++)
		if (strcmp(*at, path) == 0)
			return true;
	return false;
}

static const char *path_problem(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const json_t *part,
                                const char *path)
{
	if (!is_allowed(settings, path))
		return text_printf(pool, "%s is not among commands.allowed of the configuration", path);
	if (interprets(path) && !config_bool(part, "interpreter", false))
		return text_printf(pool, "%s runs what it is given; if that is meant, say interpreter: true", path);
	return command_program_problem(pool, path);
}

/* ---- the part ---- */

static const char *const *environment_of(h2o_mem_pool_t *pool, const json_t *part)
{
	const json_t *environment = json_object_get(part, "environment");
	const char **list = h2o_mem_alloc_pool(pool, (json_object_size(environment) + 1) * sizeof(*list)), *name;
	size_t count = 0;
	json_t *value;

	json_object_foreach ((json_t *)environment, name, value)
		list[count++] = text_printf(pool, "%s=%s", name, json_string_value(value));
	list[count] = NULL;
	return list;
}

const char *command_program_load(h2o_mem_pool_t *pool, const struct mcp_settings *settings, const json_t *part,
                                 const char *place, const struct child_limits *defaults, struct child_options *ret)
{
	const json_t *limits = json_object_get(part, "limits");
	const char *path = json_get_text(part, "path").base, *problem = path_problem(pool, settings, part, path);

	if (problem != NULL)
		return text_printf(pool, "%s/path: %s", place, problem);
	*ret = (struct child_options){
	    .path = path,
	    .environment = environment_of(pool, part),
	    .folder = json_get_text(part, "folder").base,
	    .readable = serving_text_list(pool, json_object_get(part, "readable")),
	    .writable = serving_text_list(pool, json_object_get(part, "writable")),
	    .network = config_bool(part, "network", false),
	    .limits =
		{
		    .cpu_s = (unsigned)(config_duration_ms(limits, "cpu", (int64_t)defaults->cpu_s * 1000) / 1000),
		    .memory = (size_t)config_size(limits, "memory", (int64_t)defaults->memory),
		    .file_size = (size_t)config_size(limits, "file_size", (int64_t)defaults->file_size),
		    .files = (unsigned)config_int(limits, "files", defaults->files),
		    .processes = (unsigned)config_int(limits, "processes", defaults->processes),
		},
	};
	if (ret->folder != NULL && access(ret->folder, X_OK) != 0)
		return text_printf(pool, "%s/folder: %s: %s", place, ret->folder, strerror(errno));
	return NULL;
}
