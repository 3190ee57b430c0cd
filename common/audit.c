/* SPDX-License-Identifier: Apache-2.0 */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "audit_file.h"
#include "audit_sweep.h"
#include "audit_sync.h"
#include "clock.h"
#include "log.h"

enum { TORN_RETRY_MS = 30 * 1000 };

struct audit {
	h2o_mem_pool_t pool; /* of this object's texts */
	const char *program, *path;
	int fd;
	struct audit_key *key;
	struct audit_chain chain;
	struct audit_tail tail;        /* how the file ended when the chain began */
	struct audit_chain continues;  /* the chain of ours in the file before; seq 0: there is none */
	struct audit_torn torn_before; /* what of ours is in that file and no line */
	bool is_open;                  /* what was written last is not a whole line */
	struct audit_torn torn;        /* what of ours is in the file and no line */
	uint64_t lost;                 /* records that are not */
	bool is_down;                  /* the last line could not be written */
	struct text_buffer line;       /* the newest one's memory */
	bool is_signed;                /* the newest line is, or stands behind a signed one with nothing between */
	int64_t signed_ms, checkpoint_ms;
	int64_t tried_ms;        /* when audit_tick last wrote while the log could not be written */
	struct audit_sync *sync; /* NULL without a loop */
	struct audit_sweep *sweep;
};

static bool write_line(struct audit *audit, h2o_iovec_t members, bool is_signed);

/* ---- chains ---- */

static void append_chain(struct text_buffer *b, const char *member, const struct audit_chain *chain)
{
	text_append_printf(b, ",\"%s\":", member);
	audit_chain_append(b, chain);
}

static bool begin_chain(struct audit *audit)
{
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	struct text_buffer members = {.pool = &pool};
	text_append_printf(&members, "\"event\":\"chain_start\",\"pid\":%d", (int)getpid());
	if (audit->tail.count > 0)
		append_chain(&members, "after", &audit->tail.chains[0]);
	if (audit->continues.seq > 0)
		append_chain(&members, "continues", &audit->continues);
	audit_torn_append(&members, "torn_before", &audit->torn_before);
	if (audit->key != NULL)
		text_append_printf(&members, ",\"key\":\"%s\"", audit_key_id(audit->key));
	bool written = write_line(audit, h2o_iovec_init(members.base, members.len), true);
	h2o_mem_clear_pool(&pool);
	return written;
}

/* A chain that never began has no end. */
static void end_chain(struct audit *audit)
{
	static const char MEMBERS[] = "\"event\":\"chain_end\"";

	if (audit->chain.seq > 0)
		write_line(audit, h2o_iovec_init(MEMBERS, sizeof(MEMBERS) - 1), true);
}

/* Names the chains of others, too: then none of them can be taken away as a whole. */
static void write_checkpoint(struct audit *audit)
{
	struct audit_tail tail;
	h2o_mem_pool_t pool;

	h2o_mem_init_pool(&pool);
	struct text_buffer others = {.pool = &pool};
	audit_file_tail(audit->path, audit->fd, &tail);
	for (size_t i = 0; i < tail.count; i++)
		if (strcmp(tail.chains[i].id, audit->chain.id) != 0) {
			text_append_str(&others, others.len > 0 ? "," : "");
			audit_chain_append(&others, &tail.chains[i]);
		}
	h2o_iovec_t members = audit_checkpoint_members(&pool, h2o_iovec_init(others.base, others.len));
	write_line(audit, members, true);
	h2o_mem_clear_pool(&pool);
}

static void take_file(struct audit *audit, int fd)
{
	audit->fd = fd;
	audit_file_tail(audit->path, fd, &audit->tail);
	audit->is_open = audit->tail.is_open;
	audit->torn = (struct audit_torn){.count = audit->tail.piece.bytes > 0, .pieces = {audit->tail.piece}};
	audit_chain_begin(&audit->chain);
	audit_file_hold(fd, audit->chain.id);
}

struct audit *audit_open(const char *program, const char *path, struct audit_key *key)
{
	int fd = audit_file_open(path);
	if (fd < 0)
		return NULL;
	struct audit *audit = h2o_mem_alloc(sizeof(*audit));
	*audit = (struct audit){.key = key, .signed_ms = clock_monotonic_ms()};
	h2o_mem_init_pool(&audit->pool);
	audit->program = text_copy(&audit->pool, text_of(program));
	audit->path = text_copy(&audit->pool, text_of(path));
	audit->line.pool = &audit->pool;
	take_file(audit, fd);
	begin_chain(audit); /* if it cannot be now, then before the first record */
	return audit;
}

void audit_reopen(struct audit *audit)
{
	if (!audit_file_was_exchanged(audit->fd, audit->path))
		return;
	int fd = audit_file_open(audit->path);
	if (fd < 0) { /* the old file is still open and goes on */
		log_event(LOG_ERROR, "the audit log cannot be opened again", "reason", strerror(errno), NULL);
		return;
	}
	end_chain(audit);
	/* who waits, waits for this file; the new one gets its number, which a sync that is wanted knows */
	if (fdatasync(audit->fd) != 0 && errno != EINVAL)
		log_event(LOG_ERROR, "the old audit log cannot be brought to the disk", "reason", strerror(errno),
		          NULL);
	audit->continues = audit->chain;
	audit->torn_before = audit->torn;
	if (dup3(fd, audit->fd, O_CLOEXEC) < 0)
		h2o_fatal("the audit log cannot be exchanged");
	close(fd);
	take_file(audit, audit->fd);
	begin_chain(audit);
}

/* ---- lines ---- */

/* What a full disk or a signal left out is tried again. How much of it is in the file; errno where not all is. */
static size_t write_bytes(int fd, h2o_iovec_t bytes)
{
	size_t done = 0;
	while (done < bytes.len) {
		ssize_t n = write(fd, bytes.base + done, bytes.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	return done;
}

/* Only its newest pieces are told of: four, and they can be only with a disk that is full again and again. */
static void note_piece(struct audit_torn *torn, h2o_iovec_t piece)
{
	if (torn->count == AUDIT_TORN_MAX)
		memmove(torn->pieces, torn->pieces + 1, --torn->count * sizeof(torn->pieces[0]));
	torn->pieces[torn->count].bytes = piece.len;
	audit_digest(piece, torn->pieces[torn->count].digest);
	torn->count++;
}

/* The line feed that the last one lacks comes first, so that what was torn cannot spoil this one. One write(2), so that
 * lines of several processes never mix. */
static bool write_formatted(struct audit *audit, h2o_iovec_t bytes, size_t start)
{
	size_t done = write_bytes(audit->fd, bytes);
	int problem = errno;

	if (done + 1 < bytes.len) {
		if (done > start)
			note_piece(&audit->torn, h2o_iovec_init(bytes.base + start, done - start));
		if (done > 0)
			audit->is_open = done > start;
		if (!audit->is_down)
			log_event(LOG_ERROR, "audit log not written", "file", audit->path, "reason", strerror(problem),
			          NULL);
		audit->is_down = true;
		errno = problem;
		return false;
	}
	audit->is_open = done < bytes.len;
	if (audit->is_down)
		log_event(LOG_WARNING, "the audit log is written again", "file", audit->path, NULL);
	audit_chain_advance(&audit->chain, h2o_iovec_init(bytes.base + start, bytes.len - 1 - start));
	audit->torn.count = 0;
	audit->lost = 0;
	audit->is_down = false;
	return true;
}

static bool write_line(struct audit *audit, h2o_iovec_t members, bool is_signed)
{
	const struct audit_head head = {audit->program, &audit->torn, audit->lost};
	struct text_buffer *line = &audit->line;

	line->len = 0;
	text_append_str(line, audit->is_open ? "\n" : "");
	size_t start = line->len;
	audit_line_format(line, &audit->chain, &head, members, is_signed ? audit->key : NULL);
	text_append_str(line, "\n");
	if (!write_formatted(audit, h2o_iovec_init(line->base, line->len), start))
		return false;
	audit->is_signed = is_signed;
	audit->signed_ms = is_signed ? clock_monotonic_ms() : audit->signed_ms;
	return true;
}

/* EINVAL: what is written to is no file but a pipe or a device, which has nothing to wait for. */
static bool make_durable(struct audit *audit)
{
	if (audit->sync == NULL)
		return fdatasync(audit->fd) == 0 || errno == EINVAL;
	audit_sync_want(audit->sync, audit->fd);
	return true;
}

bool audit_write_members(struct audit *audit, h2o_iovec_t members, bool durable)
{
	if ((audit->chain.seq == 0 && !begin_chain(audit)) || !write_line(audit, members, false)) {
		audit->lost++;
		return false;
	}
	return !durable || make_durable(audit);
}

bool audit_write(struct audit *audit, json_t *record, bool durable)
{
	h2o_mem_pool_t pool;
	if (!json_is_object(record)) {
		json_decref(record);
		errno = EINVAL;
		return false;
	}
	h2o_mem_init_pool(&pool);
	h2o_iovec_t text = json_text(&pool, record);
	json_decref(record);
	bool written = audit_write_members(audit, h2o_iovec_init(text.base + 1, text.len - 2), durable);
	int saved = errno;
	h2o_mem_clear_pool(&pool);
	errno = saved;
	return written;
}

step_result audit_wait(struct audit *audit, struct request *r)
{
	if (audit->sync != NULL)
		return audit_sync_wait(audit->sync, audit->fd, r);
	return make_durable(audit) ? STEP_NEXT
	                           : fail(r, &TEMPORARILY_UNAVAILABLE, "the audit log cannot be brought to the disk");
}

/* ---- with a loop ---- */

static bool on_found(void *data, h2o_iovec_t members, bool is_signed)
{
	struct audit *audit = data;

	return (audit->chain.seq > 0 || begin_chain(audit)) && write_line(audit, members, is_signed) &&
	       make_durable(audit);
}

void audit_serve(struct audit *audit, h2o_context_t *context, int64_t checkpoint_ms)
{
	audit->checkpoint_ms = checkpoint_ms;
	audit->sync = audit_sync_start(context);
	audit->sweep = audit_sweep_start(context, audit->path, audit->chain.id, on_found, audit);
}

void audit_tick(void *data)
{
	struct audit *audit = data;

	bool is_due =
	    audit->key != NULL && !audit->is_signed && clock_monotonic_ms() - audit->signed_ms >= audit->checkpoint_ms;

	if (!is_due && !audit->is_down)
		return;
	if (!is_due && audit->torn.count == AUDIT_TORN_MAX && clock_monotonic_ms() - audit->tried_ms < TORN_RETRY_MS)
		return; /* each attempt may leave a piece, and only so many can be told of */
	audit->tried_ms = clock_monotonic_ms();
	if (audit->chain.seq == 0) /* the disk was full when it should have begun */
		begin_chain(audit);
	else
		write_checkpoint(audit);
}

bool audit_is_well(const struct audit *audit)
{
	return !audit->is_down;
}

const char *audit_path(const struct audit *audit)
{
	return audit->path;
}

void audit_close(struct audit *audit)
{
	if (audit == NULL)
		return;
	if (audit->sweep != NULL)
		audit_sweep_stop(audit->sweep);
	end_chain(audit);
	if (audit->sync != NULL)
		audit_sync_stop(audit->sync);
	fdatasync(audit->fd);
	close(audit->fd);
	audit_key_free(audit->key);
	h2o_mem_clear_pool(&audit->pool);
	free(audit);
}
