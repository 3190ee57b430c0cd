/* SPDX-License-Identifier: Apache-2.0 */
/* The decision about a request, asked of the database, and what follows from an approval: from the consent page, and
 * where nobody needs to be asked. */
#ifndef SALLYPORT_APPROVAL_H
#define SALLYPORT_APPROVAL_H

#include "authz/store.h"

struct approval {
	uint8_t request_id[16], browser_id[16], session_id[16], code_id[16];
	enum decide_how how;
};

/* Asks for the decision, with a new code for an approval. `session_id` NULL: nobody is signed in. */
step_result approval_ask(struct request *r, struct approval *a, const uint8_t request_id[16],
                         const uint8_t browser_id[16], const uint8_t *session_id, enum decide_how how);
/* One audit record of what was decided. */
bool approval_record(struct request *r, const struct approval *a, const struct decided *d, const char *event);
/* Records an approval and sends its code to the client. */
step_result approval_answer(struct request *r, const struct approval *a, const struct decided *d);

#endif
