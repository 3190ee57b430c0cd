/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/command/commands.h"

#include <stdlib.h>

static const char *lacking(h2o_mem_pool_t *pool, const struct spawner_protections *protections)
{
	struct text_buffer b = {.pool = pool};

	if (protections->landlock == 0)
		text_append_str(&b, "Landlock (programs see all files that their user sees)");
	if (!protections->network)
		text_append_printf(&b, "%snetwork namespaces", b.len > 0 ? ", " : "");
	if (!protections->processes)
		text_append_printf(&b, "%suser namespaces", b.len > 0 ? ", " : "");
	return b.base;
}

const char *commands_allow(h2o_mem_pool_t *pool, const struct mcp_settings *settings, struct spawner *forked,
                           struct spawner **spawner, const char **lacks)
{
	struct spawner_protections protections;
	const char *problem;

	*spawner = NULL;
	*lacks = NULL;
	if (settings->commands.allowed == NULL) {
		spawner_close(forked);
		return NULL;
	}
	const struct spawner_rules rules = {settings->commands.allowed, settings->commands.user};
	problem = forked == NULL ? "there is no process that could start them"
	                         : spawner_allow(forked, pool, &rules, &protections);
	if (problem != NULL) {
		spawner_close(forked);
		return text_printf(pool, "%s: commands: %s", settings->file, problem);
	}
	*spawner = forked;
	*lacks = lacking(pool, &protections);
	return NULL;
}

void commands_open(struct mcp *mcp, h2o_loop_t *loop)
{
	if (mcp->spawner == NULL)
		return;
	mcp->commands = h2o_mem_alloc(sizeof(*mcp->commands));
	*mcp->commands = (struct commands){.loop = loop};
	h2o_timeout_init(loop, &mcp->commands->timeout, COMMANDS_TICK_MS);
	spawner_open(mcp->spawner, loop);
}

void commands_close(struct mcp *mcp)
{
	if (mcp->commands == NULL)
		return;
	commands_give_up(mcp->commands);
	spawner_close(mcp->spawner);
	mcp->spawner = NULL;
	h2o_timeout_unlink(&mcp->commands->tick);
	h2o_timeout_dispose(mcp->commands->loop, &mcp->commands->timeout);
	shares_dispose(&mcp->commands->places);
	free(mcp->commands);
	mcp->commands = NULL;
}
