/* SPDX-License-Identifier: Apache-2.0 */
/* DPoP proofs that were used (RFC 9449, 11.1): none counts twice in this process. What is remembered is bounded: when
 * there is no room, nothing is forgotten early, but a new proof cannot be taken for a while. */
#ifndef SALLYPORT_MCP_USED_PROOFS_H
#define SALLYPORT_MCP_USED_PROOFS_H

#include "common/secret.h"

struct used_proofs;

/* Each proof is remembered for `lifetime_ms` at least, and for twice that at most. `capacity`: how many come in that
 * time; memory is taken as they come, 32 bytes each. */
struct used_proofs *used_proofs_open(size_t capacity, int64_t lifetime_ms);
void used_proofs_close(struct used_proofs *used);

/* Seconds since 1970: what was used before is not known here. */
int64_t used_proofs_since(const struct used_proofs *used);
enum proof_use { PROOF_FIRST, PROOF_AGAIN, PROOF_NO_ROOM };
enum proof_use used_proofs_add(struct used_proofs *used, const uint8_t digest[SHA256_SIZE], int64_t now_ms);

#endif
