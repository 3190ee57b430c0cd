/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner_message.h"

#include <stdlib.h>
#include <string.h>

const char **spawner_texts_read(const char *message, size_t len, size_t head, size_t count)
{
	const char *at = message + head, *end = message + len;

	if (len < head || count > SPAWNER_TEXTS_MAX + SPAWNER_LISTS)
		return NULL;
	const char **texts = h2o_mem_alloc((count + 1) * sizeof(*texts));
	for (size_t i = 0; i < count; i++) {
		const char *stop = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
		if (stop == NULL) {
			free(texts);
			return NULL;
		}
		texts[i] = at;
		at = stop + 1;
	}
	texts[count] = NULL;
	if (at == end)
		return texts;
	free(texts);
	return NULL;
}

struct writing {
	char *base;
	size_t len, count;
	bool fits;
};

static uint32_t write_list(struct writing *w, const char *const *texts)
{
	uint32_t count = 0;

	for (; texts != NULL && texts[count] != NULL && w->fits; count++) {
		size_t len = strlen(texts[count]) + 1;
		w->fits = w->count < SPAWNER_TEXTS_MAX && len <= SPAWNER_MESSAGE_MAX - w->len;
		if (!w->fits)
			break;
		memcpy(w->base + w->len, texts[count], len);
		w->len += len;
		w->count++;
	}
	return count;
}

char *spawner_start_write(uint32_t id, const struct child_options *options, size_t *len)
{
	struct spawner_start_head head = {.type = SPAWNER_START, .id = id};
	struct writing w = {.base = h2o_mem_alloc(SPAWNER_MESSAGE_MAX), .len = sizeof(head), .fits = true};

	head.network = options->network;
	head.limits = options->limits;
	head.counts[LIST_PATH] = write_list(&w, (const char *const[]){options->path, NULL});
	head.counts[LIST_FOLDER] = write_list(&w, (const char *const[]){options->folder, NULL});
	head.counts[LIST_ARGV] = write_list(&w, options->argv);
	head.counts[LIST_ENVIRONMENT] = write_list(&w, options->environment);
	head.counts[LIST_READABLE] = write_list(&w, options->readable);
	head.counts[LIST_WRITABLE] = write_list(&w, options->writable);
	if (!w.fits || w.len - sizeof(head) > CHILD_TEXTS_MAX) {
		free(w.base);
		return NULL;
	}
	memcpy(w.base, &head, sizeof(head));
	*len = w.len;
	return w.base;
}

/* A list needs an end of its own: the texts of all lists are copied into one array with a gap behind each. */
static const char **separate(const char **texts, const struct spawner_start_head *head,
                             const char *const *lists[SPAWNER_LISTS])
{
	size_t count = 0, from = 0, to = 0;

	for (int i = 0; i < SPAWNER_LISTS; i++)
		count += head->counts[i];
	const char **gapped = h2o_mem_alloc((count + SPAWNER_LISTS) * sizeof(*gapped));
	for (int i = 0; i < SPAWNER_LISTS; i++) {
		lists[i] = gapped + to;
		for (uint32_t k = 0; k < head->counts[i]; k++)
			gapped[to++] = texts[from++];
		gapped[to++] = NULL;
	}
	return gapped;
}

bool spawner_start_read(const char *message, size_t len, struct spawner_start_head *head, struct child_options *options,
                        const char ***texts)
{
	const char *const *lists[SPAWNER_LISTS];
	size_t count = 0;

	*texts = NULL;
	if (len < sizeof(*head))
		return false;
	memcpy(head, message, sizeof(*head));
	for (int i = 0; i < SPAWNER_LISTS; i++) {
		if (head->counts[i] > SPAWNER_TEXTS_MAX)
			return false;
		count += head->counts[i];
	}
	if (head->counts[LIST_PATH] != 1 || head->counts[LIST_FOLDER] > 1 || head->counts[LIST_ARGV] < 1)
		return false;
	const char **all = spawner_texts_read(message, len, sizeof(*head), count);
	if (all == NULL)
		return false;
	*texts = separate(all, head, lists);
	free(all);
	*options = (struct child_options){
	    .path = lists[LIST_PATH][0],
	    .folder = lists[LIST_FOLDER][0],
	    .argv = lists[LIST_ARGV],
	    .environment = lists[LIST_ENVIRONMENT],
	    .readable = lists[LIST_READABLE],
	    .writable = lists[LIST_WRITABLE],
	    .network = head->network,
	    .limits = head->limits,
	};
	return true;
}
