/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that this process may start: the spawner's life, and the commands of tools under way. */
#ifndef SALLYPORT_MCP_COMMANDS_H
#define SALLYPORT_MCP_COMMANDS_H

#include "common/shares.h"
#include "mcp/mcp.h"

enum { COMMANDS_TICK_MS = 50 };

struct command_work;

struct commands {
	h2o_loop_t *loop;
	h2o_timeout_t timeout;
	h2o_timeout_entry_t tick; /* while there are any */
	struct command_work *first;
	struct shares places; /* of commands.at_once */
};

/* NULL and *spawner (NULL if the settings allow no programs), or a line for the operator. `forked` was made before
 * anything else; it is closed if it is not wanted. Where protections are missing *lacks names them, else it is NULL. */
const char *commands_allow(h2o_mem_pool_t *pool, const struct mcp_settings *settings, struct spawner *forked,
                           struct spawner **spawner, const char **lacks);
/* From here on commands run. */
void commands_open(struct mcp *mcp, h2o_loop_t *loop);
/* Commands still under way are killed, and their calls end. */
void commands_close(struct mcp *mcp);

/* ---- backend_command.c ---- */
void commands_give_up(struct commands *commands);

#endif
