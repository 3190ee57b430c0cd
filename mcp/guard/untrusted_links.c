/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/guard/untrusted_links.h"

#include <string.h>

#include "common/host_pattern.h"

enum { IMAGE_BEFORE = 512 /* bytes from the beginning of an image to its address */ };

/* What may stand in a host's name as it is written; what is above ASCII is the browser's business to encode. */
static bool is_of_host(unsigned char c)
{
	return c >= 0x80 || c == '.' || c == '-' || c == '_' || (c >= '0' && c <= '9') ||
	       ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static size_t authority_end(h2o_iovec_t text, size_t at)
{
	while (at < text.len &&
	       (is_of_host((unsigned char)text.base[at]) || strchr("@:%[]!$&*+,;=~", text.base[at]) != NULL) &&
	       text.base[at] != '\0')
		at++;
	return at;
}

/* The host behind the two slashes; empty if there is none. What stands before an @ is a name for show. */
static h2o_iovec_t host_at(h2o_iovec_t text, size_t at)
{
	size_t end = authority_end(text, at);
	const char *user = end > at ? memrchr(text.base + at, '@', end - at) : NULL;

	if (user != NULL)
		at = (size_t)(user + 1 - text.base);
	end = at;
	while (end < text.len && is_of_host((unsigned char)text.base[end]))
		end++;
	while (end > at && text.base[end - 1] == '.')
		end--;
	return h2o_iovec_init(text.base + at, end - at);
}

/* `back` bytes before `at`, what escapes aside. */
static char before(h2o_iovec_t text, size_t at)
{
	while (at > 0 && text.base[at - 1] == '\\')
		at--;
	return at > 0 ? text.base[at - 1] : '\0';
}

/* ![words](address or <img src=address: nothing but its own words stands between. */
static bool is_image(h2o_iovec_t text, size_t at)
{
	size_t start = at > IMAGE_BEFORE ? at - IMAGE_BEFORE : 0;

	for (size_t i = at; i > start; i--) {
		const char *p = text.base + i - 1;
		if (p[0] == '!' && i < at && p[1] == '[')
			return memmem(p, at - i + 1, "](", 2) != NULL;
		if (p[0] == '<')
			return at - i >= 3 && (h2o_memis(p + 1, 3, "img", 3) || h2o_memis(p + 1, 3, "IMG", 3));
		if (p[0] == '>')
			return false;
	}
	return false;
}

static void note_host(struct untrusted_links *links, h2o_iovec_t host)
{
	char name[LINK_HOST_SIZE];
	size_t len = host.len < sizeof(name) ? host.len : sizeof(name) - 1;

	for (size_t i = 0; i < len; i++)
		name[i] = (unsigned char)host.base[i] >= 0x80 ? '?' : (char)h2o_tolower(host.base[i]);
	name[len] = '\0';
	for (size_t i = 0; i < links->host_count; i++)
		if (strcmp(links->hosts[i], name) == 0)
			return;
	if (links->host_count < LINK_HOSTS_MAX)
		memcpy(links->hosts[links->host_count++], name, len + 1);
}

static bool is_own(h2o_iovec_t text, size_t at, h2o_iovec_t own)
{
	const char *slashes = own.base != NULL ? memmem(own.base, own.len, "//", 2) : NULL;
	size_t head = slashes != NULL ? (size_t)(slashes - own.base) : 0;

	return slashes != NULL && at >= head && text.len - (at - head) >= own.len &&
	       memcmp(text.base + at - head, own.base, own.len) == 0;
}

void untrusted_find_links(struct untrusted_links *links, h2o_iovec_t json, const char *const *allowed, h2o_iovec_t own)
{
	const char *end = json.base + json.len, *p = json.base;

	while (p < end && (p = memchr(p, '/', (size_t)(end - p))) != NULL) {
		size_t at = (size_t)(p - json.base), next = at + 1;
		while (next < json.len && json.base[next] == '\\')
			next++;
		p = json.base + next;
		if (next >= json.len || json.base[next] != '/')
			continue;
		p++;
		char c = before(json, at);
		/* without a scheme it takes the page's, where markup says that it is an address */
		if (c != ':' && c != '(' && c != '=' && !((c == '"' || c == '\'') && before(json, at - 1) == '='))
			continue;
		h2o_iovec_t host = host_at(json, next + 1);
		if (host.len == 0 || host_patterns_fit(allowed, host) || is_own(json, at, own))
			continue;
		if (is_image(json, at))
			links->images++;
		else
			links->links++;
		note_host(links, host);
	}
}

bool untrusted_append_links(struct text_buffer *b, const struct untrusted_links *links)
{
	if (links->links + links->images == 0)
		return false;
	text_append_printf(b, "{\"links\":%u,\"images\":%u,\"hosts\":[", links->links, links->images);
	for (size_t i = 0; i < links->host_count; i++) {
		text_append_str(b, i > 0 ? "," : "");
		text_append_json(b, text_of(links->hosts[i]));
	}
	text_append_str(b, "]}");
	return true;
}
