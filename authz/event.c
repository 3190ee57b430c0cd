/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/event.h"

#include <errno.h>
#include <string.h>

#include "common/encoding.h"
#include "common/log.h"
#include "common/secret.h"

void event_write(struct request *r, const char *event, json_t *members)
{
	struct authz *authz = authz_of(r);
	if (authz->audit == NULL) { /* none was configured */
		json_decref(members);
		return;
	}
	json_t *record = json_pack("{s:s, s:s, s:s}", "event", event, "request", r->id, "address", request_address(r));
	if (members != NULL)
		json_object_update_missing(record, members);
	json_decref(members);
	/* What was decided stands in the database already: a full disk must not undo it, but must be heard of. */
	if (!audit_write(authz->audit, record, false))
		log_event(LOG_ERROR, "an audit record was lost", "event", event, "request", r->id, "reason",
		          strerror(errno), NULL);
}

json_t *event_digest(struct request *r, h2o_iovec_t text)
{
	uint8_t key[32], digest[SHA256_SIZE];
	if (!handle_keys_derive(authz_of(r)->handle_keys, -1, "event-digest", key, NULL))
		return json_null();
	hmac_sha256(key, text, digest);
	secret_wipe(key, sizeof(key));
	return json_string(base64url_encode(&r->pool, digest, 12).base);
}

json_t *event_id(const uint8_t id[16])
{
	char text[UUID_TEXT_SIZE];
	uuid_format(id, text);
	return json_string(text);
}
