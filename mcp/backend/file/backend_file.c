/* SPDX-License-Identifier: Apache-2.0 */
/* A file below one of the configuration's roots is read or written, or a folder is listed. Disks block, so threads do
 * it. */
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/encoding.h"
#include "common/log.h"
#include "mcp/call/answer.h"
#include "mcp/backend/backends.h"
#include "mcp/backend/file/file_pool.h"
#include "mcp/protocol/resources.h"
#include "mcp/guard/untrusted.h"
#include "mcp/policy/view.h"

enum { LINES_MAX = 1 << 30 };

#define TRUNCATED_META "\"sallyport/truncated\":true"

/* ---- answers ---- */

/* One answer for what is not there, what lies behind a link and what the daemon has no right to: nobody learns by it
 * which of them it is. */
static const char *absent_text(const struct file_plan *plan)
{
	if (plan->action == FILE_WRITE)
		return plan->writing == FILE_APPEND ? "There is no such file, or the server may not write it."
		                                    : "There is no such folder, or the server may not write in it.";
	return plan->action == FILE_LIST ? "There is no such folder." : "There is no such file.";
}

static const char *problem_text(const struct file_work *work)
{
	bool lists = work->plan->action == FILE_LIST;

	switch (work->problem) {
	case FILE_ABSENT:
	case FILE_DENIED: return absent_text(work->plan);
	case FILE_OTHER_KIND: return lists ? "This is not a folder." : "This is not a plain file.";
	case FILE_EXISTS: return "A file of this name is already there.";
	case FILE_SHARED: return "The file has other names too, so it is not changed.";
	case FILE_TOO_LARGE: return "The file would become larger than it may.";
	case FILE_FULL: return "There is no room for the file.";
	case FILE_BUSY: return "Too many files are being used at the moment. Try again in a moment.";
	case FILE_STUCK: return "The disk does not answer. Its operator has to look into it.";
	case FILE_STOPPED: return "It took longer than it may and was stopped. Ask for less.";
	default: return "It failed. Its operator has to look into it.";
	}
}

static h2o_iovec_t meta_of(h2o_mem_pool_t *pool, bool untrusted, bool truncated)
{
	if (!untrusted && !truncated)
		return h2o_iovec_init(NULL, 0);
	return text_of(text_printf(pool, "%s%s%s", untrusted ? UNTRUSTED_META : "", untrusted && truncated ? "," : "",
	                           truncated ? TRUNCATED_META : ""));
}

/* What a tool may show beside text, by the ending of the name. */
static const struct media {
	const char *ending, *type, *mime_type;
} MEDIA[] = {
    {".png", "image", "image/png"},  {".jpg", "image", "image/jpeg"},  {".jpeg", "image", "image/jpeg"},
    {".gif", "image", "image/gif"},  {".webp", "image", "image/webp"}, {".wav", "audio", "audio/wav"},
    {".mp3", "audio", "audio/mpeg"},
};

static bool ends_with(const char *path, const char *ending)
{
	size_t len = strlen(path), wanted = strlen(ending);

	return len > wanted && strcmp(path + len - wanted, ending) == 0;
}

static const struct media *media_of(const char *path)
{
	for (size_t i = 0; i < sizeof(MEDIA) / sizeof(MEDIA[0]); i++)
		if (ends_with(path, MEDIA[i].ending))
			return &MEDIA[i];
	return NULL;
}

static step_result answer_media(struct request *r, const struct media *media, h2o_iovec_t bytes)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_printf(&b, "[{\"type\":\"%s\",\"mimeType\":\"%s\",\"data\":\"", media->type, media->mime_type);
	text_append_iovec(&b, base64_encode(&r->pool, bytes.base, bytes.len));
	text_append_str(&b, "\"}]");
	struct outcome outcome = {
	    .content = h2o_iovec_init(b.base, b.len),
	    .meta = meta_of(&r->pool, call_of(r)->item->untrusted, false),
	    .rows = 1,
	};
	return answer_outcome(r, &outcome);
}

/* The text, and where it is not all of the file, so many words about that. */
static step_result answer_text(struct request *r, const struct file_work *work, h2o_iovec_t text)
{
	bool untrusted = call_of(r)->item->untrusted;
	struct text_buffer b = {.pool = &r->pool};

	if (untrusted)
		text = untrusted_wrap(&r->pool, text);
	text_append_str(&b, "[{\"type\":\"text\",\"text\":");
	text_append_json(&b, text);
	if (work->truncated)
		text_append_printf(
		    &b, "},{\"type\":\"text\",\"text\":\"This is a part of the file, which has %lld bytes.\"",
		    (long long)work->status.st_size);
	text_append_str(&b, "}]");
	struct outcome outcome = {
	    .content = h2o_iovec_init(b.base, b.len),
	    .meta = meta_of(&r->pool, untrusted, work->truncated),
	    .rows = 1,
	};
	return answer_outcome(r, &outcome);
}

static step_result answer_read(struct request *r, const struct file_work *work)
{
	h2o_iovec_t bytes = h2o_iovec_init(work->read.base != NULL ? work->read.base : "", work->read.len);
	const struct media *media = media_of(work->path);
	struct outcome outcome;

	if (call_of(r)->kind == ITEM_TOOL) {
		if (text_is_utf8(bytes))
			return answer_text(r, work, bytes);
		if (media == NULL)
			return answer_problem(r, "The file is not text.");
		if (work->truncated)
			return answer_problem(r, "The file is too large.");
		return answer_media(r, media, bytes);
	}
	if (work->truncated)
		return answer_problem(r, "The resource is too large.");
	if (text_is_utf8(bytes))
		resources_text_outcome(r, bytes, NULL, &outcome);
	else
		resources_data_outcome(r, bytes, &outcome);
	return answer_outcome(r, &outcome);
}

static step_result answer_structure(struct request *r, h2o_iovec_t structured, size_t rows)
{
	bool untrusted = call_of(r)->item->untrusted;
	struct outcome outcome = {
	    .content = answer_text_content(&r->pool, untrusted ? untrusted_wrap(&r->pool, structured) : structured),
	    .structured = structured,
	    .meta = meta_of(&r->pool, untrusted, false),
	    .rows = rows,
	};

	return answer_outcome(r, &outcome);
}

static step_result answer_list(struct request *r, const struct file_work *work)
{
	const char *text = text_printf(&r->pool, "{\"entries\":%s,\"truncated\":%s}", work->read.base,
	                               work->truncated ? "true" : "false");

	return answer_structure(r, text_of(text), work->entries);
}

static step_result answer_written(struct request *r, const struct file_work *work)
{
	struct text_buffer b = {.pool = &r->pool};

	text_append_str(&b, "{\"path\":");
	text_append_json(&b, text_of(work->path));
	text_append_printf(&b, ",\"size\":%lld}", (long long)work->status.st_size);
	return answer_structure(r, h2o_iovec_init(b.base, b.len), 1);
}

static step_result answer(struct request *r)
{
	const struct file_work *work = call_of(r)->work;
	bool changed = work->plan->action == FILE_WRITE && work->problem == FILE_FINE;
	enum call_effect effect = changed ? EFFECT_COMMITTED : work->unsure ? EFFECT_UNKNOWN : EFFECT_NONE;

	if (call_of(r)->running.end != RUNNING_ON)
		return answer_cancelled(r, effect);
	if (work->problem == FILE_DENIED)
		log_event(LOG_WARNING, "the server has no right to a file or folder", "request", r->id, "item",
		          call_of(r)->item->name, NULL);
	if ((work->problem == FILE_ABSENT || work->problem == FILE_DENIED) && call_of(r)->kind != ITEM_TOOL)
		return answer_absent(r);
	if (work->problem != FILE_FINE) {
		if (work->problem == FILE_FAILED)
			log_event(LOG_ERROR, "a file could not be used", "request", r->id, "item",
			          call_of(r)->item->name, NULL);
		return answer_problem_after(r, problem_text(work), effect);
	}
	switch (work->plan->action) {
	case FILE_READ: return answer_read(r, work);
	case FILE_LIST: return answer_list(r, work);
	default: return answer_written(r, work);
	}
}

static step_fn *const ANSWER_STEPS[] = {answer, NULL};

/* ---- run ---- */

static bool ends_rightly(const struct file_plan *plan, const char *path)
{
	if (plan->endings == NULL)
		return true;
	for (size_t i = 0; plan->endings[i] != NULL; i++)
		if (ends_with(path, plan->endings[i]))
			return true;
	return false;
}

static int64_t integer_of(const json_t *arguments, const char *name, int64_t otherwise)
{
	const json_t *value = name != NULL ? json_object_get(arguments, name) : NULL;
	double number = json_real_value(value);

	if (json_is_integer(value))
		return json_integer_value(value);
	if (!json_is_real(value))
		return otherwise;
	return number < LINES_MAX ? (int64_t)number : LINES_MAX; /* 5.0 is an integer too */
}

static struct file_work *make_work(struct request *r, const char *path)
{
	const struct file_plan *plan = call_of(r)->plan;
	const json_t *arguments = call_of(r)->arguments;
	struct file_work *work = file_work_new(r, &call_of(r)->work, (struct catalogue *)view_of(r)->catalogue);

	work->plan = plan;
	work->path = text_copy(&work->pool, text_of(path));
	work->first_line = integer_of(arguments, plan->first_line, 1);
	work->lines = integer_of(arguments, plan->lines, 0);
	if (plan->text != NULL) {
		h2o_iovec_t text = json_get_text(arguments, plan->text);
		work->text = h2o_iovec_init(text_copy(&work->pool, text.base != NULL ? text : text_of("")), text.len);
	}
	work->until_ms = clock_monotonic_ms() + plan->timeout_ms;
	return work;
}

static struct file_pool *pool_of(struct mcp *mcp)
{
	if (mcp->files == NULL)
		mcp->files = file_pool_open(server_context(mcp->server));
	return mcp->files;
}

static step_result run(struct request *r)
{
	const struct file_plan *plan = call_of(r)->plan;
	const char *problem;
	const char *path = path_template_fill(&r->pool, plan->path, call_of(r)->arguments, plan->action == FILE_LIST,
	                                      plan->hidden, &problem);

	if (path != NULL && !ends_rightly(plan, path))
		problem = "The name of the file does not end as it must.";
	if (problem != NULL)
		return call_of(r)->kind == ITEM_TOOL ? answer_problem(r, problem) : answer_absent(r);
	struct file_work *work = make_work(r, path);
	run_steps(r, ANSWER_STEPS); /* when it is done */
	return file_pool_run(pool_of(mcp_of(r)), work);
}

static void cancel(struct request *r)
{
	struct file_work *work = call_of(r)->work;

	if (work != NULL)
		file_pool_cancel(work);
}

static void give_up(struct request *r)
{
	struct file_work *work = call_of(r)->work;

	if (work != NULL)
		file_pool_give_up(work);
}

const struct backend BACKEND_FILE = {
    .name = "file",
    .schema = FILE_PLAN_SCHEMA,
    .kinds = 1 << ITEM_TOOL | 1 << ITEM_RESOURCE | 1 << ITEM_TEMPLATE,
    .load = file_plan_load,
    .run = run,
    .cancel = cancel,
    .give_up = give_up,
};
