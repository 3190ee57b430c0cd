/* SPDX-License-Identifier: Apache-2.0 */
/* Budgets of the endpoints: how many requests a minute one client, one person or one address may make. A row of the
 * table names its budget; here stands whose it is. Many people share an address, so whoever is known by a handle that
 * this server made (a grant, a session, an initial access token) counts under that and not under his address. */
#ifndef SALLYPORT_BUDGET_H
#define SALLYPORT_BUDGET_H

#include "authz/authz.h"

/* Of a service: counts the request. Over the budget it ends it with 429; but at /token it only says so in
 * r->retry_after_s, because there an error that no waiting mends must be told first. */
step_result budget_spend(struct request *r);
/* 429 with Retry-After, in the form of the endpoint's row. */
step_result fail_limited(struct request *r);

/* Places of the table of buckets. */
enum { BUDGET_PLACES = 32768 };

#endif
