/* SPDX-License-Identifier: Apache-2.0 */
/* Places of which there are few, shared by whoever comes: nobody takes one while he holds as many as are free. So one
 * alone has half of them, two have a third each, and who holds none finds one as long as any is free. */
#ifndef SALLYPORT_SHARES_H
#define SALLYPORT_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct share;
struct shares { /* zeroed: nobody holds any */
	struct share *list;
	size_t count, capacity; /* holders */
	unsigned taken;         /* places */
};

/* `who` 0 is nobody in particular: any free place will do. `size`: how many places there are. */
bool shares_may_take(const struct shares *shares, uint64_t who, unsigned size);
/* Whether he may is not asked. */
void shares_take(struct shares *shares, uint64_t who);
/* How many he holds. */
unsigned shares_held(const struct shares *shares, uint64_t who);
/* One of those that he took. */
void shares_give_back(struct shares *shares, uint64_t who);
void shares_dispose(struct shares *shares);

#endif
