/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_sweep.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_file.h"
#include "audit_rotated.h"

/* How records of calls begin (mcp/call/audit_record.c). */
#define REQUEST "\"event\":\"tool_call\",\"request\":\""
#define OUTCOME "\",\"outcome\":\""
#define STARTED "started\""
#define CHAIN "{\"chain\":\""
#define CONTINUES "\"continues\":" CHAIN

enum { ID_LEN = AUDIT_CHAIN_SIZE - 1, ROTATED_BYTES = 1 << 30, NAMED_AT_ONCE = 100 };

struct intent { /* with a copy of its text, for there may be many of them */
	struct intent *next;
	h2o_iovec_t request, before, behind; /* what stands around the outcome */
	char chain[AUDIT_CHAIN_SIZE];        /* in which it stands */
	int64_t seq;
};

struct swept_file {
	struct audit_reader reader;
	const char *name; /* NULL: the log itself */
	int fd;           /* by it, what was found is held while it is told of, so that nobody else does */
};

struct seen {
	struct seen *next;
	struct audit_chain chain;
	struct text_buffer newest; /* line */
	struct swept_file *file;
	int64_t named_seq; /* so far is it named by others */
	bool is_over;      /* it has an end, or was found before */
	bool is_dead;      /* it has none, and nobody writes it */
	struct intent *intents;
};

struct audit_sweep {
	h2o_multithread_queue_t *queue;
	h2o_multithread_receiver_t receiver;
	h2o_multithread_message_t message;
	h2o_mem_pool_t pool;
	const char *path, *own;
	struct seen *chains, *recent;
	struct swept_file *files; /* the older one first; the last one is the log */
	size_t file_count;
	atomic_bool stopping;
	pthread_t thread;
	audit_sweep_write_fn *write;
	void *data;
};

static struct seen *seen_of(struct audit_sweep *sweep, const char *id)
{
	struct seen *seen = sweep->recent;

	if (seen != NULL && memcmp(seen->chain.id, id, ID_LEN) == 0)
		return seen;
	seen = sweep->chains;
	while (seen != NULL && memcmp(seen->chain.id, id, ID_LEN) != 0)
		seen = seen->next;
	if (seen == NULL) {
		seen = h2o_mem_alloc_pool(&sweep->pool, sizeof(*seen));
		*seen = (struct seen){.next = sweep->chains, .newest = {.pool = &sweep->pool}};
		memcpy(seen->chain.id, id, ID_LEN);
		sweep->chains = seen;
	}
	sweep->recent = seen;
	return seen;
}

/* ---- calls ---- */

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

static bool end_intent(struct seen *seen, h2o_iovec_t request)
{
	for (struct intent **at = &seen->intents; *at != NULL; at = &(*at)->next)
		if (text_equal((*at)->request, request)) {
			struct intent *ended = *at;
			*at = ended->next;
			free(ended);
			return true;
		}
	return false;
}

/* A record of a call either begins it or ends it; one that goes on as a task has not ended. Who found a dead process's
 * call ends it in a chain of its own. */
static void note_call(struct audit_sweep *sweep, struct seen *seen, const struct audit_line *line)
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
		memcpy(intent->chain, seen->chain.id, AUDIT_CHAIN_SIZE);
		seen->intents = intent;
		return;
	}
	if (text_starts(rest, OUTCOME "task\"") || end_intent(seen, request) || !text_starts(rest, OUTCOME "unknown\""))
		return;
	for (struct seen *other = sweep->chains; other != NULL; other = other->next)
		if (end_intent(other, request))
			return;
}

/* ---- chains ---- */

/* The process of the chain before goes on with this one, and so do its calls. */
static void take_over(struct audit_sweep *sweep, struct seen *seen, h2o_iovec_t members)
{
	const char *at = memmem(members.base, members.len, CONTINUES, sizeof(CONTINUES) - 1);
	struct intent **last = &seen->intents;

	if (at == NULL || (size_t)(members.base + members.len - at) < sizeof(CONTINUES) - 1 + ID_LEN)
		return;
	struct seen *before = seen_of(sweep, at + sizeof(CONTINUES) - 1);
	before->is_over = true;
	if (before == seen)
		return;
	while (*last != NULL)
		last = &(*last)->next;
	*last = before->intents;
	before->intents = NULL;
}

/* Whatever chain such a record names, however it does. */
static void note_named(struct audit_sweep *sweep, h2o_iovec_t members)
{
	const char *at = members.base, *end = members.base + members.len;

	while ((at = memmem(at, (size_t)(end - at), CHAIN, sizeof(CHAIN) - 1)) != NULL) {
		at += sizeof(CHAIN) - 1;
		const char *number = at + ID_LEN + sizeof("\",\"seq\":") - 1;
		if (number >= end)
			return;
		struct seen *named = seen_of(sweep, at);
		int64_t seq = strtoll(number, NULL, 10); /* the line has an end that is no digit */
		named->named_seq = named->named_seq < seq ? seq : named->named_seq;
	}
}

static void note_line(struct audit_sweep *sweep, struct swept_file *file, h2o_iovec_t text)
{
	struct audit_line line;
	h2o_iovec_t piece;

	if (!audit_line_find(text, &line, &piece))
		return;
	struct seen *seen = seen_of(sweep, line.chain.base);
	seen->chain.seq = line.seq;
	seen->file = file;
	seen->newest.len = 0;
	text_append_iovec(&seen->newest, line.text);
	note_call(sweep, seen, &line);
	bool starts = audit_line_is(&line, "chain_start"), found = audit_line_is(&line, "chain_found");
	seen->is_over = seen->is_over || audit_line_is(&line, "chain_end");
	if (starts)
		take_over(sweep, seen, line.members);
	if (starts || found || audit_line_is(&line, "checkpoint"))
		note_named(sweep, line.members);
	const char *of = found ? memmem(line.members.base, line.members.len, CHAIN, sizeof(CHAIN) - 1) : NULL;
	if (of != NULL && (size_t)(line.members.base + line.members.len - of) >= sizeof(CHAIN) - 1 + ID_LEN)
		seen_of(sweep, of + sizeof(CHAIN) - 1)->is_over = true;
}

/* A line that has no end yet is left, unless it is `final`. */
static void read_on(struct audit_sweep *sweep, struct swept_file *file, bool final)
{
	h2o_iovec_t line;
	bool ended;

	clearerr(file->reader.file);
	fseeko(file->reader.file, (off_t)file->reader.offset, SEEK_SET);
	while (!atomic_load(&sweep->stopping) && audit_reader_next(&file->reader, &line, &ended)) {
		if (!ended && !final) {
			file->reader.offset -= (int64_t)line.len;
			return;
		}
		note_line(sweep, file, line);
	}
}

/* Once nobody else can, the files are read on: a process may have written its end in the meantime, or somebody else
 * what has become of it. */
static void *look_through(void *data)
{
	struct audit_sweep *sweep = data;

	for (size_t i = 0; i < sweep->file_count; i++)
		read_on(sweep, &sweep->files[i], false);
	for (struct seen *seen = sweep->chains; seen != NULL; seen = seen->next)
		seen->is_dead = !seen->is_over && seen->file != NULL && strcmp(seen->chain.id, sweep->own) != 0 &&
		                !audit_file_is_held(seen->file->fd, seen->chain.id) &&
		                audit_file_hold(seen->file->fd, seen->chain.id);
	for (size_t i = 0; i < sweep->file_count; i++)
		read_on(sweep, &sweep->files[i], true);
	h2o_multithread_send_message(&sweep->receiver, &sweep->message);
	return NULL;
}

/* ---- what is told ---- */

static bool tell_call(struct audit_sweep *sweep, const struct intent *intent)
{
	struct text_buffer b = {.pool = &sweep->pool};

	text_append_iovec(&b, intent->before);
	text_append_printf(&b,
	                   OUTCOME "unknown\",\"reason\":\"the server ended before the call did\",\"effect\":"
	                           "\"unknown\",\"intent\":{\"chain\":\"%s\",\"seq\":%lld}",
	                   intent->chain, (long long)intent->seq);
	text_append_iovec(&b, intent->behind);
	return sweep->write(sweep->data, h2o_iovec_init(b.base, b.len), false);
}

/* The chain comes last: by its record, the next sweep knows that all is told. */
static void tell(struct audit_sweep *sweep, struct seen *seen)
{
	struct text_buffer b = {.pool = &sweep->pool};

	for (const struct intent *intent = seen->intents; intent != NULL; intent = intent->next)
		if (!tell_call(sweep, intent))
			return;
	text_append_str(&b, "\"event\":\"chain_found\",\"of\":");
	audit_chain_append(&b, &seen->chain);
	if (seen->file->name != NULL) {
		text_append_str(&b, ",\"in\":");
		text_append_json(&b, text_of(seen->file->name));
	}
	if (sweep->write(sweep->data, h2o_iovec_init(b.base, b.len), false))
		seen->named_seq = seen->chain.seq;
}

/* Who takes a whole chain out of the log leaves the record that names it. */
static void name_others(struct audit_sweep *sweep)
{
	struct text_buffer others = {.pool = &sweep->pool};
	size_t count = 0;

	for (struct seen *seen = sweep->chains; seen != NULL; seen = seen->next) {
		bool is_wanted = seen->file != NULL && seen->file->name == NULL && seen->named_seq < seen->chain.seq &&
		                 strcmp(seen->chain.id, sweep->own) != 0;
		if (is_wanted) {
			text_append_str(&others, count++ > 0 ? "," : "");
			audit_chain_append(&others, &seen->chain);
		}
		if (count == 0 || (count < NAMED_AT_ONCE && seen->next != NULL))
			continue;
		sweep->write(sweep->data,
		             audit_checkpoint_members(&sweep->pool, h2o_iovec_init(others.base, others.len)), true);
		others.len = count = 0;
	}
}

static void drop_chains(struct audit_sweep *sweep)
{
	for (struct seen *seen = sweep->chains; seen != NULL; seen = seen->next)
		drop_intents(seen);
	sweep->chains = NULL;
}

static void close_files(struct audit_sweep *sweep)
{
	for (size_t i = 0; i < sweep->file_count; i++) {
		audit_reader_close(&sweep->files[i].reader);
		if (sweep->files[i].fd >= 0)
			close(sweep->files[i].fd);
	}
	sweep->file_count = 0;
}

static void tell_all(struct audit_sweep *sweep)
{
	for (struct seen *seen = sweep->chains; seen != NULL; seen = seen->next) {
		if (seen->file == NULL) /* only named */
			continue;
		audit_digest(h2o_iovec_init(seen->newest.base, seen->newest.len), seen->chain.head);
		if (seen->is_dead && !seen->is_over)
			tell(sweep, seen);
	}
	name_others(sweep);
}

static void on_read(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	struct audit_sweep *sweep = H2O_STRUCT_FROM_MEMBER(struct audit_sweep, receiver, receiver);

	while (!h2o_linklist_is_empty(messages))
		h2o_linklist_unlink(messages->next);
	/* what was exchanged meanwhile is left for the next one: a record tells of its own file */
	if (sweep->file_count > 0 && !audit_file_was_exchanged(sweep->files[sweep->file_count - 1].fd, sweep->path))
		tell_all(sweep);
	drop_chains(sweep);
	close_files(sweep);
}

static bool open_file(struct swept_file *file, const char *path)
{
	if (!audit_reader_open(&file->reader, path))
		return false;
	file->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return true;
}

static void open_files(struct audit_sweep *sweep)
{
	const char *const *rotated = audit_rotated_list(&sweep->pool, sweep->path, ROTATED_BYTES);
	size_t count = 0;

	while (rotated[count] != NULL)
		count++;
	sweep->files = h2o_mem_alloc_pool(&sweep->pool, (count + 1) * sizeof(*sweep->files));
	for (; *rotated != NULL; rotated++) {
		const char *slash = strrchr(*rotated, '/');
		struct swept_file *file = &sweep->files[sweep->file_count];
		*file = (struct swept_file){.name = slash != NULL ? slash + 1 : *rotated};
		sweep->file_count += open_file(file, *rotated);
	}
	sweep->files[sweep->file_count] = (struct swept_file){.name = NULL};
	sweep->file_count += open_file(&sweep->files[sweep->file_count], sweep->path);
}

struct audit_sweep *audit_sweep_start(h2o_context_t *context, const char *path, const char *own,
                                      audit_sweep_write_fn *write, void *data)
{
	struct audit_sweep *sweep;
	sigset_t all, before;
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) /* a device has nothing to read */
		return NULL;
	sweep = h2o_mem_alloc(sizeof(*sweep));
	*sweep = (struct audit_sweep){.queue = context->queue, .write = write, .data = data};
	h2o_mem_init_pool(&sweep->pool);
	sweep->path = text_copy(&sweep->pool, text_of(path));
	sweep->own = text_copy(&sweep->pool, text_of(own));
	open_files(sweep);
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
	drop_chains(sweep);
	close_files(sweep);
	h2o_mem_clear_pool(&sweep->pool);
	free(sweep);
}
