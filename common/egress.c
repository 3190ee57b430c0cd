/* SPDX-License-Identifier: Apache-2.0 */
#include "egress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egress_guard.h"
#include "egress_loop.h"
#include "secret.h"
#include "uri.h"

enum { HEAD_LIMIT = 65536, FIELD_LIMIT = 16384 };

struct egress {
	struct egress_loop on;
	struct egress_guard guard;
	char *ca_file;
	h2o_timeout_entry_t refused_timer;
	h2o_linklist_t transfers; /* with curl */
	h2o_linklist_t refused;   /* never sent; answered in the next turn of the loop */
};

struct transfer {
	h2o_linklist_t link;
	struct egress *egress;
	CURL *easy;
	struct curl_slist *headers;
	egress_done_fn *done;
	void *data;
	const char *problem; /* known better than by curl's code */
	bool loopback_only;
	bool guarded; /* between egress_guard_enter and egress_guard_leave */
	struct egress_errand errand;
	struct http_cache cache;
	char *sent; /* the request's body, sent_len bytes */
	size_t sent_len;
	char *body; /* the answer's, NUL-terminated */
	size_t body_len, body_capacity, body_limit, head_len;
};

/* --- answers ------------------------------------------------------------------------------- */

static void free_transfer(struct transfer *t)
{
	if (t->guarded)
		egress_guard_leave(&t->egress->guard, &t->errand);
	if (t->easy != NULL)
		curl_easy_cleanup(t->easy);
	for (struct curl_slist *h = t->headers; h != NULL; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	curl_slist_free_all(t->headers);
	if (t->sent != NULL)
		secret_wipe(t->sent, t->sent_len);
	free(t->sent);
	if (t->body != NULL)
		secret_wipe(t->body, t->body_capacity);
	free(t->body);
	free(t);
}

static const char *describe_problem(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST: return "the name cannot be resolved";
	case CURLE_COULDNT_CONNECT: return "the connection was refused";
	case CURLE_OPERATION_TIMEDOUT: return "timed out";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE: return "the certificate is not trusted";
	case CURLE_SSL_CONNECT_ERROR: return "TLS cannot be set up";
	default: return "no valid HTTP answer";
	}
}

static void finish_transfer(struct transfer *t, CURLcode code)
{
	struct egress_answer answer = {0};
	char *type = NULL;
	long status = 0;

	if (code == CURLE_OK && t->problem == NULL) {
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
		answer.content_type = text_of(type);
		answer.body = h2o_iovec_init(t->body != NULL ? t->body : "", t->body_len);
		answer.cache = t->cache;
	}
	answer.status = (int)status;
	answer.over_budget = t->errand.over_budget;
	if (status == 0)
		answer.problem = t->problem != NULL ? t->problem : describe_problem(code);
	if (t->easy != NULL)
		curl_multi_remove_handle(t->egress->on.multi, t->easy);
	/* Not found by egress_close any more, should `done` lead there. */
	h2o_linklist_unlink(&t->link);
	t->done(t->data, &answer);
	free_transfer(t);
}

static void on_easy_finished(CURL *easy, CURLcode code)
{
	char *t = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
	finish_transfer((struct transfer *)(void *)t, code);
}

static void on_refused(h2o_timeout_entry_t *entry)
{
	struct egress *egress = H2O_STRUCT_FROM_MEMBER(struct egress, refused_timer, entry);
	h2o_linklist_t now;

	h2o_linklist_init_anchor(&now);
	h2o_linklist_insert_list(&now, &egress->refused);
	while (!h2o_linklist_is_empty(&now))
		finish_transfer(H2O_STRUCT_FROM_MEMBER(struct transfer, link, now.next), CURLE_OK);
}

/* --- one transfer -------------------------------------------------------------------------- */

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct transfer *t = data;
	size_t len = size * count;

	if (len > t->body_limit - t->body_len) {
		t->problem = "the answer is too large";
		return 0;
	}
	if (t->body_len + len + 1 > t->body_capacity) {
		size_t capacity = (t->body_len + len + 1) * 2;
		char *grown = h2o_mem_alloc(capacity);

		if (t->body != NULL) {
			memcpy(grown, t->body, t->body_len);
			secret_wipe(t->body, t->body_capacity);
			free(t->body);
		}
		t->body = grown;
		t->body_capacity = capacity;
	}
	memcpy(t->body + t->body_len, bytes, len);
	t->body_len += len;
	t->body[t->body_len] = '\0';
	return len;
}

static size_t on_head(char *bytes, size_t size, size_t count, void *data)
{
	struct transfer *t = data;
	size_t len = size * count;

	t->head_len += len;
	http_cache_read(&t->cache, h2o_iovec_init(bytes, len));
	if (t->head_len <= HEAD_LIMIT)
		return len;
	t->problem = "the answer is too large";
	return 0;
}

/* NULL if the connection may be made. "localhost" is whatever the resolver says; without TLS nothing leaves this
 * machine. */
static const char *refuse_address(const struct transfer *t, const struct curl_sockaddr *address)
{
	if (address->addr.sa_family != address->family)
		return "the connection is of no known kind";
	if (t->loopback_only && !egress_guard_is_loopback(&address->addr))
		return "the name of an http URL leads away from loopback";
	if (t->guarded && !egress_guard_allows(t->errand.exception, &address->addr))
		return "the name leads to an address that is not public";
	return NULL;
}

/* A name with one forbidden address is not asked at any other either. */
static curl_socket_t on_open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = data;

	if (t->problem == NULL)
		t->problem =
		    purpose != CURLSOCKTYPE_IPCXN ? "the connection is of no known kind" : refuse_address(t, address);
	if (t->problem != NULL)
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool is_field_value(const char *value)
{
	size_t len = 0;

	for (; value[len] != '\0'; len++) {
		if (len >= FIELD_LIMIT || (unsigned char)value[len] < ' ' || value[len] == 0x7f)
			return false;
	}
	return true;
}

static bool add_header(struct transfer *t, const char *name, const char *value)
{
	char line[FIELD_LIMIT + 64];
	struct curl_slist *longer;

	if (!is_field_value(value))
		return false;
	snprintf(line, sizeof(line), "%s: %s", name, value);
	longer = curl_slist_append(t->headers, line);
	secret_wipe(line, strlen(line));
	if (longer == NULL)
		h2o_fatal("no memory");
	t->headers = longer;
	return true;
}

static bool set_headers(struct transfer *t, const struct egress_request *request)
{
	t->headers = curl_slist_append(NULL, "Expect:"); /* no waiting for 100 */
	if (t->headers == NULL)
		h2o_fatal("no memory");
	return add_header(t, "Accept", request->accept != NULL ? request->accept : "application/json") &&
	       (request->content_type == NULL || add_header(t, "Content-Type", request->content_type)) &&
	       (request->authorization == NULL || add_header(t, "Authorization", request->authorization)) &&
	       (request->if_none_match == NULL || add_header(t, "If-None-Match", request->if_none_match)) &&
	       (request->if_modified_since == NULL || add_header(t, "If-Modified-Since", request->if_modified_since));
}

static bool is_method(const char *method)
{
	size_t len = strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return len > 0 && len <= 16 && method[len] == '\0';
}

/* Fixed text if the request may not go out. */
static const char *refuse_request(struct transfer *t, const struct egress_request *request)
{
	const char *problem;
	struct uri uri;

	if (!uri_parse(text_of(request->url), &uri) || uri.has_fragment || uri.host.len == 0)
		return "the URL is not valid";
	if (!is_method(request->method) || !set_headers(t, request))
		return "the request has a part that no header can carry";
	if (request->guarded) {
		t->errand = (struct egress_errand){.url = &uri, .asker = request->asker};
		problem = egress_guard_enter(&t->egress->guard, &t->errand);
		t->errand.url = NULL; /* ours */
		t->guarded = problem == NULL;
		return problem;
	}
	t->loopback_only = uri_is_loopback(&uri);
	if (!t->loopback_only && !text_is_nocase(uri.scheme, "https"))
		return "the URL is neither https nor http to loopback";
	return NULL;
}

static void set_body(struct transfer *t, const struct egress_request *request)
{
	bool with_body = request->body.len > 0 || request->content_type != NULL;

	if (strcmp(request->method, "GET") == 0 && !with_body) {
		curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	if (with_body || strcmp(request->method, "POST") == 0) {
		t->sent_len = request->body.len;
		t->sent = h2o_mem_alloc(t->sent_len + 1);
		if (t->sent_len > 0)
			memcpy(t->sent, request->body.base, t->sent_len);
		curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->sent);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->sent_len);
	}
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* A guarded request shares nothing with another: a connection that was made under other rules would be no checked one.
 */
static void set_trust(struct transfer *t)
{
	const char *ca_file = t->errand.exception != NULL && t->errand.exception->ca_file != NULL
	                          ? t->errand.exception->ca_file
	                          : t->egress->ca_file;

	curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	if (ca_file != NULL) {
		curl_easy_setopt(t->easy, CURLOPT_CAINFO, ca_file);
		curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
	}
	if (t->guarded) {
		curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
		curl_easy_setopt(t->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	}
}

static void set_limits(struct transfer *t, const struct egress_request *request)
{
	CURL *easy = t->easy;

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, t->loopback_only ? "http" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms > 0 ? request->timeout_ms : 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
}

static void start_transfer(struct transfer *t, const struct egress_request *request)
{
	egress_loop_begin(&t->egress->on);
	t->easy = curl_easy_init();
	if (t->easy == NULL)
		h2o_fatal("no memory");
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "sallyport");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	set_body(t, request);
	set_limits(t, request);
	set_trust(t);
	h2o_linklist_insert(&t->egress->transfers, &t->link);
	if (curl_multi_add_handle(t->egress->on.multi, t->easy) != CURLM_OK)
		h2o_fatal("libcurl takes no request");
}

void egress_fetch(struct egress *egress, const struct egress_request *request, egress_done_fn *done, void *data)
{
	struct transfer *t = h2o_mem_alloc(sizeof(*t));

	*t = (struct transfer){.egress = egress, .done = done, .data = data, .body_limit = request->answer_limit};
	t->problem = refuse_request(t, request);
	if (t->problem == NULL) {
		start_transfer(t, request);
		return;
	}
	h2o_linklist_insert(&egress->refused, &t->link);
	if (!h2o_timeout_is_linked(&egress->refused_timer))
		h2o_timeout_link(egress->on.loop, &egress->on.soon, &egress->refused_timer);
}

/* --- opening and closing ------------------------------------------------------------------- */

struct egress *egress_open(h2o_context_t *context, const char *ca_file)
{
	struct egress *egress = h2o_mem_alloc(sizeof(*egress));

	memset(egress, 0, sizeof(*egress));
	egress_loop_init(&egress->on, context->loop, on_easy_finished);
	egress->refused_timer.cb = on_refused;
	if (ca_file != NULL)
		egress->ca_file = h2o_strdup(NULL, ca_file, SIZE_MAX).base;
	h2o_linklist_init_anchor(&egress->transfers);
	h2o_linklist_init_anchor(&egress->refused);
	return egress;
}

void egress_set_exceptions(struct egress *egress, const struct egress_exception *exceptions, size_t count)
{
	egress->guard.exceptions = exceptions;
	egress->guard.exception_count = count;
}

/* Hands "no answer" to everybody who waits. */
static void end_transfers(h2o_linklist_t *list)
{
	while (!h2o_linklist_is_empty(list)) {
		struct transfer *t = H2O_STRUCT_FROM_MEMBER(struct transfer, link, list->next);

		t->problem = "the server is going down";
		finish_transfer(t, CURLE_OK);
	}
}

void egress_close(struct egress *egress)
{
	end_transfers(&egress->transfers);
	end_transfers(&egress->refused);
	h2o_timeout_unlink(&egress->refused_timer);
	egress_loop_dispose(&egress->on);
	free(egress->ca_file);
	free(egress);
}
