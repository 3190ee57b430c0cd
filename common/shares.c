/* SPDX-License-Identifier: Apache-2.0 */
#include "shares.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

struct share {
	uint64_t who;
	unsigned count;
};

static struct share *find(const struct shares *shares, uint64_t who)
{
	for (size_t i = 0; i < shares->count; i++)
		if (shares->list[i].who == who)
			return &shares->list[i];
	return NULL;
}

bool shares_may_take(const struct shares *shares, uint64_t who, unsigned size)
{
	const struct share *share = who != 0 ? find(shares, who) : NULL;

	return shares->taken < size && (share == NULL || share->count < size - shares->taken);
}

unsigned shares_held(const struct shares *shares, uint64_t who)
{
	const struct share *share = find(shares, who);

	return share != NULL ? share->count : 0;
}

static struct share *add(struct shares *shares, uint64_t who)
{
	if (shares->count == shares->capacity) {
		shares->capacity = shares->capacity > 0 ? shares->capacity * 2 : 8;
		struct share *grown = h2o_mem_alloc(shares->capacity * sizeof(*grown));
		if (shares->count > 0)
			memcpy(grown, shares->list, shares->count * sizeof(*grown));
		free(shares->list);
		shares->list = grown;
	}
	shares->list[shares->count] = (struct share){.who = who};
	return &shares->list[shares->count++];
}

void shares_take(struct shares *shares, uint64_t who)
{
	struct share *share = find(shares, who);

	if (share == NULL)
		share = add(shares, who);
	share->count++;
	shares->taken++;
}

void shares_give_back(struct shares *shares, uint64_t who)
{
	struct share *share = find(shares, who);

	shares->taken--;
	if (--share->count == 0)
		*share = shares->list[--shares->count];
}

void shares_dispose(struct shares *shares)
{
	free(shares->list);
	*shares = (struct shares){.list = NULL};
}
