/* SPDX-License-Identifier: Apache-2.0 */
/* Against a small server on loopback, in a thread of this program. */
#include "common/egress.c"
#include "common/egress_guard.c"
#include "common/egress_loop.c"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

/* --- the server ---------------------------------------------------------------------------- */

static struct {
	int listener, port, tls_port, tls_listener, stop[2];
	SSL_CTX *tls;
	pthread_t thread;
	atomic_int accepted, asked;
	pthread_mutex_t mutex; /* guards the text */
	char last[70000];
} server = {.mutex = PTHREAD_MUTEX_INITIALIZER};

struct peer {
	int fd;
	SSL *ssl;
};

static int peer_read(struct peer *p, char *bytes, size_t len)
{
	return p->ssl != NULL ? SSL_read(p->ssl, bytes, (int)len) : (int)read(p->fd, bytes, len);
}

static bool peer_write(struct peer *p, const char *bytes, size_t len)
{
	while (len > 0) {
		int sent = p->ssl != NULL ? SSL_write(p->ssl, bytes, (int)len) : (int)write(p->fd, bytes, len);

		if (sent <= 0)
			return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return true;
}

/* Reads head and body into server.last; false at the end. */
static bool read_question(struct peer *p, char *text, size_t size)
{
	size_t len = 0, want = 0;

	while (want == 0 || len < want) {
		int n = peer_read(p, text + len, size - 1 - len);
		const char *blank, *length;

		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
		blank = strstr(text, "\r\n\r\n");
		length = strstr(text, "Content-Length: ");
		if (blank != NULL)
			want = (size_t)(blank + 4 - text) + (length != NULL ? (size_t)atoi(length + 16) : 0);
	}
	pthread_mutex_lock(&server.mutex);
	strcpy(server.last, text);
	pthread_mutex_unlock(&server.mutex);
	atomic_fetch_add(&server.asked, 1);
	return true;
}

static bool answer_endless_body(struct peer *p)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char chunk[] = "10\r\n0123456789abcdef\r\n";

	if (!peer_write(p, head, strlen(head)))
		return false;
	while (peer_write(p, chunk, strlen(chunk)))
		continue;
	return false;
}

static bool answer_endless_head(struct peer *p)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n", line[] = "X-More: 0123456789abcdef0123456789abcdef\r\n";

	if (!peer_write(p, head, strlen(head)))
		return false;
	while (peer_write(p, line, strlen(line)))
		continue;
	return false;
}

static bool wait_for_stop(void)
{
	struct pollfd stop = {.fd = server.stop[0], .events = POLLIN};

	poll(&stop, 1, -1);
	return false;
}

static bool answer(struct peer *p, const char *question)
{
	static const char fine[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
				   "Cache-Control: max-age=60\r\nETag: \"x\"\r\nSet-Cookie: a=b\r\n\r\n{\"a\":1}";
	static const char moved[] = "HTTP/1.1 302 Found\r\nLocation: /fine\r\nContent-Length: 0\r\n\r\n";
	static const char nothing[] = "HTTP/1.1 204 No Content\r\n\r\n";
	static const char refused[] = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
	const char *path = strchr(question, ' ') + 1;

	if (strncmp(path, "/large", 6) == 0)
		return answer_endless_body(p);
	if (strncmp(path, "/head", 5) == 0)
		return answer_endless_head(p);
	if (strncmp(path, "/slow", 5) == 0)
		return false; /* see serve */
	if (strncmp(path, "/moved", 6) == 0)
		return peer_write(p, moved, strlen(moved));
	if (strncmp(path, "/nothing", 8) == 0)
		return peer_write(p, nothing, strlen(nothing));
	if (strncmp(path, "/refused", 8) == 0)
		return peer_write(p, refused, strlen(refused));
	if (strncmp(path, "/garbage", 8) == 0)
		return peer_write(p, "SSH-2.0-x\r\n", 11) && false;
	if (strncmp(path, "/cut", 4) == 0)
		return peer_write(p, fine, strlen(fine) - 3) && false;
	return peer_write(p, fine, strlen(fine));
}

static void *serve_peer(void *data)
{
	struct peer p = *(struct peer *)data;
	char *question = malloc(sizeof(server.last));
	bool goes_on = p.ssl == NULL || SSL_accept(p.ssl) == 1;

	free(data);
	while (goes_on && read_question(&p, question, sizeof(server.last))) {
		goes_on = answer(&p, question);
		if (strstr(question, " /slow") != NULL)
			wait_for_stop();
	}
	SSL_free(p.ssl);
	close(p.fd);
	free(question);
	return NULL;
}

/* Threads of peers are joined at the end: each ends when its client or the server does. */
static pthread_t peers[512];
static unsigned peer_count;

static void accept_one(int listener, bool tls)
{
	struct peer *p = calloc(1, sizeof(*p));

	p->fd = accept(listener, NULL, NULL);
	if (p->fd == -1 || peer_count == sizeof(peers) / sizeof(peers[0])) {
		free(p);
		return;
	}
	atomic_fetch_add(&server.accepted, 1);
	if (tls) {
		p->ssl = SSL_new(server.tls);
		SSL_set_fd(p->ssl, p->fd);
	}
	pthread_create(&peers[peer_count++], NULL, serve_peer, p);
}

static void *serve(void *data)
{
	struct pollfd fds[] = {{.fd = server.listener, .events = POLLIN},
	                       {.fd = server.tls_listener, .events = POLLIN},
	                       {.fd = server.stop[0], .events = POLLIN}};

	while (poll(fds, 3, -1) >= 0 && fds[2].revents == 0) {
		if (fds[0].revents != 0)
			accept_one(server.listener, false);
		if (fds[1].revents != 0)
			accept_one(server.tls_listener, true);
	}
	for (unsigned i = 0; i < peer_count; i++)
		pthread_join(peers[i], NULL);
	return data;
}

static int listen_free(int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(listener, 64), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	*port = ntohs(address.sin_port);
	return listener;
}

/* A certificate for 127.0.0.1 that vouches for itself, also written to `file`. */
static SSL_CTX *make_tls(const char *file)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:*.b.localhost");
	FILE *out = fopen(file, "w");

	assert_non_null(out);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
	                           (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_set_pubkey(certificate, key);
	X509_add_ext(certificate, names, -1);
	assert_int_not_equal(X509_sign(certificate, key, EVP_sha256()), 0);
	assert_int_equal(PEM_write_X509(out, certificate), 1);
	fclose(out);
	SSL_CTX_use_certificate(tls, certificate);
	SSL_CTX_use_PrivateKey(tls, key);
	X509_EXTENSION_free(names);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return tls;
}

/* --- the client ---------------------------------------------------------------------------- */

static h2o_context_t context;
static char ca_file[] = "/tmp/egress-ca-XXXXXX";

static int begin(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	close(mkstemp(ca_file));
	server.tls = make_tls(ca_file);
	server.listener = listen_free(&server.port);
	server.tls_listener = listen_free(&server.tls_port);
	assert_int_equal(pipe(server.stop), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
	context.loop = h2o_evloop_create();
	return 0;
}

static int end(void **state)
{
	(void)state;
	assert_int_equal(write(server.stop[1], "x", 1), 1);
	pthread_join(server.thread, NULL);
	close(server.listener);
	close(server.tls_listener);
	close(server.stop[0]);
	close(server.stop[1]);
	SSL_CTX_free(server.tls);
	return unlink(ca_file);
}

struct got {
	int calls, status;
	int64_t lifetime;
	char problem[64], type[64], body[256], etag[16];
	size_t body_len;
};

static void on_done(void *data, const struct egress_answer *answer_)
{
	struct got *got = data;

	got->calls++;
	got->status = answer_->status;
	got->body_len = answer_->body.len;
	got->lifetime = http_cache_lifetime(&answer_->cache);
	snprintf(got->etag, sizeof(got->etag), "%s", answer_->cache.etag);
	assert_true((answer_->status == 0) == (answer_->problem != NULL));
	if (answer_->problem != NULL)
		snprintf(got->problem, sizeof(got->problem), "%s", answer_->problem);
	if (answer_->content_type.base != NULL)
		snprintf(got->type, sizeof(got->type), "%.*s", (int)answer_->content_type.len,
		         answer_->content_type.base);
	if (answer_->body.len > 0)
		snprintf(got->body, sizeof(got->body), "%.*s", (int)answer_->body.len, answer_->body.base);
}

static const char *secure_url(const char *host, const char *path)
{
	static char url[256];

	snprintf(url, sizeof(url), "https://%s:%d%s", host, server.tls_port, path);
	return url;
}

static const char *url_of(const char *path)
{
	static char url[256];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server.port, path);
	return url;
}

static struct egress_request get(const char *url)
{
	return (struct egress_request){.method = "GET", .url = url, .timeout_ms = 10000, .answer_limit = 200};
}

static void run(struct got *got)
{
	int64_t until = clock_monotonic_ms() + 20000;

	while (got->calls == 0) {
		assert_true(clock_monotonic_ms() < until);
		h2o_evloop_run(context.loop, 10);
	}
}

static struct got fetch(struct egress *egress, const struct egress_request *request)
{
	struct got got = {0};

	egress_fetch(egress, request, on_done, &got);
	assert_int_equal(got.calls, 0);
	run(&got);
	/* Nothing comes twice. */
	h2o_evloop_run(context.loop, 0);
	assert_int_equal(got.calls, 1);
	return got;
}

static struct got fetch_url(struct egress *egress, const char *url)
{
	struct egress_request request = get(url);

	return fetch(egress, &request);
}

static struct egress *open_egress(void)
{
	return egress_open(&context, NULL);
}

static void close_egress(struct egress *egress)
{
	egress_close(egress);
	h2o_evloop_run(context.loop, 0);
}

static void assert_asked(const char *part, bool wanted)
{
	pthread_mutex_lock(&server.mutex);
	if ((strstr(server.last, part) != NULL) != wanted)
		print_error("%s: wanted %d in\n%s", part, wanted, server.last);
	assert_true((strstr(server.last, part) != NULL) == wanted);
	pthread_mutex_unlock(&server.mutex);
}

/* --- tests --------------------------------------------------------------------------------- */

static void an_answer_comes_with_type_and_body(void **state)
{
	struct egress *egress = open_egress();
	struct got got = fetch_url(egress, url_of("/fine"));

	(void)state;
	assert_int_equal(got.status, 200);
	assert_string_equal(got.type, "application/json");
	assert_string_equal(got.body, "{\"a\":1}");
	assert_asked("GET /fine HTTP/1.1\r\n", true);
	assert_asked("User-Agent: sallyport\r\n", true);
	assert_asked("Accept: application/json\r\n", true);
	got = fetch_url(egress, url_of("/nothing"));
	assert_int_equal(got.status, 204);
	assert_int_equal(got.body_len, 0);
	/* The cookie of the first answer does not come back. */
	assert_asked("Cookie", false);
	got = fetch_url(egress, url_of("/refused"));
	assert_int_equal(got.status, 401);
	assert_string_equal(got.body, "no");
	close_egress(egress);
}

static void a_body_and_headers_are_sent(void **state)
{
	struct egress *egress = open_egress();
	char body[] = "token=abc", type[] = "application/x-www-form-urlencoded", authorization[] = "Basic eDp5";
	struct egress_request request = {
	    .method = "POST",
	    .url = url_of("/fine"),
	    .content_type = type,
	    .accept = "text/plain",
	    .authorization = authorization,
	    .body = h2o_iovec_init(body, sizeof(body) - 1),
	    .timeout_ms = 10000,
	    .answer_limit = 7,
	};
	struct got got = {0};

	(void)state;
	egress_fetch(egress, &request, on_done, &got);
	/* All of it was copied. */
	memset(body, 'x', sizeof(body) - 1);
	memset(type, 'x', sizeof(type) - 1);
	memset(authorization, 'x', sizeof(authorization) - 1);
	run(&got);
	assert_int_equal(got.status, 200);
	assert_asked("POST /fine HTTP/1.1\r\n", true);
	assert_asked("Content-Type: application/x-www-form-urlencoded\r\n", true);
	assert_asked("Accept: text/plain\r\n", true);
	assert_asked("Authorization: Basic eDp5\r\n", true);
	assert_asked("Content-Length: 9\r\n", true);
	assert_asked("\r\n\r\ntoken=abc", true);
	assert_asked("Expect", false);
	request.method = "DELETE";
	request.content_type = request.authorization = NULL;
	request.body = h2o_iovec_init(NULL, 0);
	got = fetch(egress, &request);
	assert_int_equal(got.status, 200);
	assert_asked("DELETE /fine HTTP/1.1\r\n", true);
	assert_asked("Content-", false);
	close_egress(egress);
}

static void one_connection_serves_many(void **state)
{
	struct egress *egress = open_egress();
	int accepted = atomic_load(&server.accepted);

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(fetch_url(egress, url_of("/fine")).status, 200);
	assert_int_equal(atomic_load(&server.accepted), accepted + 1);
	close_egress(egress);
}

static void many_at_once(void **state)
{
	enum { ALL = 100 };
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/fine"));
	static struct got got[ALL];

	(void)state;
	for (int i = 0; i < ALL; i++)
		egress_fetch(egress, &request, on_done, &got[i]);
	for (int i = 0; i < ALL; i++) {
		run(&got[i]);
		assert_int_equal(got[i].status, 200);
		assert_int_equal(got[i].calls, 1);
	}
	close_egress(egress);
}

/* A host that hangs has all the connections that it can have, and no other host less. */
static void a_host_that_hangs_holds_up_no_other(void **state)
{
	enum { ALL = LINE_RUNNING_MAX + 8, TIME_MS = 1500 };
	static struct got got[ALL];
	struct egress *egress = egress_open(&context, ca_file);
	struct egress_request slow = get(url_of("/slow")), soon = slow;
	struct got last = {0};
	int64_t begun_ms = clock_monotonic_ms();

	(void)state;
	slow.timeout_ms = TIME_MS;
	for (int i = 0; i < ALL; i++)
		egress_fetch(egress, &slow, on_done, &got[i]);
	assert_int_equal(fetch_url(egress, secure_url("127.0.0.1", "/fine")).status, 200);
	assert_true(clock_monotonic_ms() - begun_ms < TIME_MS);
	/* what waits is over when its own time is */
	soon.timeout_ms = 1;
	egress_fetch(egress, &soon, on_done, &last);
	run(&last);
	assert_string_equal(last.problem, "timed out");
	assert_true(clock_monotonic_ms() - begun_ms < TIME_MS);
	for (int i = 0; i < ALL; i++) {
		run(&got[i]);
		assert_string_equal(got[i].problem, "timed out");
		assert_int_equal(got[i].calls, 1);
	}
	assert_true(clock_monotonic_ms() - begun_ms < 2 * TIME_MS);
	/* and then everybody's turn comes again */
	assert_int_equal(fetch_url(egress, url_of("/fine")).status, 200);
	assert_true(h2o_linklist_is_empty(&egress->line.hosts));
	close_egress(egress);
}

static void who_waits_goes_when_another_is_through(void **state)
{
	enum { ALL = LINE_RUNNING_MAX + LINE_WAITING_MAX + 1 };
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/fine"));
	static struct got got[ALL];

	(void)state;
	for (int i = 0; i < ALL; i++)
		egress_fetch(egress, &request, on_done, &got[i]);
	for (int i = 0; i < ALL; i++) {
		run(&got[i]);
		assert_int_equal(got[i].status, i < ALL - 1 ? 200 : 0);
		assert_int_equal(got[i].calls, 1);
	}
	assert_string_equal(got[ALL - 1].problem, "too many requests wait for the host");
	for (int i = 0; i < LINE_RUNNING_MAX + 2; i++)
		egress_fetch(egress, &request, on_done, &got[i]);
	close_egress(egress); /* whoever waits hears of that, too */
	for (int i = 0; i < LINE_RUNNING_MAX + 2; i++)
		assert_int_equal(got[i].calls, 2);
}

/* one person with many requests to a host leaves connections to everybody else. */
static void nobody_has_all_connections_to_a_host(void **state)
{
	enum { MINE = LINE_RUNNING_MAX + 10 };
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/slow"));
	static struct got mine[MINE];
	struct got other = {0};

	(void)state;
	request.who = 1;
	memset(mine, 0, sizeof(mine));
	for (int i = 0; i < MINE; i++)
		egress_fetch(egress, &request, on_done, &mine[i]);
	request.who = 2;
	request.url = url_of("/fine");
	egress_fetch(egress, &request, on_done, &other);
	run(&other);
	assert_int_equal(other.status, 200);
	for (int i = 0; i < MINE; i++)
		assert_int_equal(mine[i].calls, 0);
	close_egress(egress);
}

static void an_answer_beyond_its_limit_is_none(void **state)
{
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/fine"));
	struct got got;

	(void)state;
	request.answer_limit = 7;
	assert_int_equal(fetch(egress, &request).status, 200);
	request.answer_limit = 6;
	got = fetch(egress, &request);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the answer is too large");
	got = fetch_url(egress, url_of("/large"));
	assert_int_equal(got.status, 0);
	assert_int_equal(got.body_len, 0);
	assert_string_equal(got.problem, "the answer is too large");
	got = fetch_url(egress, url_of("/head"));
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the answer is too large");
	close_egress(egress);
}

static void a_slow_answer_times_out(void **state)
{
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/slow"));
	int64_t before = clock_monotonic_ms();
	struct got got;

	(void)state;
	request.timeout_ms = 80;
	got = fetch(egress, &request);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "timed out");
	assert_true(clock_monotonic_ms() - before >= 75);
	assert_true(clock_monotonic_ms() - before < 5000);
	close_egress(egress);
}

static void a_redirect_is_an_answer(void **state)
{
	struct egress *egress = open_egress();
	int asked = atomic_load(&server.asked);

	(void)state;
	assert_int_equal(fetch_url(egress, url_of("/moved")).status, 302);
	assert_int_equal(atomic_load(&server.asked), asked + 1);
	close_egress(egress);
}

static void broken_answers_are_none(void **state)
{
	struct egress *egress = open_egress();
	int port;
	int listener = listen_free(&port);
	char url[64];
	struct got got;

	(void)state;
	assert_int_equal(fetch_url(egress, url_of("/garbage")).status, 0);
	got = fetch_url(egress, url_of("/cut"));
	assert_int_equal(got.status, 0);
	assert_int_equal(got.body_len, 0);
	close(listener);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the connection was refused");
	close_egress(egress);
}

static void what_may_not_go_out_is_refused(void **state)
{
	static const char *const urls[] = {
	    "http://example.com/",
	    "http://169.254.169.254/latest",
	    "http://127.0.0.1.example.com/",
	    "ftp://127.0.0.1/",
	    "file:///etc/passwd",
	    "http://user@127.0.0.1/",
	    "gopher://127.0.0.1:70/_x",
	    "HTTP://[::2]/",
	    "",
	    "not a url",
	    "https://",
	    "http://127.0.0.1/#x",
	};
	struct egress *egress = open_egress();
	struct egress_request request;
	int accepted = atomic_load(&server.accepted);

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_int_equal(fetch_url(egress, urls[i]).status, 0);
	request = get(url_of("/fine"));
	request.authorization = "Bearer a\r\nX-Other: b";
	assert_int_equal(fetch(egress, &request).status, 0);
	request = get(url_of("/fine"));
	request.method = "GET / HTTP/1.1\r\nX: y";
	assert_int_equal(fetch(egress, &request).status, 0);
	assert_int_equal(atomic_load(&server.accepted), accepted);
	close_egress(egress);
}

/* As if a name such as localhost led elsewhere. */
static void http_stays_on_loopback_whatever_the_resolver_says(void **state)
{
	struct egress_flight t = {.loopback_only = true};
	struct curl_sockaddr address = {.family = AF_INET, .socktype = SOCK_STREAM};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address.addr;
	curl_socket_t fd;

	(void)state;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0x0a000001);
	assert_int_equal(on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
	assert_non_null(t.problem);
	t.problem = NULL;
	in->sin_addr.s_addr = htonl(0x7f000001);
	fd = on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address);
	assert_int_not_equal(fd, CURL_SOCKET_BAD);
	close(fd);
	address.family = AF_UNIX;
	assert_int_equal(on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
}

static void localhost_is_found(void **state)
{
	struct egress *egress = open_egress();
	char url[64];

	(void)state;
	snprintf(url, sizeof(url), "http://localhost:%d/fine", server.port);
	assert_int_equal(fetch_url(egress, url).status, 200);
	close_egress(egress);
}

static void a_certificate_must_be_trusted(void **state)
{
	struct egress *egress = open_egress();
	char url[64];
	struct got got;

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/fine", server.tls_port);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the certificate is not trusted");
	close_egress(egress);

	egress = egress_open(&context, ca_file);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "{\"a\":1}");
	/* Trusted, but made for another name. */
	snprintf(url, sizeof(url), "https://localhost:%d/fine", server.tls_port);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the certificate is not trusted");
	close_egress(egress);
}

static void old_tls_is_refused(void **state)
{
	struct egress *egress = egress_open(&context, ca_file);
	char url[64];
	struct got got;

	(void)state;
	SSL_CTX_set_security_level(server.tls, 0);
	SSL_CTX_set_min_proto_version(server.tls, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(server.tls, TLS1_1_VERSION);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/fine", server.tls_port);
	got = fetch_url(egress, url);
	assert_int_equal(got.status, 0);
	SSL_CTX_set_max_proto_version(server.tls, 0);
	close_egress(egress);
}

static void closing_answers_what_waits(void **state)
{
	struct egress *egress = open_egress();
	struct egress_request slow = get(url_of("/slow")), bad = get("http://example.com/");
	struct got a = {0}, b = {0};
	int asked = atomic_load(&server.asked);

	(void)state;
	egress_fetch(egress, &slow, on_done, &a);
	while (atomic_load(&server.asked) == asked)
		h2o_evloop_run(context.loop, 10);
	egress_fetch(egress, &bad, on_done, &b);
	assert_int_equal(a.calls + b.calls, 0);
	close_egress(egress);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 1);
	assert_int_equal(a.status + b.status, 0);
}

/* --- guarded requests: somebody else chose the URL ------------------------------------------ */

static struct got fetch_guarded(struct egress *egress, const char *url)
{
	struct egress_request request = get(url);

	request.guarded = true;
	return fetch(egress, &request);
}

static void a_guarded_url_is_https_by_name_at_443(void **state)
{
	static const char *const urls[] = {
	    "http://127.0.0.1/",
	    "http://example.com/",
	    "http://localhost/",
	    "https://localhost/",
	    "https://intranet/",
	    "https://127.0.0.1/",
	    "https://8.8.8.8/",
	    "https://[::1]/",
	    "https://[::ffff:8.8.8.8]/",
	    "https://[fe80::1%25lo]/",
	    "https://2130706433/",
	    "https://0x7f000001/",
	    "https://0177.0.0.1/",
	    "https://017700000001/",
	    "https://127.1/",
	    "https://0/",
	    "https://0x7f.1/",
	    "https://127.0.0.1./",
	    "https://example.com:8443/",
	    "https://example.com:80/",
	    "https://user@example.com/",
	    "https://example.com\\@127.0.0.1/",
	    "https://example.com#@127.0.0.1/",
	    "file:///etc/passwd",
	    "gopher://example.com/",
	};
	struct egress *egress = open_egress();

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_int_equal(fetch_guarded(egress, urls[i]).status, 0);
		assert_null(egress->on.multi); /* refused before libcurl hears of it */
	}
	assert_int_equal(egress->guard.running, 0);
	close_egress(egress);
}

/* libcurl itself says that a name below localhost is this machine: no resolver is needed for the test. */
static void a_name_that_leads_inside_is_refused(void **state)
{
	struct address_range ranges[2];
	struct egress_exception exceptions[] = {
	    {.host = "a.localhost", .port = (unsigned)server.tls_port, .ca_file = ca_file},
	    {.host = "*.b.localhost",
	     .port = (unsigned)server.tls_port,
	     .ca_file = ca_file,
	     .ranges = ranges,
	     .range_count = 2},
	    {.host = "c.localhost",
	     .port = (unsigned)server.tls_port,
	     .ca_file = ca_file,
	     .ranges = ranges,
	     .range_count = 1},
	};
	struct egress *egress = open_egress();
	int accepted = atomic_load(&server.accepted);
	struct got got;

	(void)state;
	assert_true(address_range_parse(text_of("127.0.0.0/8"), &ranges[0]));
	assert_true(address_range_parse(text_of("::1"), &ranges[1]));
	egress_set_exceptions(egress, exceptions, 3);
	got = fetch_guarded(egress, secure_url("a.localhost", "/fine"));
	assert_int_equal(got.status, 0);
	assert_string_equal(got.problem, "the name leads to an address that is not public");
	assert_int_equal(fetch_guarded(egress, secure_url("b.localhost", "/fine")).status, 0);
	got = fetch_guarded(egress, "https://d.localhost/");
	assert_string_equal(got.problem, "the name leads to an address that is not public");
	assert_int_equal(atomic_load(&server.accepted), accepted);
	/* The exception opens the way; TLS still wants the right certificate. */
	got = fetch_guarded(egress, secure_url("x.b.localhost", "/fine"));
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "{\"a\":1}");
	assert_int_equal(atomic_load(&server.accepted), accepted + 1);
	/* Nothing is shared with the next one. */
	assert_int_equal(fetch_guarded(egress, secure_url("X.B.localhost", "/moved")).status, 302);
	assert_int_equal(atomic_load(&server.accepted), accepted + 2);
	assert_int_equal(egress->guard.running, 0);
	close_egress(egress);
}

/* A host that somebody else chose, of which there is no more to fear than where it leads to. */
static void a_host_of_others_is_not_inside(void **state)
{
	struct egress *egress = egress_open(&context, ca_file);
	int accepted = atomic_load(&server.accepted);
	const char *const hosts[] = {"127.0.0.1", "localhost", "x.localhost", "[::1]", "10.0.0.1"};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct egress_request request = get(secure_url(hosts[i], "/fine"));
		request.public_only = true;
		struct got got = fetch(egress, &request);
		assert_int_equal(got.status, 0);
		assert_string_equal(got.problem, "the name leads to an address that is not public");
	}
	struct egress_request request = get(url_of("/fine"));
	request.public_only = true;
	assert_string_equal(fetch(egress, &request).problem, "the URL is neither https nor http to loopback");
	assert_int_equal(atomic_load(&server.accepted), accepted);
	assert_int_equal(fetch_url(egress, secure_url("127.0.0.1", "/fine")).status, 200);
	close_egress(egress);
}

static void one_forbidden_address_refuses_all(void **state)
{
	struct egress_flight t = {.guarded = true};
	struct curl_sockaddr address = {.family = AF_INET, .socktype = SOCK_STREAM};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&address.addr;
	curl_socket_t fd;

	(void)state;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(0x08080808);
	fd = on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address);
	assert_int_not_equal(fd, CURL_SOCKET_BAD);
	close(fd);
	in->sin_addr.s_addr = htonl(0xa9fea9fe);
	assert_int_equal(on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
	in->sin_addr.s_addr = htonl(0x08080808);
	assert_int_equal(on_open_socket(&t, CURLSOCKTYPE_IPCXN, &address), CURL_SOCKET_BAD);
	assert_non_null(t.problem);
}

/* Goes in and out again until it may not; how often it could. */
static int errands(struct egress *egress, const char *url, const char *asker, int most, const char **problem)
{
	struct uri uri;
	struct egress_errand errand = {.url = &uri, .asker = text_of(asker)};
	int i;

	assert_true(uri_parse(text_of(url), &uri));
	for (i = 0; i < most; i++) {
		*problem = egress_guard_enter(&egress->guard, &errand);
		if (*problem != NULL)
			break;
		egress_guard_leave(&egress->guard, &errand);
	}
	assert_int_equal(errand.over_budget, i < most);
	return i;
}

static void a_host_is_asked_a_few_times_a_minute(void **state)
{
	struct egress *egress = open_egress();
	const char *problem = NULL;
	int begun = 0;

	(void)state;
	assert_in_range(errands(egress, "https://Example.com/a", "a", 100, &problem), 1, HOST_OF_ASKER_PER_MINUTE);
	assert_string_equal(problem, "one address sends us there too often");
	assert_int_equal(errands(egress, "https://example.com/b", "a", 1, &problem), 0);
	/* Somebody else is not kept out by that (of a few: some may share a budget with the first one). */
	for (int i = 0; i < 40 && begun == 0; i++) {
		char asker[16];

		snprintf(asker, sizeof(asker), "b%d", i);
		begun = errands(egress, "https://example.com/a", asker, 1, &problem);
	}
	assert_int_equal(begun, 1);
	assert_int_equal(egress->guard.running, 0);
	close_egress(egress);
}

static void a_host_is_not_asked_more_by_many_askers(void **state)
{
	struct egress *egress = open_egress();
	const char *problem = NULL;
	int begun = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		char asker[16];

		snprintf(asker, sizeof(asker), "b%d", i);
		begun += errands(egress, "https://example.com/a", asker, 1, &problem);
	}
	assert_in_range(begun, HOST_PER_MINUTE / 2, HOST_PER_MINUTE); /* some share a budget */
	close_egress(egress);
}

static void one_asker_has_a_share_of_all(void **state)
{
	struct egress *egress = open_egress();
	const char *problem = NULL;
	int begun = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char url[64];

		snprintf(url, sizeof(url), "https://h%d.example/", i);
		begun += errands(egress, url, "a", 1, &problem);
	}
	assert_in_range(begun, ASKER_PER_MINUTE / 2, ASKER_PER_MINUTE);
	close_egress(egress);
}

static int errands_at_once(struct egress *egress, int askers)
{
	struct egress_errand errand;
	struct uri uri;
	int begun = 0;

	for (int i = 0; i < 200; i++) {
		char url[64], asker[16];

		snprintf(url, sizeof(url), "https://h%d.example/", i);
		snprintf(asker, sizeof(asker), "a%d", i % askers);
		assert_true(uri_parse(text_of(url), &uri));
		errand = (struct egress_errand){.url = &uri, .asker = text_of(asker)};
		begun += egress_guard_enter(&egress->guard, &errand) == NULL;
	}
	memset(&egress->guard, 0, sizeof(egress->guard));
	return begun;
}

static void few_are_fetched_at_once(void **state)
{
	struct egress *egress = open_egress();

	(void)state;
	assert_int_equal(errands_at_once(egress, 1), RUNNING_OF_ASKER);
	assert_int_equal(errands_at_once(egress, 3), 3 * RUNNING_OF_ASKER);
	assert_int_equal(errands_at_once(egress, 100), GUARD_RUNNING_MAX);
	close_egress(egress);
}

static void what_the_head_says_of_caching_is_told(void **state)
{
	struct egress *egress = open_egress();
	struct egress_request request = get(url_of("/fine"));
	struct got got;

	(void)state;
	request.if_none_match = "\"x\"";
	request.if_modified_since = "Sat, 21 Nov 2026 10:00:00 GMT";
	got = fetch(egress, &request);
	assert_int_equal(got.status, 200);
	assert_int_equal(got.lifetime, 60);
	assert_string_equal(got.etag, "\"x\"");
	assert_asked("If-None-Match: \"x\"\r\n", true);
	assert_asked("If-Modified-Since: Sat, 21 Nov 2026 10:00:00 GMT\r\n", true);
	request.if_none_match = "\"x\"\r\nA: b";
	assert_int_equal(fetch(egress, &request).status, 0);
	close_egress(egress);
}

struct chain {
	struct egress *egress;
	struct egress_request request;
	int left;
	struct got got;
};

static void fetch_next(void *data, const struct egress_answer *answer_)
{
	struct chain *chain = data;

	assert_int_equal(answer_->status, 200);
	if (--chain->left > 0)
		egress_fetch(chain->egress, &chain->request, fetch_next, chain);
	else
		on_done(&chain->got, answer_);
}

static void an_answer_may_ask_again(void **state)
{
	struct chain chain = {.egress = open_egress(), .request = get(url_of("/fine")), .left = 10};

	(void)state;
	egress_fetch(chain.egress, &chain.request, fetch_next, &chain);
	run(&chain.got);
	close_egress(chain.egress);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_comes_with_type_and_body),
	    cmocka_unit_test(a_body_and_headers_are_sent),
	    cmocka_unit_test(one_connection_serves_many),
	    cmocka_unit_test(many_at_once),
	    cmocka_unit_test(a_host_that_hangs_holds_up_no_other),
	    cmocka_unit_test(who_waits_goes_when_another_is_through),
	    cmocka_unit_test(nobody_has_all_connections_to_a_host),
	    cmocka_unit_test(an_answer_beyond_its_limit_is_none),
	    cmocka_unit_test(a_slow_answer_times_out),
	    cmocka_unit_test(a_redirect_is_an_answer),
	    cmocka_unit_test(broken_answers_are_none),
	    cmocka_unit_test(what_may_not_go_out_is_refused),
	    cmocka_unit_test(http_stays_on_loopback_whatever_the_resolver_says),
	    cmocka_unit_test(localhost_is_found),
	    cmocka_unit_test(a_certificate_must_be_trusted),
	    cmocka_unit_test(old_tls_is_refused),
	    cmocka_unit_test(closing_answers_what_waits),
	    cmocka_unit_test(an_answer_may_ask_again),
	    cmocka_unit_test(a_guarded_url_is_https_by_name_at_443),
	    cmocka_unit_test(a_name_that_leads_inside_is_refused),
	    cmocka_unit_test(a_host_of_others_is_not_inside),
	    cmocka_unit_test(one_forbidden_address_refuses_all),
	    cmocka_unit_test(a_host_is_asked_a_few_times_a_minute),
	    cmocka_unit_test(a_host_is_not_asked_more_by_many_askers),
	    cmocka_unit_test(one_asker_has_a_share_of_all),
	    cmocka_unit_test(few_are_fetched_at_once),
	    cmocka_unit_test(what_the_head_says_of_caching_is_told),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
