/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/authorize_document.h"

#include "authz/client_document.h"
#include "authz/event.h"
#include "common/log.h"
#include "common/secret.h"

/* Why a document cannot be used stands in the log only: it could tell what answers at an address. */
static const char UNREADABLE[] = "the document that describes the application could not be read";
static const char UNUSABLE[] = "the document at the application's address does not describe it";
static const char TRY_LATER[] = "The application names itself by a web address, and this server could not read what "
				"is there. Try again in a minute; if it goes on, tell whoever makes the application.";
static const char TELL_ITS_MAKER[] = "The application names itself by a web address. Tell whoever makes it that what "
				     "this server finds there cannot be used.";
static const char ASK_THE_OPERATOR[] = "Ask whoever runs this server whether the application may be used here.";

static step_result refuse(struct request *r, struct authorize_document *d, const char *text, const char *advice)
{
	d->advice = advice;
	return fail(r, &INVALID_REQUEST, text);
}

step_result authorize_document_begin(struct request *r, const char *url, const char *resource,
                                     struct authorize_document **ret)
{
	struct authorize_document *d = h2o_mem_alloc_pool(&r->pool, sizeof(*d));
	const char *problem;

	*d = (struct authorize_document){.url = url, .resource = resource};
	*ret = d;
	problem = client_document_refused(&authz_of(r)->settings.documents, url);
	if (problem != NULL)
		return refuse(r, d, problem, ASK_THE_OPERATOR);
	problem = client_document_url_problem(text_of(url));
	if (problem != NULL)
		return refuse(r, d, problem, TELL_ITS_MAKER);
	return store_document_lookup(r, url, resource);
}

/* RFC 5861, 4: stale-if-error. */
static bool may_be_used_stale(struct request *r, const struct authorize_document *d)
{
	return d->kept.state == KEPT_STALE && d->kept.age <= authz_of(r)->settings.documents.stale_if_error;
}

static step_result go_on_without_answer(struct request *r, struct authorize_document *d)
{
	return may_be_used_stale(r, d) ? STEP_NEXT : refuse(r, d, UNREADABLE, TRY_LATER);
}

step_result authorize_document_fetch(struct request *r, struct authorize_document *d)
{
	store_read_document(r, &d->kept);
	if (d->kept.state == KEPT_IMPORTED || d->kept.state == KEPT_FRESH || d->kept.state == KEPT_DISABLED)
		return STEP_NEXT;
	if (!authz_of(r)->settings.documents.fetch)
		return d->kept.state == KEPT_STALE ? go_on_without_answer(r, d)
		                                   : refuse(r, d, UNREADABLE, ASK_THE_OPERATOR);
	d->was_fetched = true;
	return document_fetch(r, d->url, d->kept.etag, d->kept.last_modified, &d->fetched);
}

/* What is kept must not come back when its site falls silent later. */
static step_result withdraw(struct request *r, struct authorize_document *d)
{
	if (d->kept.state == KEPT_NONE || d->kept.state == KEPT_WITHDRAWN)
		return refuse(r, d, UNUSABLE, TELL_ITS_MAKER);
	event_write(r, "client_document_withdrawn", json_pack("{s:s}", "client_id", d->url));
	return store_document_withdraw(r, d->url);
}

static step_result take_document(struct request *r, struct authorize_document *d)
{
	struct document_put put = {
	    .lifetime = d->fetched.lifetime,
	    .etag = d->fetched.etag,
	    .last_modified = d->fetched.last_modified,
	};
	const char *problem;
	struct client c;

	if (!client_document_read(&r->pool, d->fetched.body, d->url, &c, &problem)) {
		log_event(LOG_WARNING, "a client document is not valid", "url", d->url, "problem", problem, NULL);
		document_fetch_hold(authz_of(r)->documents, d->url);
		d->fetched.answer = DOCUMENT_GONE;
		return withdraw(r, d);
	}
	sha256(d->fetched.body, put.digest);
	event_write(r, "client_document_fetched", json_pack("{s:s, s:s}", "client_id", d->url, "client_name", c.name));
	return store_document_put(r, &c, &put, d->resource);
}

step_result authorize_document_judge(struct request *r, struct authorize_document *d)
{
	if (!d->was_fetched)
		return STEP_NEXT;
	switch (d->fetched.answer) {
	case DOCUMENT_CAME: return take_document(r, d);
	case DOCUMENT_GONE: return withdraw(r, d);
	case DOCUMENT_UNCHANGED:
		if (d->kept.state == KEPT_STALE)
			return store_document_confirm(r, d->url, d->fetched.lifetime, d->resource);
		break;
	case DOCUMENT_SILENT: break;
	}
	return go_on_without_answer(r, d);
}

step_result authorize_document_end(struct request *r, struct authorize_document *d)
{
	if (d->was_fetched && d->fetched.answer == DOCUMENT_GONE)
		return refuse(r, d, UNUSABLE, TELL_ITS_MAKER);
	return STEP_NEXT;
}
