/* SPDX-License-Identifier: Apache-2.0 */
#include "egress_guard.h"

#include <string.h>

#include "clock.h"
#include "host_pattern.h"
#include "secret.h"

/* One host is asked a few times a minute at most, whoever sends us there, and all of them together so often that a
 * flood of invented URLs stays a trickle of requests. */
enum { RUNNING_MAX = 16, MINUTE_MS = 60000, HOST_PER_MINUTE = 20, ALL_PER_MINUTE = 600, HTTPS_PORT = 443 };

static int64_t port_of(const struct uri *url)
{
	int64_t port = HTTPS_PORT;

	text_to_int64(url->port, &port);
	return port;
}

static const struct egress_exception *find_exception(const struct egress_guard *guard, const struct uri *url)
{
	for (size_t i = 0; i < guard->exception_count; i++) {
		const struct egress_exception *e = &guard->exceptions[i];

		if (e->port == port_of(url) && host_pattern_fits(e->host, url->host))
			return e;
	}
	return NULL;
}

/* A leaky bucket: each transfer moves the time at which it is empty again by its share of the minute. */
static bool take(int64_t *due_ms, int64_t now_ms, int64_t per_minute)
{
	int64_t share = MINUTE_MS / per_minute, due = *due_ms > now_ms ? *due_ms : now_ms;

	if (due + share - now_ms > MINUTE_MS)
		return false;
	*due_ms = due + share;
	return true;
}

static int64_t *budget_of(struct egress_guard *guard, h2o_iovec_t host)
{
	uint8_t text[sizeof(guard->key) + 256] = {0}, digest[SHA256_SIZE];
	size_t len = host.len < 256 ? host.len : 256;

	if (!guard->has_key)
		random_bytes(guard->key, sizeof(guard->key));
	guard->has_key = true;
	memcpy(text, guard->key, sizeof(guard->key));
	for (size_t i = 0; i < len; i++)
		text[sizeof(guard->key) + i] = (uint8_t)h2o_tolower(host.base[i]);
	sha256(h2o_iovec_init(text, sizeof(guard->key) + len), digest);
	return &guard->host_due_ms[digest[0] % GUARD_HOSTS];
}

/* A single label would be looked up in the search domains of this machine; an address needs no name. */
static bool is_public_name(h2o_iovec_t host)
{
	struct address literal;

	return host.len > 0 && host.base[0] != '[' && memchr(host.base, '.', host.len) != NULL &&
	       !address_parse(host, &literal);
}

const char *egress_guard_enter(struct egress_guard *guard, const struct uri *url,
                               const struct egress_exception **exception)
{
	int64_t now_ms = clock_monotonic_ms();

	*exception = find_exception(guard, url);
	if (!text_is(url->scheme, "https"))
		return "the URL is not https";
	if (*exception == NULL && port_of(url) != HTTPS_PORT)
		return "the URL has another port than 443";
	if (*exception == NULL && !is_public_name(url->host))
		return "the URL has no public host name";
	if (guard->running >= RUNNING_MAX)
		return "too many documents are being fetched";
	if (!take(budget_of(guard, url->host), now_ms, HOST_PER_MINUTE))
		return "the host was asked too often";
	if (!take(&guard->all_due_ms, now_ms, ALL_PER_MINUTE))
		return "documents were fetched too often";
	guard->running++;
	return NULL;
}

void egress_guard_leave(struct egress_guard *guard)
{
	guard->running--;
}

bool egress_guard_allows(const struct egress_exception *exception, const struct sockaddr *address)
{
	struct address a;

	if (!address_of_sockaddr(address, &a))
		return false;
	for (size_t i = 0; exception != NULL && i < exception->range_count; i++)
		if (address_is_in(&a, &exception->ranges[i]))
			return true;
	return address_is_public(&a);
}

bool egress_guard_is_loopback(const struct sockaddr *address)
{
	static const struct address_range LOOPBACK = {{{127}, 4}, 8}, LOOPBACK6 = {{{[15] = 1}, 16}, 128};
	struct address a;

	return address_of_sockaddr(address, &a) && (address_is_in(&a, &LOOPBACK) || address_is_in(&a, &LOOPBACK6));
}
