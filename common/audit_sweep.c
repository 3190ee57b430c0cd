/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_sweep.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_file.h"

/* How records of calls begin (mcp/call/audit_record.c). */
#define REQUEST "\"event\":\"tool_call\",\"request\":\""
#define OUTCOME "\",\"outcome\":\""
#define STARTED "started\""
#define FOUND "\"event\":\"chain_found\",\"of\":{\"chain\":\""

struct intent { /* with a copy of its text, for there may be many of them */
	struct intent *next;
	h2o_iovec_t request, before, behind; /* what stands around the outcome */
	int64_t seq;
};

struct seen {
	struct seen *next;
	struct audit_chain chain;
	struct text_buffer newest; /* line */
	bool is_over;              /* it has an end, or was found before */
	struct intent *intents;
};

struct audit_sweep {
	h2o_multithread_queue_t *queue;
	h2o_multithread_receiver_t receiver;
	h2o_multithread_message_t message;
	h2o_mem_pool_t pool;
	const char *own;
	struct seen *chains;
	struct audit_reader reader; /* stays open: by it, what was found is held, so that nobody else tells of it */
	int fd;
	atomic_bool stopping;
	pthread_t thread;
	void (*found)(void *data, h2o_iovec_t members);
	void *data;
};

static struct seen *seen_of(struct audit_sweep *sweep, h2o_iovec_t id)
{
	struct seen *seen = sweep->chains;

	while (seen != NULL && memcmp(seen->chain.id, id.base, AUDIT_CHAIN_SIZE - 1) != 0)
		seen = seen->next;
	if (seen != NULL)
		return seen;
	seen = h2o_mem_alloc_pool(&sweep->pool, sizeof(*seen));
	*seen = (struct seen){.next = sweep->chains, .newest = {.pool = &sweep->pool}};
	memcpy(seen->chain.id, id.base, AUDIT_CHAIN_SIZE - 1);
	sweep->chains = seen;
	return seen;
}

static struct intent *intent_new(h2o_iovec_t members, size_t request_at, size_t quote_at, size_t behind_at)
{
	struct intent *intent = h2o_mem_alloc(sizeof(*intent) + members.len);
	char *text = (char *)(intent + 1);

	memcpy(text, members.base, members.len);
	*intent = (struct intent){
	    .request = h2o_iovec_init(text + request_at, quote_at - request_at),
	    .before = h2o_iovec_init(text, quote_at),
	    .behind = h2o_iovec_init(text + behind_at, members.len - behind_at),
	};
	return intent;
}

static void drop_intents(struct seen *seen)
{
	for (struct intent *intent = seen->intents, *next; intent != NULL; intent = next) {
		next = intent->next;
		free(intent);
	}
	seen->intents = NULL;
}

/* A record of a call either begins it or ends it; one that goes on as a task has not ended. */
static void note_call(struct seen *seen, const struct audit_line *line)
{
	h2o_iovec_t members = line->members, request;

	if (!text_starts(members, REQUEST))
		return;
	request.base = members.base + sizeof(REQUEST) - 1;
	const char *quote = memchr(request.base, '"', members.len - (sizeof(REQUEST) - 1));
	if (quote == NULL)
		return;
	request.len = (size_t)(quote - request.base);
	h2o_iovec_t rest = h2o_iovec_init(quote, members.len - (size_t)(quote - members.base));
	if (text_starts(rest, OUTCOME STARTED)) {
		size_t at = (size_t)(quote - members.base);
		struct intent *intent = intent_new(members, sizeof(REQUEST) - 1, at, at + sizeof(OUTCOME STARTED) - 1);
		intent->next = seen->intents;
		intent->seq = line->seq;
		seen->intents = intent;
		return;
	}
	if (text_starts(rest, OUTCOME "task\""))
		return;
	for (struct intent **at = &seen->intents; *at != NULL; at = &(*at)->next)
		if (text_equal((*at)->request, request)) {
			struct intent *ended = *at;
			*at = ended->next;
			free(ended);
			return;
		}
}

static void note_line(struct audit_sweep *sweep, h2o_iovec_t text)
{
	struct audit_line line;
	h2o_iovec_t piece;

	if (!audit_line_find(text, &line, &piece))
		return;
	struct seen *seen = seen_of(sweep, line.chain);
	seen->chain.seq = line.seq;
	seen->newest.len = 0;
	text_append_iovec(&seen->newest, line.text);
	seen->is_over = seen->is_over || audit_line_is(&line, "chain_end");
	note_call(seen, &line);
	if (text_starts(line.members, FOUND) && line.members.len >= sizeof(FOUND) - 1 + AUDIT_CHAIN_SIZE - 1)
		seen_of(sweep, h2o_iovec_init(line.members.base + sizeof(FOUND) - 1, AUDIT_CHAIN_SIZE - 1))->is_over =
		    true;
}

static void *look_through(void *data)
{
	struct audit_sweep *sweep = data;
	h2o_iovec_t line;

	while (!atomic_load(&sweep->stopping) && audit_reader_next(&sweep->reader, &line, NULL))
		note_line(sweep, line);
	h2o_multithread_send_message(&sweep->receiver, &sweep->message);
	return NULL;
}

static void tell(struct audit_sweep *sweep, struct seen *seen)
{
	struct text_buffer b = {.pool = &sweep->pool};

	audit_digest(h2o_iovec_init(seen->newest.base, seen->newest.len), seen->chain.head);
	text_append_printf(&b, FOUND "%s\",\"seq\":%lld,\"digest\":\"%s\"}", seen->chain.id, (long long)seen->chain.seq,
	                   seen->chain.head);
	sweep->found(sweep->data, h2o_iovec_init(b.base, b.len));
	for (const struct intent *intent = seen->intents; intent != NULL; intent = intent->next) {
		b = (struct text_buffer){.pool = &sweep->pool};
		text_append_iovec(&b, intent->before);
		text_append_printf(&b,
		                   OUTCOME "unknown\",\"reason\":\"the server ended before the call did\",\"effect\":"
		                           "\"unknown\",\"intent\":{\"chain\":\"%s\",\"seq\":%lld}",
		                   seen->chain.id, (long long)intent->seq);
		text_append_iovec(&b, intent->behind);
		sweep->found(sweep->data, h2o_iovec_init(b.base, b.len));
	}
}

static void drop_chains(struct audit_sweep *sweep)
{
	for (struct seen *seen = sweep->chains; seen != NULL; seen = seen->next)
		drop_intents(seen);
	sweep->chains = NULL;
}

static void on_read(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	struct audit_sweep *sweep = H2O_STRUCT_FROM_MEMBER(struct audit_sweep, receiver, receiver);

	while (!h2o_linklist_is_empty(messages))
		h2o_linklist_unlink(messages->next);
	for (struct seen *seen = sweep->chains; seen != NULL; seen = seen->next)
		if (!seen->is_over && strcmp(seen->chain.id, sweep->own) != 0 &&
		    !audit_file_is_held(sweep->fd, seen->chain.id) && audit_file_hold(sweep->fd, seen->chain.id))
			tell(sweep, seen);
	drop_chains(sweep);
}

struct audit_sweep *audit_sweep_start(h2o_context_t *context, const char *path, const char *own,
                                      void (*found)(void *data, h2o_iovec_t members), void *data)
{
	struct audit_sweep *sweep;
	sigset_t all, before;
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) /* a device has nothing to read */
		return NULL;
	sweep = h2o_mem_alloc(sizeof(*sweep));

	*sweep = (struct audit_sweep){.queue = context->queue, .found = found, .data = data};
	if (!audit_reader_open(&sweep->reader, path)) {
		free(sweep);
		return NULL;
	}
	sweep->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	h2o_mem_init_pool(&sweep->pool);
	sweep->own = text_copy(&sweep->pool, text_of(own));
	h2o_multithread_register_receiver(sweep->queue, &sweep->receiver, on_read);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&sweep->thread, NULL, look_through, sweep) != 0)
		h2o_fatal("a thread for the audit log cannot be started");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return sweep;
}

void audit_sweep_stop(struct audit_sweep *sweep)
{
	atomic_store(&sweep->stopping, true);
	pthread_join(sweep->thread, NULL);
	while (!h2o_linklist_is_empty(&sweep->receiver._messages)) /* one that nobody has taken */
		h2o_linklist_unlink(sweep->receiver._messages.next);
	h2o_multithread_unregister_receiver(sweep->queue, &sweep->receiver);
	audit_reader_close(&sweep->reader);
	drop_chains(sweep);
	if (sweep->fd >= 0)
		close(sweep->fd);
	h2o_mem_clear_pool(&sweep->pool);
	free(sweep);
}
