/* SPDX-License-Identifier: Apache-2.0 */
/* Security events: one audit record each. */
#ifndef SALLYPORT_EVENT_H
#define SALLYPORT_EVENT_H

#include "authz/authz.h"

/* Writes {"event", "request", "address", ...members} to the audit log. Takes the reference of `members` (may be NULL).
 * Members never hold secrets, nor texts that a person typed where a password might have been. False if it is not on
 * record: what gives somebody something must then not be given (fail_unrecorded); what takes or refuses goes on. */
bool event_write(struct request *r, const char *event, json_t *members);
/* The same of members as text, without braces, for what is written with most requests; and one more of them. */
bool event_write_text(struct request *r, const char *event, h2o_iovec_t members);
step_result fail_unrecorded(struct request *r);
/* A step before what gives somebody something: ends the request as fail_unrecorded while nothing can be recorded,
 * before anything was changed that the answer would then not tell of. */
step_result event_demand_record(struct request *r);
void event_append(struct text_buffer *members, const char *name, const char *value);
/* For members: base64url of the first 12 bytes of a MAC under the daemon's newest secret, so that records can be
 * compared without telling: a bare digest of a short text, say of a password in the wrong field, could be guessed. */
json_t *event_digest(struct request *r, h2o_iovec_t text);
/* For members: an id as UUID text. */
json_t *event_id(const uint8_t id[16]);

#endif
