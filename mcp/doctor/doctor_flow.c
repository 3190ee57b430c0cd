/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/doctor/doctor_flow.h"

#include <string.h>

static bool finish(struct doctor *d, struct report_step *s, enum verdict verdict, const char *words, const char *fix)
{
	s->verdict = verdict;
	s->words = words;
	s->fix = fix;
	return report_step(d->report, s);
}

bool doctor_passed(struct doctor *d, struct report_step *s, const char *words)
{
	return finish(d, s, VERDICT_OK, words, NULL);
}

bool doctor_noted(struct doctor *d, struct report_step *s, const char *words, const char *fix)
{
	return finish(d, s, VERDICT_NOTE, words, fix);
}

bool doctor_failed(struct doctor *d, struct report_step *s, const char *words, const char *fix)
{
	return finish(d, s, VERDICT_FAILED, words, fix);
}

const char *doctor_quote(struct doctor *d, const char *text)
{
	return text == NULL ? "" : report_clean(d->pool, text_of(text), 400);
}

const char *doctor_join_names(struct doctor *d, const json_t *names)
{
	struct text_buffer b = {.pool = d->pool};
	size_t i;
	json_t *name;

	json_array_foreach (names, i, name)
		text_append_printf(&b, "%s%s", i > 0 ? ", " : "", doctor_quote(d, json_string_value(name)));
	return b.base != NULL ? b.base : "none";
}

bool doctor_has(const json_t *array, const char *value)
{
	size_t i;
	json_t *item;

	json_array_foreach (array, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), value) == 0)
			return true;
	return false;
}

bool doctor_answered(struct doctor *d, struct report_step *s, const struct doctor_answer *answer)
{
	if (answer->trouble != NULL) {
		bool tls = strstr(answer->trouble, "certificate") != NULL;

		s->got = text_printf(d->pool, "no answer: %s", doctor_quote(d, answer->trouble));
		return doctor_failed(
		    d, s, "There is no answer.",
		    tls ? "Give the certificate authority with --ca FILE, or repair the server's certificate chain."
			: "Check the address, that the server runs, and what stands between it and you.");
	}
	s->got = text_printf(d->pool, "%ld%s%s, %zu bytes", answer->status, answer->content_type[0] != '\0' ? " " : "",
	                     doctor_quote(d, answer->content_type), answer->body.len);
	if (answer->status < 500)
		return true;
	return doctor_failed(d, s, "The server has trouble of its own.",
	                     answer->status == 502 || answer->status == 504
	                         ? "A proxy answered for a server that it cannot reach: look at the proxy's log, and "
	                           "whether the server runs."
	                         : "Look at the server's log at this moment. With 503, look at its database too.");
}

json_t *doctor_object(struct doctor *d, struct report_step *s, const struct doctor_answer *answer)
{
	if (!doctor_answered(d, s, answer))
		return NULL;
	enum json_problem problem;
	json_t *ret = json_read(d->pool, answer->body, &problem);
	const char *error = json_get_text(ret, "error").base;

	if (answer->status >= 300 && error != NULL) {
		s->got = text_printf(d->pool, "%ld %s: %s", answer->status, doctor_quote(d, error),
		                     doctor_quote(d, json_get_text(ret, "error_description").base));
		doctor_failed(d, s, "The server refuses.",
		              strcmp(error, "invalid_token") == 0
		                  ? "Only who holds an initial access token registers here, and this check has none."
		                  : "Read the reason above; the server's log says more.");
		return NULL;
	}
	if (answer->status >= 300) {
		doctor_failed(d, s,
		              answer->status < 400 ? "It redirects; clients do not follow that." : "It is not there.",
		              "Serve this document at exactly this address. A proxy must pass the path on unchanged.");
		return NULL;
	}
	if (json_is_object(ret))
		return ret;
	bool page = strcmp(answer->content_type, "text/html") == 0;

	doctor_failed(d, s, page ? "It is a web page where JSON belongs." : "It is not a JSON object.",
	              page ? "A proxy or a web application swallows this path: pass it on to the server." : NULL);
	return NULL;
}

static void see_person(struct doctor *d, const struct doctor_person *person)
{
	struct doctor_tokens tokens = {NULL, NULL};

	d->person = person;
	report_person(d->report, person->name);
	doctor_http_forget_cookies(d->http);
	if (doctor_sign_in(d, person, &tokens))
		doctor_use_tools(d, &tokens);
	/* Also after a failure: what was given must not stay behind. */
	if (tokens.access != NULL || tokens.refresh != NULL)
		doctor_revoke(d, &tokens);
}

int doctor_run(struct doctor *d, const struct doctor_person *people, size_t count)
{
	if (doctor_discover(d) && doctor_register(d)) {
		struct doctor_tokens none = {NULL, NULL};

		if (count == 0)
			doctor_sign_in(d, NULL, &none);
		for (size_t i = 0; i < count; i++)
			see_person(d, &people[i]);
		doctor_unregister(d);
	}
	return report_close(d->report);
}
