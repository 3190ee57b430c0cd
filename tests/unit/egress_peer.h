/* SPDX-License-Identifier: Apache-2.0 */
/* A small server on loopback, in a thread of the program, and egress on a loop of its own to ask it. */
#ifndef SALLYPORT_TESTS_EGRESS_PEER_H
#define SALLYPORT_TESTS_EGRESS_PEER_H

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

static inline void assert_asked(const char *part, bool wanted)
{
	pthread_mutex_lock(&server.mutex);
	if ((strstr(server.last, part) != NULL) != wanted)
		print_error("%s: wanted %d in\n%s", part, wanted, server.last);
	assert_true((strstr(server.last, part) != NULL) == wanted);
	pthread_mutex_unlock(&server.mutex);
}

/* --- tests --------------------------------------------------------------------------------- */

#endif
