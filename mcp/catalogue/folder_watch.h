/* SPDX-License-Identifier: Apache-2.0 */
/* Tells when something in a folder changes (inotify). It may tell too often, and nothing of what lies further below. */
#ifndef SALLYPORT_MCP_FOLDER_WATCH_H
#define SALLYPORT_MCP_FOLDER_WATCH_H

#include <h2o.h>

struct folder_watch;
/* `folders`: NULL-terminated, must live as long. NULL if the system has no inotify to give. */
struct folder_watch *folder_watch_open(h2o_loop_t *loop, const char *const *folders, void (*on_change)(void *data),
                                       void *data);
/* Now and then: a folder that was deleted or moved away is watched again once there is one of its name. */
void folder_watch_tick(struct folder_watch *watch);
void folder_watch_close(struct folder_watch *watch);

#endif
