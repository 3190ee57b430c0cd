/* SPDX-License-Identifier: Apache-2.0 */
#include "egress_loop.h"

#include <fcntl.h>
#include <string.h>

#include "clock.h"

enum { TICK_MS = 10, FAR_MS = 500, CONNECTIONS_MAX = 1024, KEPT_MAX = 64 };

/* A descriptor of curl's on the loop. */
struct watch {
	h2o_linklist_t link;
	struct egress_loop *owner;
	h2o_socket_t *socket; /* around a duplicate: curl closes its own */
	curl_socket_t fd;
	int wanted; /* CURL_POLL_... */
};

static void act(struct egress_loop *e, curl_socket_t fd, int events)
{
	CURLMsg *message;
	int running, rest;

	curl_multi_socket_action(e->multi, fd, events, &running);
	if (e->on_news != NULL)
		e->on_news(e);
	while ((message = curl_multi_info_read(e->multi, &rest)) != NULL) {
		if (message->msg == CURLMSG_DONE)
			e->on_finished(message->easy_handle, message->data.result);
	}
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
	struct watch *watch = socket->data;

	act(watch->owner, watch->fd, error != NULL ? CURL_CSELECT_ERR : CURL_CSELECT_IN);
}

/* Notices of writing come once and cannot be taken back: ask again first (curl may end the watch in the call), and let
 * one that is not wanted any more go by. */
static void on_writable(h2o_socket_t *socket, const char *error)
{
	struct watch *watch = socket->data;

	if ((watch->wanted & CURL_POLL_OUT) == 0)
		return;
	h2o_socket_notify_write(socket, on_writable);
	act(watch->owner, watch->fd, error != NULL ? CURL_CSELECT_ERR : CURL_CSELECT_OUT);
}

static void end_watch(struct watch *watch)
{
	h2o_linklist_unlink(&watch->link);
	h2o_socket_read_stop(watch->socket);
	h2o_socket_close(watch->socket);
	free(watch);
}

static struct watch *begin_watch(struct egress_loop *e, curl_socket_t fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct watch *watch;

	if (copy == -1)
		return NULL;
	watch = h2o_mem_alloc(sizeof(*watch));
	*watch = (struct watch){.owner = e, .fd = fd};
	watch->socket = h2o_evloop_socket_create(e->loop, copy, H2O_SOCKET_FLAG_DONT_READ);
	watch->socket->data = watch;
	h2o_linklist_insert(&e->watches, &watch->link);
	curl_multi_assign(e->multi, fd, watch);
	return watch;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
	struct egress_loop *e = data;
	struct watch *watch = socket_data;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch != NULL)
			end_watch(watch);
		return 0;
	}
	if (watch == NULL && (watch = begin_watch(e, fd)) == NULL)
		return 0; /* out of descriptors: the transfer times out */
	watch->wanted = what;
	if ((what & CURL_POLL_IN) != 0)
		h2o_socket_read_start(watch->socket, on_readable);
	else
		h2o_socket_read_stop(watch->socket);
	if ((what & CURL_POLL_OUT) != 0 && !h2o_socket_is_writing(watch->socket))
		h2o_socket_notify_write(watch->socket, on_writable);
	return 0;
}

/* A long poll has its timeout far away: an idle daemon shall not wake up every tick for it. */
static h2o_timeout_t *wait_before(struct egress_loop *e, int64_t left_ms)
{
	if (left_ms <= 0)
		return &e->soon;
	return left_ms < FAR_MS ? &e->tick : &e->far;
}

static void schedule_timer(struct egress_loop *e)
{
	h2o_timeout_unlink(&e->timer);
	if (e->due_ms >= 0)
		h2o_timeout_link(e->loop, wait_before(e, e->due_ms - clock_monotonic_ms()), &e->timer);
}

static void on_timer(h2o_timeout_entry_t *entry)
{
	struct egress_loop *e = H2O_STRUCT_FROM_MEMBER(struct egress_loop, timer, entry);

	if (e->due_ms >= 0 && e->due_ms <= clock_monotonic_ms()) {
		e->due_ms = -1;
		act(e, CURL_SOCKET_TIMEOUT, 0);
		return; /* a new time was set by on_timer_wanted */
	}
	schedule_timer(e);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *data)
{
	struct egress_loop *e = data;

	(void)multi;
	e->due_ms = timeout_ms < 0 ? -1 : clock_monotonic_ms() + timeout_ms;
	schedule_timer(e);
	return 0;
}

void egress_loop_init(struct egress_loop *e, h2o_loop_t *loop, void (*on_finished)(CURL *, CURLcode))
{
	memset(e, 0, sizeof(*e));
	e->loop = loop;
	e->on_finished = on_finished;
	e->due_ms = -1;
	e->timer.cb = on_timer;
	h2o_timeout_init(loop, &e->soon, 0);
	h2o_timeout_init(loop, &e->tick, TICK_MS);
	h2o_timeout_init(loop, &e->far, FAR_MS);
	h2o_linklist_init_anchor(&e->watches);
}

void egress_loop_begin(struct egress_loop *e)
{
	if (e->multi != NULL)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (e->multi = curl_multi_init()) == NULL)
		h2o_fatal("libcurl cannot be set up");
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
	curl_multi_setopt(e->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
	curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_MAX);
}

void egress_loop_dispose(struct egress_loop *e)
{
	if (e->multi != NULL)
		curl_multi_cleanup(e->multi);
	while (!h2o_linklist_is_empty(&e->watches))
		end_watch(H2O_STRUCT_FROM_MEMBER(struct watch, link, e->watches.next));
	h2o_timeout_unlink(&e->timer);
	h2o_timeout_dispose(e->loop, &e->soon);
	h2o_timeout_dispose(e->loop, &e->tick);
	h2o_timeout_dispose(e->loop, &e->far);
	if (e->multi != NULL)
		curl_global_cleanup();
}
