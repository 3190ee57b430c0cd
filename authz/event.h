/* SPDX-License-Identifier: Apache-2.0 */
/* Security events: one audit record each. */
#ifndef SALLYPORT_EVENT_H
#define SALLYPORT_EVENT_H

#include "authz/authz.h"

/* Writes {"event", "request", "address", ...members} to the audit log. Takes the reference of `members` (may be NULL).
 * Members never hold secrets, nor texts that a person typed where a password might have been. */
void event_write(struct request *r, const char *event, json_t *members);
/* For members: base64url of the first 12 bytes of SHA-256, so that records can be compared without telling. */
json_t *event_digest(struct request *r, h2o_iovec_t text);
/* For members: an id as UUID text. */
json_t *event_id(const uint8_t id[16]);

#endif
