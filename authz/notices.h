/* SPDX-License-Identifier: Apache-2.0 */
/* What changes in the database, told by its triggers (sql/functions/feed.sql) to every daemon as soon as it is
 * committed: "<kind> <id>" with kind grant, token, session, client, person, resource or keys. Who keeps an answer of
 * the database remembers notices_count() when he asks, and keeps the answer only if the count is still the same and
 * notices_live() is true when it comes; on a notice he drops what it names. A change that was committed before the
 * answer's snapshot is in the answer; any later one is told later. */
#ifndef SALLYPORT_NOTICES_H
#define SALLYPORT_NOTICES_H

#include "authz/authz.h"

struct notices;

struct notices *notices_open(struct authz *authz, const char *conninfo);
void notices_close(struct notices *notices);
/* Connected now. (False of NULL: a daemon without notices keeps nothing.) */
bool notices_live(const struct notices *notices);
/* Grows with every notice, and whenever the connection was lost or has come back. */
uint64_t notices_count(const struct notices *notices);
/* `kind` NULL: anything may have changed, since the connection was lost or has come back. `id` is "" where the kind has
 * none. Both live during the call. A few subscribers only; they stay. Of NULL `notices`: nothing. */
typedef void notice_fn(void *data, const char *kind, const char *id);
void notices_subscribe(struct notices *notices, notice_fn *fn, void *data);

#endif
