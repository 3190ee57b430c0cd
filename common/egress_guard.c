/* SPDX-License-Identifier: Apache-2.0 */
#include "egress_guard.h"

#include <string.h>

#include "clock.h"
#include "host_pattern.h"
#include "secret.h"

/* Whoever sends us somewhere has a share: were there only a budget for each host, one who invents URLs there could use
 * it up and keep everybody else's application from being known. All askers together ask one host, and all hosts, so
 * often that a flood of invented URLs stays a trickle of requests. */
enum {
	RUNNING_OF_ASKER = 8,
	MINUTE_MS = 60000,
	HOST_OF_ASKER_PER_MINUTE = 20,
	ASKER_PER_MINUTE = 60,
	HOST_PER_MINUTE = 200,
	ALL_PER_MINUTE = 600,
	HTTPS_PORT = 443,
	HOST_PART = 256,
	ASKER_PART = 64,
};

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

/* A number that stands for the host, the asker, or both; never 0. */
static uint64_t number_of(struct egress_guard *guard, h2o_iovec_t host, h2o_iovec_t asker)
{
	uint8_t text[sizeof(guard->key) + HOST_PART + ASKER_PART] = {0}, digest[SHA256_SIZE];
	uint8_t *host_part = text + sizeof(guard->key), *asker_part = host_part + HOST_PART;
	uint64_t number;

	if (!guard->has_key)
		random_bytes(guard->key, sizeof(guard->key));
	guard->has_key = true;
	memcpy(text, guard->key, sizeof(guard->key));
	for (size_t i = 0; i < host.len && i < HOST_PART; i++)
		host_part[i] = (uint8_t)h2o_tolower(host.base[i]);
	if (asker.len > 0)
		memcpy(asker_part, asker.base, asker.len < ASKER_PART ? asker.len : ASKER_PART);
	sha256(h2o_iovec_init(text, sizeof(text)), digest);
	memcpy(&number, digest, sizeof(number));
	return number | 1;
}

static int64_t *budget_of(struct egress_guard *guard, h2o_iovec_t host, h2o_iovec_t asker)
{
	return &guard->due_ms[(number_of(guard, host, asker) >> 1) % GUARD_BUDGETS];
}

static const char *take_budgets(struct egress_guard *guard, const struct egress_errand *errand)
{
	static const h2o_iovec_t ANY = {NULL, 0};
	int64_t now_ms = clock_monotonic_ms();
	h2o_iovec_t host = errand->url->host;

	if (!take(budget_of(guard, ANY, errand->asker), now_ms, ASKER_PER_MINUTE) ||
	    !take(budget_of(guard, host, errand->asker), now_ms, HOST_OF_ASKER_PER_MINUTE))
		return "one address sends us there too often";
	if (!take(budget_of(guard, host, ANY), now_ms, HOST_PER_MINUTE))
		return "the host was asked too often";
	return take(&guard->all_due_ms, now_ms, ALL_PER_MINUTE) ? NULL : "documents were fetched too often";
}

static bool take_place(struct egress_guard *guard, struct egress_errand *errand)
{
	static const h2o_iovec_t ANY = {NULL, 0};
	uint64_t asker = number_of(guard, ANY, errand->asker);
	unsigned own = 0, free_place = GUARD_RUNNING_MAX;

	for (unsigned i = 0; i < GUARD_RUNNING_MAX; i++) {
		own += guard->askers[i] == asker;
		if (guard->askers[i] == 0)
			free_place = i;
	}
	if (free_place == GUARD_RUNNING_MAX || own >= RUNNING_OF_ASKER)
		return false;
	guard->askers[free_place] = asker;
	guard->running++;
	errand->place = free_place;
	return true;
}

/* A single label would be looked up in the search domains of this machine; an address needs no name. */
static bool is_public_name(h2o_iovec_t host)
{
	struct address literal;

	return host.len > 0 && host.base[0] != '[' && memchr(host.base, '.', host.len) != NULL &&
	       !address_parse(host, &literal);
}

const char *egress_guard_enter(struct egress_guard *guard, struct egress_errand *errand)
{
	const struct uri *url = errand->url;
	const char *problem;

	errand->exception = find_exception(guard, url);
	errand->over_budget = false;
	if (!text_is(url->scheme, "https"))
		return "the URL is not https";
	if (errand->exception == NULL && port_of(url) != HTTPS_PORT)
		return "the URL has another port than 443";
	if (errand->exception == NULL && !is_public_name(url->host))
		return "the URL has no public host name";
	problem = take_place(guard, errand) ? NULL : "too many documents are being fetched";
	if (problem == NULL && (problem = take_budgets(guard, errand)) != NULL)
		egress_guard_leave(guard, errand);
	errand->over_budget = problem != NULL;
	return problem;
}

void egress_guard_leave(struct egress_guard *guard, const struct egress_errand *errand)
{
	guard->askers[errand->place] = 0;
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
