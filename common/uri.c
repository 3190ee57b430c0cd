/* SPDX-License-Identifier: Apache-2.0 */
#include "uri.h"

#include <arpa/inet.h>
#include <string.h>

#include "encoding.h"

enum { URI_SIZE_MAX = 2048, HOST_SIZE_MAX = 253, END_OF_PATH = -1 };

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

/* strchr() for sets of few characters; '\0' is of none. */
static bool is_any_of(char c, const char *characters)
{
	for (; *characters != '\0'; characters++)
		if (*characters == c)
			return true;
	return false;
}

/* RFC 3986, 3.3, without "%". */
static bool is_pchar(char c)
{
	return is_alphanumeric(c) || (c != '\0' && strchr("-._~!$&'()*+,;=:@", c) != NULL);
}

static h2o_iovec_t slice(const char *from, const char *to)
{
	return h2o_iovec_init(from, (size_t)(to - from));
}

static const char *find_any(const char *s, const char *end, const char *characters)
{
	while (s < end && !is_any_of(*s, characters))
		s++;
	return s;
}

/* Characters of a path, query or fragment: pchar, those of `more`, and escapes of anything but a
 * control character, which no honest URI needs and some reader behind might decode. */
static bool characters_valid(h2o_iovec_t a, const char *more)
{
	for (size_t i = 0; i < a.len; i++) {
		char c = a.base[i];
		if (is_pchar(c) || is_any_of(c, more))
			continue;
		if (c != '%' || a.len - i < 3)
			return false;
		int high = hex_value(a.base[i + 1]), low = hex_value(a.base[i + 2]);
		if (high < 2 || low < 0 || (high == 7 && low == 15))
			return false;
		i += 2;
	}
	return true;
}

/* RFC 3986, 3.1. */
static bool scheme_valid(h2o_iovec_t scheme)
{
	if (scheme.len == 0 || !(is_lower(scheme.base[0]) || is_upper(scheme.base[0])))
		return false;
	for (size_t i = 1; i < scheme.len; i++)
		if (!is_alphanumeric(scheme.base[i]) && memchr("+-.", scheme.base[i], 3) == NULL)
			return false;
	return true;
}

static bool is_address(int family, h2o_iovec_t text)
{
	char copy[INET6_ADDRSTRLEN + 1];
	uint8_t address[16];
	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.base, '\0', text.len) != NULL)
		return false; /* inet_pton would read up to the NUL only */
	memcpy(copy, text.base, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

/* A host whose last label is a number is an IPv4 address to browsers, in any of its odd spellings
 * (0x7f.1, 2130706433): only the plain one is let through. */
static bool ends_in_number(h2o_iovec_t label)
{
	if (label.len > 1 && label.base[0] == '0' && (label.base[1] == 'x' || label.base[1] == 'X'))
		return true;
	for (size_t i = 0; i < label.len; i++)
		if (!is_digit(label.base[i]))
			return false;
	return true;
}

/* Narrower than RFC 3986's reg-name: letters, digits, "-", "_" and single dots between labels. So
 * a host can be shown, and can stand in a Content-Security-Policy, as it is. */
static bool host_valid(h2o_iovec_t host)
{
	if (host.len > HOST_SIZE_MAX)
		return false;
	if (host.base[0] == '[')
		return host.len > 2 && host.base[host.len - 1] == ']' &&
		       is_address(AF_INET6, h2o_iovec_init(host.base + 1, host.len - 2));
	h2o_iovec_t label = {host.base, 0};
	for (size_t i = 0; i < host.len; i++) {
		char c = host.base[i];
		if (c != '.') {
			if (!is_alphanumeric(c) && c != '-' && c != '_')
				return false;
			label.len++;
			continue;
		}
		if (label.len == 0)
			return false;
		label = h2o_iovec_init(host.base + i + 1, 0);
	}
	return label.len != 0 && (!ends_in_number(label) || is_address(AF_INET, host));
}

static bool authority_read(h2o_iovec_t authority, struct uri *u)
{
	const char *s = authority.base, *end = s + authority.len, *colon = s;
	if (authority.len == 0)
		return true; /* http(s) is checked by the caller */
	if (*s == '[') {
		colon = find_any(s, end, "]");
		colon = colon == end ? end : colon + 1;
		if (colon < end && *colon != ':')
			return false;
	} else {
		colon = find_any(s, end, ":");
	}
	u->host = slice(s, colon);
	if (u->host.len == 0 || !host_valid(u->host))
		return false;
	if (colon == end)
		return true;
	int64_t port;
	u->port = slice(colon + 1, end);
	return text_to_int64(u->port, &port) && port >= 1 && port <= 65535;
}

/* The next character of a path as whoever decodes it sees it; END_OF_PATH at the end. */
static int path_next(h2o_iovec_t path, size_t *at)
{
	if (*at >= path.len)
		return END_OF_PATH;
	char c = path.base[*at];
	if (c != '%') {
		*at += 1;
		return (uint8_t)c;
	}
	int code = hex_value(path.base[*at + 1]) << 4 | hex_value(path.base[*at + 2]);
	*at += 3;
	return code;
}

/* "." and ".." between slashes or backslashes, raw or escaped, also before path parameters
 * ("..;x"), which some servers strip first. Escapes are known to be well-formed. */
static bool has_dot_segment(h2o_iovec_t path)
{
	size_t at = 0;
	for (;;) {
		size_t dots = 0;
		bool other = false, parameters = false;
		int c;
		while ((c = path_next(path, &at)) != END_OF_PATH && c != '/' && c != '\\') {
			parameters = parameters || c == ';';
			if (parameters)
				continue;
			dots += c == '.';
			other = other || c != '.';
		}
		if (!other && (dots == 1 || dots == 2))
			return true;
		if (c == END_OF_PATH)
			return false;
	}
}

static bool is_http(h2o_iovec_t scheme)
{
	return text_is_nocase(scheme, "http") || text_is_nocase(scheme, "https");
}

bool uri_parse(h2o_iovec_t text, struct uri *ret)
{
	struct uri u = {0};
	if (text.len == 0 || text.len > URI_SIZE_MAX)
		return false;
	const char *s = text.base, *end = s + text.len, *stop = find_any(s, end, ":");
	u.scheme = slice(s, stop);
	if (stop == end || !scheme_valid(u.scheme))
		return false;
	s = stop + 1;
	if (end - s >= 2 && s[0] == '/' && s[1] == '/') {
		stop = find_any(s + 2, end, "/?#");
		u.has_authority = true;
		if (!authority_read(slice(s + 2, stop), &u))
			return false;
		s = stop;
	}
	if (is_http(u.scheme) && u.host.len == 0)
		return false;
	stop = find_any(s, end, "?#");
	u.path = slice(s, stop);
	if (!characters_valid(u.path, "/") || has_dot_segment(u.path))
		return false;
	if (stop < end && *stop == '?') {
		s = stop + 1;
		stop = find_any(s, end, "#");
		u.query = slice(s, stop);
		if (!characters_valid(u.query, "/?"))
			return false;
	}
	u.has_fragment = stop < end;
	if (u.has_fragment && !characters_valid(slice(stop + 1, end), "/?"))
		return false;
	*ret = u;
	return true;
}

/* RFC 8252, 7.3 and 8.3. No other spelling of these addresses counts. */
bool uri_is_loopback(const struct uri *u)
{
	return text_is(u->scheme, "http") &&
	       (text_is(u->host, "localhost") || text_is(u->host, "127.0.0.1") || text_is(u->host, "[::1]"));
}

/* Schemes that a browser or a system handles itself: a code sent to one of these runs a script,
 * opens a file, leaves the machine in clear or starts a program that takes orders from the URI. */
static const char *const refused_schemes[] = {
    "about",       "acap",      "addbook",    "afp",     "android-app",  "applescript", "blob",
    "brave",       "callto",    "cid",        "content", "data",         "dav",         "davs",
    "devtools",    "dict",      "dns",        "edge",    "externalfile", "facetime",    "facetime-audio",
    "feed",        "file",      "filesystem", "finger",  "ftp",          "ftps",        "geo",
    "git",         "gopher",    "h323",       "hcp",     "help",         "http",        "https",
    "imap",        "intent",    "irc",        "ircs",    "jar",          "java",        "javascript",
    "jms",         "jscript",   "ldap",       "ldaps",   "livescript",   "local",       "magnet",
    "mailto",      "maps",      "market",     "mhtml",   "mid",          "mk",          "mms",
    "mocha",       "netdoc",    "news",       "nfs",     "nntp",         "opera",       "pop",
    "rdar",        "res",       "resource",   "rmi",     "rsync",        "rtsp",        "script",
    "search",      "search-ms", "sftp",       "shell",   "shortcuts",    "sip",         "sips",
    "smb",         "sms",       "smsto",      "snews",   "ssh",          "stun",        "svn",
    "tel",         "telnet",    "tftp",       "turn",    "urn",          "vbs",         "vbscript",
    "view-source", "vivaldi",   "vnc",        "wais",    "webcal",       "ws",          "wss",
    "wyciwyg",     "xmpp",
};
static const char *const refused_scheme_prefixes[] = {
    "chrome", "moz-",           "ms-",  "itms",       "x-apple",  "x-man-page",
    "safari", "microsoft-edge", "vnd.", "javascript", "vbscript",
};

static bool scheme_refused(h2o_iovec_t scheme)
{
	for (size_t i = 0; i < sizeof(refused_schemes) / sizeof(refused_schemes[0]); i++)
		if (text_is_nocase(scheme, refused_schemes[i]))
			return true;
	size_t count = sizeof(refused_scheme_prefixes) / sizeof(refused_scheme_prefixes[0]);
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(refused_scheme_prefixes[i]);
		h2o_iovec_t start = {scheme.base, scheme.len < len ? scheme.len : len};
		if (text_is_nocase(start, refused_scheme_prefixes[i]))
			return true;
	}
	return false;
}

static bool has_upper(h2o_iovec_t a)
{
	for (size_t i = 0; i < a.len; i++)
		if (is_upper(a.base[i]))
			return true;
	return false;
}

static const char *private_use_problem(const struct uri *u)
{
	if (scheme_refused(u->scheme))
		return "the redirect URI has a scheme that is not allowed";
	if (has_upper(u->scheme))
		return "the scheme of the redirect URI must be in lower case";
	if (memchr(u->scheme.base, '.', u->scheme.len) != NULL)
		return u->host.len != 0 || u->path.len != 0 ? NULL : "the redirect URI has no path";
	/* Without a dot nothing says whose the scheme is: at least no opaque data follows it. */
	return u->host.len != 0 ? NULL : "a redirect URI of a private-use scheme without a dot must name a host";
}

/* The names of what an answer adds (RFC 6749, 4.1.2; RFC 9207, 2). Were one of them there before, a client that takes
 * the first would read what the registration says: another issuer, say, which is what `iss` is there to prevent. */
static bool query_has_response_parameter(h2o_iovec_t query)
{
	static const char *const NAMES[] = {"code", "state", "iss", "error", "response"};
	for (const char *s = query.base, *end = s + query.len; s < end; s++) {
		char name[16];
		size_t len = 0, at = 0;
		h2o_iovec_t piece = slice(s, find_any(s, end, "&;"));
		h2o_iovec_t raw = slice(s, find_any(s, s + piece.len, "="));
		while (at < raw.len && len < sizeof(name))
			name[len++] = (char)path_next(raw, &at);
		for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
			if (text_is(h2o_iovec_init(name, len), NAMES[i]))
				return true;
		s += piece.len;
	}
	return false;
}

const char *uri_redirect_problem(h2o_iovec_t text)
{
	struct uri u;
	if (!uri_parse(text, &u))
		return "the redirect URI is not a valid absolute URI";
	if (u.has_fragment) /* RFC 6749, 3.1.2 */
		return "the redirect URI must not have a fragment";
	if (memchr(text.base, '*', text.len) != NULL)
		return "the redirect URI must not have a wildcard";
	if (u.query.len != 0 && query_has_response_parameter(u.query))
		return "the redirect URI must not have code, state, iss, error or response in its query";
	if (text_is(u.scheme, "https") || uri_is_loopback(&u))
		return NULL;
	if (text_is(u.scheme, "http"))
		return "a redirect URI with http must be on localhost, 127.0.0.1 or [::1]";
	return private_use_problem(&u);
}

bool uri_redirect_matches(h2o_iovec_t registered, h2o_iovec_t requested)
{
	struct uri a, b;
	if (text_equal(registered, requested))
		return registered.len != 0;
	if (!uri_parse(registered, &a) || !uri_parse(requested, &b))
		return false;
	if (!uri_is_loopback(&a) || !uri_is_loopback(&b) || !text_equal(a.host, b.host))
		return false;
	/* RFC 8252, 7.3: all but the port; the path and what follows it, byte for byte. */
	return !a.has_fragment && !b.has_fragment &&
	       text_equal(slice(a.path.base, registered.base + registered.len),
	                  slice(b.path.base, requested.base + requested.len));
}

/* Clients write URLs in their normal form; an issuer or resource in another form, which is
 * compared byte for byte, would never be met. */
static const char *server_problem(const struct uri *u)
{
	if (!text_is(u->scheme, "https") && !uri_is_loopback(u))
		return "it must be https, or http on localhost, 127.0.0.1 or [::1]";
	if (u->has_fragment)
		return "it must not have a fragment";
	if (has_upper(u->host))
		return "its host must be in lower case";
	if (text_is(u->port, text_is(u->scheme, "https") ? "443" : "80"))
		return "it must not name the default port";
	if (u->path.len != 0 && u->path.base[u->path.len - 1] == '/')
		return "it must not end in a slash";
	return NULL;
}

const char *uri_issuer_problem(h2o_iovec_t text)
{
	struct uri u;
	if (!uri_parse(text, &u))
		return "it is not a valid absolute URI";
	if (u.query.base != NULL) /* RFC 8414, 2 */
		return "it must not have a query";
	return server_problem(&u);
}

const char *uri_resource_problem(h2o_iovec_t text)
{
	struct uri u;
	if (!uri_parse(text, &u))
		return "it is not a valid absolute URI";
	return server_problem(&u);
}

char *uri_origin(h2o_mem_pool_t *pool, const struct uri *u)
{
	return text_printf(pool, "%.*s://%.*s%s%.*s", (int)u->scheme.len, u->scheme.base, (int)u->host.len,
	                   u->host.len == 0 ? "" : u->host.base, u->port.len == 0 ? "" : ":", (int)u->port.len,
	                   u->port.len == 0 ? "" : u->port.base);
}
