/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/event.h"

#include <errno.h>
#include <string.h>

#include "common/encoding.h"
#include "common/log.h"
#include "common/secret.h"

bool event_write(struct request *r, const char *event, json_t *members)
{
	h2o_iovec_t text = {NULL, 0};
	if (authz_of(r)->audit != NULL && json_object_size(members) > 0) {
		text = json_text(&r->pool, members);
		text = h2o_iovec_init(text.base + 1, text.len - 2);
	}
	json_decref(members);
	return event_write_text(r, event, text);
}

step_result fail_unrecorded(struct request *r)
{
	return fail(r, &TEMPORARILY_UNAVAILABLE, "the audit log cannot be written");
}

step_result event_demand_record(struct request *r)
{
	const struct authz *authz = authz_of(r);
	bool fits = authz->audit == NULL || authz->goes_on_unrecorded || audit_is_well(authz->audit);
	return fits ? STEP_NEXT : fail_unrecorded(r);
}

void event_append(struct text_buffer *members, const char *name, const char *value)
{
	text_append_str(members, members->len > 0 ? ",\"" : "\"");
	text_append_str(members, name);
	text_append_str(members, "\":");
	text_append_json(members, text_of(value));
}

bool event_write_text(struct request *r, const char *event, h2o_iovec_t members)
{
	struct audit *audit = authz_of(r)->audit;
	struct text_buffer record = {.pool = &r->pool};
	if (audit == NULL) /* none was configured */
		return true;
	event_append(&record, "event", event);
	event_append(&record, "request", r->id);
	event_append(&record, "address", request_address(r));
	text_append_str(&record, members.len > 0 ? "," : "");
	text_append_iovec(&record, members);
	if (audit_write_members(audit, h2o_iovec_init(record.base, record.len), false))
		return true;
	log_event(LOG_ERROR, "an audit record was lost", "event", event, "request", r->id, "reason", strerror(errno),
	          NULL);
	return authz_of(r)->goes_on_unrecorded;
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
