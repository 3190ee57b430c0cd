/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "egress_flight.h"
#include "secret.h"
#include "uri.h"

enum { FIELD_LIMIT = 16384, NAME_LIMIT = 128, CONNECT_DEFAULT_MS = 30000 };

/* ---- the head ---- */

static bool is_field_value(const char *value)
{
	size_t len = 0;

	for (; value[len] != '\0'; len++) {
		if (len >= FIELD_LIMIT || (unsigned char)value[len] < ' ' || value[len] == 0x7f)
			return false;
	}
	return true;
}

static void append_line(struct egress_flight *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (longer == NULL)
		h2o_fatal("no memory");
	t->headers = longer;
}

static bool add_header(struct egress_flight *t, const char *name, const char *value)
{
	char line[FIELD_LIMIT + NAME_LIMIT + 8];

	if (!is_field_value(value))
		return false;
	/* To curl "Name:" takes a header away; this is how one without a value is written. */
	if (value[strspn(value, " \t")] == '\0')
		snprintf(line, sizeof(line), "%s;", name);
	else
		snprintf(line, sizeof(line), "%s: %s", name, value);
	append_line(t, line);
	secret_wipe(line, strlen(line));
	return true;
}

/* Many services read "_" in a name as "-" (CGI, WSGI). */
static bool begins_with(h2o_iovec_t name, const char *before)
{
	size_t len = strlen(before);

	for (size_t i = 0; i < len && i < name.len; i++) {
		const char a = name.base[i] == '_' ? '-' : name.base[i], b = before[i] == '_' ? '-' : before[i];
		if (a != b && ((a | 0x20) != (b | 0x20) || (a | 0x20) < 'a' || (a | 0x20) > 'z'))
			return false;
	}
	return name.len >= len;
}

bool egress_field_name_is(h2o_iovec_t name, const char *other)
{
	return name.len == strlen(other) && begins_with(name, other);
}

/* They change the method, or say who asks. */
static bool misleads(h2o_iovec_t name)
{
	static const char *const EXACT[] = {"Forwarded", "X-Forwarded", "X-Method-Override", "X-Real-IP"};

	for (size_t i = 0; i < sizeof(EXACT) / sizeof(EXACT[0]); i++)
		if (egress_field_name_is(name, EXACT[i]))
			return true;
	return begins_with(name, "X-HTTP-Method") || begins_with(name, "X-Forwarded-");
}

bool egress_field_name_is_free(h2o_iovec_t name)
{
	static const char *const TAKEN[] = {
	    "Accept",
	    "Accept-Encoding",
	    "Authorization",
	    "Connection",
	    "Content-Encoding",
	    "Cookie",
	    "Content-Length",
	    "Content-Type",
	    "Expect",
	    "Host",
	    "If-Modified-Since",
	    "If-None-Match",
	    "Keep-Alive",
	    "Proxy-Authorization",
	    "TE",
	    "Proxy-Connection",
	    "Trailer",
	    "Transfer-Encoding",
	    "Upgrade",
	    "User-Agent",
	};

	for (size_t i = 0; i < sizeof(TAKEN) / sizeof(TAKEN[0]); i++)
		if (egress_field_name_is(name, TAKEN[i]))
			return false;
	return text_is_token(name) && name.len <= NAME_LIMIT && !misleads(name);
}

static bool add_line(struct egress_flight *t, const char *line)
{
	const char *colon = strchr(line, ':');
	char name[NAME_LIMIT + 1];
	size_t len = colon != NULL ? (size_t)(colon - line) : 0;

	if (len == 0 || len > NAME_LIMIT || !egress_field_name_is_free(h2o_iovec_init(line, len)))
		return false;
	memcpy(name, line, len);
	name[len] = '\0';
	return add_header(t, name, colon + 1 + strspn(colon + 1, " \t"));
}

static bool read_headers(struct egress_flight *t, const struct egress_request *request)
{
	const char *const *line = request->headers;

	append_line(t, "Expect:"); /* no waiting for 100 */
	for (; line != NULL && *line != NULL; line++)
		if (!add_line(t, *line))
			return false;
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

/* ---- where it may go ---- */

static const char *confine(struct egress_flight *t, const struct egress_places *places, const struct uri *url)
{
	struct address literal;

	t->place = egress_places_find(places, url);
	if (t->place == NULL)
		return "the URL leads to no host of the list";
	if (egress_host_is_address(url->host, &literal) && !egress_place_allows(t->place, &literal))
		return "the URL has an address that is not allowed";
	return NULL;
}

static const char *guard(struct egress_flight *t, const struct egress_request *request, const struct uri *url)
{
	const char *problem;

	t->errand = (struct egress_errand){.url = url, .asker = request->asker};
	problem = egress_guard_enter(&t->egress->guard, &t->errand);
	t->errand.url = NULL; /* ours */
	t->guarded = problem == NULL;
	return problem;
}

static const char *destination_problem(struct egress_flight *t, const struct egress_request *request,
                                       const struct uri *url)
{
	if (request->places != NULL)
		return confine(t, request->places, url);
	if (request->guarded)
		return guard(t, request, url);
	t->public_only = request->public_only;
	t->loopback_only = uri_is_loopback(url) && !t->public_only;
	if (!t->loopback_only && !text_is_nocase(url->scheme, "https"))
		return "the URL is neither https nor http to loopback";
	return NULL;
}

static bool is_endless(const struct egress_request *request)
{
	return request->timeout_ms == 0 && request->stream != NULL && request->stream->on_data != NULL;
}

const char *egress_request_problem(struct egress_flight *t, const struct egress_request *request)
{
	struct uri uri;

	if (!uri_parse(text_of(request->url), &uri) || uri.has_fragment || uri.host.len == 0)
		return "the URL is not valid";
	if (!is_method(request->method) || !read_headers(t, request))
		return "the request has a part that no header can carry";
	const char *problem = destination_problem(t, request, &uri);
	if (problem != NULL || t->guarded) /* those have their own bounds */
		return problem;
	t->turn.who = request->who;
	t->turn.due_ms = is_endless(request) ? INT64_MAX : clock_monotonic_ms() + request->timeout_ms;
	if (egress_line_enter(&t->egress->line, &t->turn, &uri))
		return NULL;
	t->failure = EGRESS_UNSENT;
	return "too many requests wait for the host";
}

/* "localhost" is whatever the resolver says; without TLS nothing leaves this machine. */
const char *egress_address_problem(const struct egress_flight *t, const struct sockaddr *address)
{
	struct address a;

	if (t->loopback_only && !egress_guard_is_loopback(address))
		return "the name of an http URL leads away from loopback";
	if ((t->guarded || t->public_only) && !egress_guard_allows(t->errand.exception, address))
		return "the name leads to an address that is not public";
	if (t->place != NULL && (!address_of_sockaddr(address, &a) || !egress_place_allows(t->place, &a)))
		return "the name leads to an address that is not allowed";
	return NULL;
}

static bool read_address(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	return ret->ss_family == AF_INET6 ? inet_pton(AF_INET6, text, &in6->sin6_addr) == 1
	                                  : inet_pton(AF_INET, text, &in->sin_addr) == 1;
}

const char *egress_peer_problem(const struct egress_flight *t, const char *address)
{
	struct sockaddr_storage peer;

	if (!read_address(address, &peer))
		return "the connection is of no known kind";
	return egress_address_problem(t, (struct sockaddr *)&peer);
}

/* ---- what curl is told ---- */

static void set_body(struct egress_flight *t, const struct egress_request *request)
{
	const char *method = request->method;
	bool with_body = request->body.len > 0 || request->content_type != NULL;

	if (strcmp(method, "GET") == 0 && !with_body) {
		curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
		return;
	}
	if (with_body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0) {
		t->sent_len = request->body.len;
		t->sent = h2o_mem_alloc(t->sent_len + 1);
		if (t->sent_len > 0)
			memcpy(t->sent, request->body.base, t->sent_len);
		curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->sent);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->sent_len);
	}
	if (request->content_type == NULL)
		append_line(t, "Content-Type:"); /* curl would invent one */
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
}

static const char *ca_file_of(const struct egress_flight *t)
{
	if (t->errand.exception != NULL && t->errand.exception->ca_file != NULL)
		return t->errand.exception->ca_file;
	if (t->place != NULL && t->place->ca_file != NULL)
		return t->place->ca_file;
	return t->egress->ca_file;
}

/* A guarded request shares nothing with another: a connection that was made under other rules would be no checked one.
 * Those of one list of places share theirs, and the address is judged for each request. */
static void set_trust(struct egress_flight *t)
{
	const char *ca_file = ca_file_of(t);

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

static void set_times(CURL *easy, const struct egress_request *request)
{
	bool endless = is_endless(request);
	long connect_ms = request->connect_ms > 0 ? request->connect_ms : endless ? CONNECT_DEFAULT_MS : 0;

	if (!endless)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms > 0 ? request->timeout_ms : 1L);
	if (connect_ms > 0)
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
}

static void set_limits(struct egress_flight *t)
{
	CURL *easy = t->easy;
	bool plain = t->loopback_only || (t->place != NULL && t->place->plain);

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	/* A name server that does not answer would hold the loop when the flight ends: its thread is left behind. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	/* Others take memory by what the answer says; egress.c refuses them. */
	if (t->decodes)
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
}

void egress_request_set(struct egress_flight *t, const struct egress_request *request)
{
	curl_easy_setopt(t->easy, CURLOPT_URL, request->url);
	curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "sallyport");
	set_body(t, request);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	set_times(t->easy, request);
	set_limits(t);
	set_trust(t);
}
