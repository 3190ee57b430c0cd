/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a form in an HTML page, as a browser without scripts would: a small tolerant scanner, not a parser. It never
 * fails on bad HTML; it finds less. */
#ifndef SALLYPORT_DOCTOR_PAGE_H
#define SALLYPORT_DOCTOR_PAGE_H

#include "common/text.h"

enum page_field_kind { PAGE_HIDDEN, PAGE_INPUT, PAGE_BUTTON };

struct page_field { /* NUL-terminated, character references resolved */
	enum page_field_kind kind;
	const char *name, *value, *type; /* "" if absent; type in lower case */
};

enum { PAGE_FIELDS_MAX = 64 };

struct page_form {
	const char *action, *method; /* action as written, "" if absent; method in lower case, "get" if absent */
	struct page_field fields[PAGE_FIELDS_MAX];
	size_t field_count;
};

/* The first form that has a field or button of this name. */
bool page_find_form(h2o_mem_pool_t *pool, h2o_iovec_t html, const char *field, struct page_form *ret);
/* NULL if the form has none of this name (and, unless NULL, this value). */
const struct page_field *page_form_field(const struct page_form *form, const char *name, const char *value);
/* What a person would read, on one line: text outside of tags, scripts and styles, blanks folded, at most `limit`
 * bytes. */
const char *page_words(h2o_mem_pool_t *pool, h2o_iovec_t html, size_t limit);
/* The words of the first heading (h1), or of the title; "" if there is neither. */
const char *page_heading(h2o_mem_pool_t *pool, h2o_iovec_t html, size_t limit);

#endif
