/* SPDX-License-Identifier: Apache-2.0 */
/* Rules over the stream of audit records: what the operator wants to hear of at once. An alert is a record of its own
 * (event "alert") and a warning in the log; a webhook and a command get it as JSON. What is remembered is bounded, and
 * the same is not told again for a while. */
#ifndef SALLYPORT_MCP_ALERTS_H
#define SALLYPORT_MCP_ALERTS_H

#include "mcp/mcp.h"

struct alerts;
/* Asks whether a person has used an item before: database_ask_known. */
typedef bool alerts_ask_fn(struct db *db, const char *username, const char *item, db_answer_fn *done, void *data);
/* NULL if the settings have no rule. */
struct alerts *alerts_open(struct mcp *mcp, alerts_ask_fn *ask_known);
void alerts_close(struct alerts *alerts);
/* A record of call_of(r) was written. `alerts` may be NULL. */
void alerts_see(struct alerts *alerts, struct request *r, const char *outcome);

/* ---- alert_send.c ---- */

struct alert_sender;
struct alert_sender *alert_sender_open(struct mcp *mcp);
void alert_sender_close(struct alert_sender *sender);
/* To the log, the audit log, the webhook and the command. Takes the reference of an object. */
void alert_send(struct alert_sender *sender, json_t *alert);

#endif
