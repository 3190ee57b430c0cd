/* SPDX-License-Identifier: Apache-2.0 */
/* A strict reader of absolute URIs (RFC 3986, ASCII only). It never normalises: URIs are compared byte for byte, and
 * the one exception (the port of a loopback redirect URI, RFC 8252, 7.3) is uri_redirect_matches. */
#ifndef SALLYPORT_URI_H
#define SALLYPORT_URI_H

#include "text.h"

struct uri { /* slices of the text that was read */
	h2o_iovec_t scheme;
	h2o_iovec_t host; /* IPv6 with its brackets; len 0 if there is no authority */
	h2o_iovec_t port; /* digits; len 0 if absent */
	h2o_iovec_t path;
	h2o_iovec_t query; /* without "?"; base NULL if absent */
	bool has_authority;
	bool has_fragment;
};

/* False for anything outside RFC 3986, for user information, an empty host with http(s), a host that ends in a dot, a
 * backslash, a bad percent escape or one of a control character, "." or ".." segments (also percent-encoded), a port
 * outside 1..65535 or with leading zeros, or more than 2,048 bytes. Hosts are narrower than RFC 3986's: letters,
 * digits, "-", "_" and dots, an IPv4 address in its plain spelling, or an IPv6 address in brackets. */
bool uri_parse(h2o_iovec_t text, struct uri *ret);
/* http scheme with host localhost, 127.0.0.1 or [::1]. */
bool uri_is_loopback(const struct uri *u);
/* NULL if the text may be registered as a redirect URI: https, loopback http, or a private-use scheme with a dot or a
 * known application form (RFC 8252, 7.1; e.g. com.example.app:/cb, cursor://host/cb); without fragment. Else a fixed
 * English sentence. javascript, data, file, blob, vbscript, about, ws and the like are refused in any spelling. */
const char *uri_redirect_problem(h2o_iovec_t text);
/* Byte equality, or the same loopback URI with another port or none. */
bool uri_redirect_matches(h2o_iovec_t registered, h2o_iovec_t requested);
/* NULL if the text may be an issuer or a resource: https, or http on loopback; no query (issuer), no fragment, no
 * trailing slash (a bare "/" included), host in lower case, no default port (clients normalise what we compare byte for
 * byte). Else a fixed sentence about "it". */
const char *uri_issuer_problem(h2o_iovec_t text);
const char *uri_resource_problem(h2o_iovec_t text);
/* "scheme://host[:port]" of a parsed URI. */
char *uri_origin(h2o_mem_pool_t *pool, const struct uri *u);

#endif
