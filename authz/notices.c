/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/notices.h"

#include <string.h>

#include "common/db_listen.h"

/* At the start this connection would only compete with the one that the first answer needs; until it is live, nothing
 * is remembered. */
enum { SUBSCRIBERS_MAX = 8, KIND_SIZE = 16, DELAY_MS = 100 };

struct notices {
	struct db_listen *listen;
	uint64_t count;
	size_t subscriber_count;
	struct subscriber {
		notice_fn *fn;
		void *data;
	} subscribers[SUBSCRIBERS_MAX];
};

static void tell(struct notices *notices, const char *kind, const char *id)
{
	notices->count++;
	for (size_t i = 0; i < notices->subscriber_count; i++)
		notices->subscribers[i].fn(notices->subscribers[i].data, kind, id);
}

static void on_notice(void *data, const char *payload)
{
	const char *blank = strchr(payload, ' ');
	size_t len = blank != NULL ? (size_t)(blank - payload) : strlen(payload);
	char kind[KIND_SIZE];

	if (len >= sizeof(kind)) { /* not ours; whatever it was, nothing that is remembered is sure */
		tell(data, NULL, "");
		return;
	}
	memcpy(kind, payload, len);
	kind[len] = '\0';
	tell(data, kind, blank != NULL ? blank + 1 : "");
}

static void on_change(void *data, bool live)
{
	(void)live;
	tell(data, NULL, "");
}

struct notices *notices_open(struct authz *authz, const char *conninfo)
{
	struct notices *notices = h2o_mem_alloc(sizeof(*notices));
	struct db_listen_options options = {
	    .name = "authz",
	    .conninfo = conninfo,
	    .channel = "sallyport_authz",
	    .on_notice = on_notice,
	    .on_change = on_change,
	    .data = notices,
	    .delay_ms = DELAY_MS,
	};

	*notices = (struct notices){0};
	notices->listen = db_listen_open(server_context(authz->server)->loop, &options);
	return notices;
}

void notices_close(struct notices *notices)
{
	if (notices == NULL)
		return;
	db_listen_close(notices->listen);
	free(notices);
}

bool notices_live(const struct notices *notices)
{
	return notices != NULL && db_listen_live(notices->listen);
}

uint64_t notices_count(const struct notices *notices)
{
	return notices != NULL ? notices->count : 0;
}

void notices_subscribe(struct notices *notices, notice_fn *fn, void *data)
{
	if (notices == NULL)
		return;
	if (notices->subscriber_count == SUBSCRIBERS_MAX)
		h2o_fatal("too many subscribers of notices");
	notices->subscribers[notices->subscriber_count++] = (struct subscriber){fn, data};
}
