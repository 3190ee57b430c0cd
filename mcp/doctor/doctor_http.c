/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/doctor/doctor_http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

enum { ANSWER_LIMIT = 4 << 20, HEAD_LIMIT = 256 << 10, CONNECT_MS = 5000, TOTAL_MS = 30000 };

struct doctor_http {
	h2o_mem_pool_t *pool;
	CURL *handles[2]; /* by enum doctor_role */
	const char *ca_file;
};

struct arrival {
	struct text_buffer head, body;
	bool too_large;
};

struct doctor_http *doctor_http_open(h2o_mem_pool_t *pool, const char *ca_file)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	struct doctor_http *http = h2o_mem_alloc_pool(pool, sizeof(*http));

	*http = (struct doctor_http){.pool = pool, .ca_file = ca_file};
	for (size_t i = 0; i < 2; i++) {
		http->handles[i] = curl_easy_init();
		if (http->handles[i] == NULL) {
			doctor_http_close(http);
			return NULL;
		}
	}
	curl_easy_setopt(http->handles[DOCTOR_BROWSER], CURLOPT_COOKIEFILE, ""); /* a jar in memory */
	return http;
}

void doctor_http_close(struct doctor_http *http)
{
	for (size_t i = 0; i < 2; i++)
		curl_easy_cleanup(http->handles[i]);
	curl_global_cleanup();
}

void doctor_http_forget_cookies(struct doctor_http *http)
{
	curl_easy_setopt(http->handles[DOCTOR_BROWSER], CURLOPT_COOKIELIST, "ALL");
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
	struct arrival *a = data;

	if (a->body.len + size * count > ANSWER_LIMIT) {
		a->too_large = true;
		return 0;
	}
	text_append(&a->body, bytes, size * count);
	return size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *data)
{
	struct arrival *a = data;
	size_t len = size * count;

	/* A status line starts a new response: an earlier one was 1xx or a proxy's. */
	if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
		a->head.len = 0;
	if (a->head.len + len > HEAD_LIMIT) {
		a->too_large = true;
		return 0;
	}
	text_append(&a->head, bytes, len);
	return len;
}

static const char *url_part(h2o_mem_pool_t *pool, const char *url, CURLUPart part)
{
	CURLU *u = curl_url();
	char *value = NULL;
	const char *ret = NULL;

	if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(u, part, &value, 0) == CURLUE_OK)
		ret = text_copy(pool, text_of(value));
	curl_free(value);
	curl_url_cleanup(u);
	return ret;
}

static bool is_loopback(h2o_mem_pool_t *pool, const char *url)
{
	const char *host = url_part(pool, url, CURLUPART_HOST);

	return host != NULL &&
	       (strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0);
}

static void set_common(struct doctor_http *http, CURL *curl, const char *url, char *why)
{
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "sallyport-doctor");
	/* ".netrc" and the like must not send credentials that nobody typed. */
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (http->ca_file != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
	curl_easy_setopt(curl, CURLOPT_PROXY, is_loopback(http->pool, url) ? "" : NULL);
}

static const char *trouble_words(h2o_mem_pool_t *pool, CURLcode code, const char *why, bool too_large)
{
	if (too_large)
		return "the answer is larger than 4 MiB";
	switch (code) {
	case CURLE_COULDNT_CONNECT: return "nothing accepts connections there";
	case CURLE_COULDNT_RESOLVE_HOST: return "the host name is not known";
	case CURLE_OPERATION_TIMEDOUT: return "no answer in time";
	case CURLE_GOT_NOTHING: return "the connection was closed without an answer";
	case CURLE_PEER_FAILED_VERIFICATION:
		return text_printf(pool, "the server's certificate is not trusted: %s", why);
	case CURLE_SSL_CONNECT_ERROR: return text_printf(pool, "TLS does not work there: %s", why);
	default: return text_copy(pool, text_of(why[0] != '\0' ? why : curl_easy_strerror(code)));
	}
}

static const char *essence(h2o_mem_pool_t *pool, const char *content_type)
{
	if (content_type == NULL)
		return "";
	char *ret = text_copy(pool, h2o_iovec_init(content_type, strcspn(content_type, "; \t")));

	for (char *p = ret; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return ret;
}

struct doctor_answer doctor_http_ask(struct doctor_http *http, enum doctor_role role, const char *method,
                                     const char *url, const char *const *headers, h2o_iovec_t body)
{
	CURL *curl = http->handles[role];
	char why[CURL_ERROR_SIZE] = "";
	struct arrival arrival = {.head = {.pool = http->pool}, .body = {.pool = http->pool}};
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	struct doctor_answer ret = {.content_type = ""};

	set_common(http, curl, url, why);
	for (size_t i = 0; headers != NULL && headers[i] != NULL; i++)
		list = curl_slist_append(list, headers[i]);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
	/* Every option is set anew each time: curl_easy_reset would also forget that there is a cookie jar. */
	curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	if (body.base != NULL) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.base);
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &arrival);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &arrival);

	CURLcode code = curl_easy_perform(curl);

	curl_slist_free_all(list);
	if (code != CURLE_OK) {
		ret.trouble = trouble_words(http->pool, code, why, arrival.too_large);
		return ret;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret.status);
	text_append(&arrival.body, "", 0);
	ret.head = h2o_iovec_init(arrival.head.base, arrival.head.len);
	ret.body = h2o_iovec_init(arrival.body.base != NULL ? arrival.body.base : "", arrival.body.len);
	ret.content_type = essence(http->pool, doctor_http_header(http->pool, &ret, "Content-Type"));
	return ret;
}

/* The value on one header line if the name fits; base NULL otherwise. */
static h2o_iovec_t line_value(const char *line, size_t len, const char *name)
{
	size_t name_len = strlen(name);

	if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
		return (h2o_iovec_t){NULL, 0};
	const char *from = line + name_len + 1, *to = line + len;

	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	return h2o_iovec_init(from, to - from);
}

const char *doctor_http_header(h2o_mem_pool_t *pool, const struct doctor_answer *answer, const char *name)
{
	struct text_buffer b = {.pool = pool};
	const char *p = answer->head.base, *end = p + answer->head.len;

	while (p < end) {
		const char *line_end = memchr(p, '\n', end - p);
		size_t len = (line_end != NULL ? line_end + 1 : end) - p;
		h2o_iovec_t value = line_value(p, len, name);

		if (value.base != NULL && b.base != NULL)
			text_append_str(&b, ", ");
		if (value.base != NULL) {
			text_append(&b, "", 0);
			text_append_iovec(&b, value);
		}
		p += len;
	}
	return b.base;
}

const char *doctor_http_resolve(h2o_mem_pool_t *pool, const char *base, const char *reference)
{
	CURLU *u = curl_url();
	char *value = NULL;
	const char *ret = NULL;

	/* CURLU_NON_SUPPORT_SCHEME: a native client's redirect may have a scheme of its own. */
	if (u != NULL && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_URL, reference, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_URL, &value, 0) == CURLUE_OK)
		ret = text_copy(pool, text_of(value));
	curl_free(value);
	curl_url_cleanup(u);
	return ret;
}

const char *doctor_http_origin(h2o_mem_pool_t *pool, const char *url)
{
	const char *scheme = url_part(pool, url, CURLUPART_SCHEME), *host = url_part(pool, url, CURLUPART_HOST);
	const char *port = url_part(pool, url, CURLUPART_PORT);

	if (scheme == NULL || host == NULL)
		return NULL;
	return text_printf(pool, "%s://%s%s%s", scheme, host, port != NULL ? ":" : "", port != NULL ? port : "");
}

const char *doctor_http_path(h2o_mem_pool_t *pool, const char *url)
{
	return url_part(pool, url, CURLUPART_PATH);
}
