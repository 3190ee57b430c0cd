/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_failure.h"

#include <string.h>

#include "mcp/call/call.h"

static const char FAILED[] = "The %s failed. Its operator has to look into it.";
static const char NOT_AVAILABLE[] = "The %s is not available now. Its operator has to correct it.";

/* Words for the model, by SQLSTATE (PostgreSQL, appendix A): what it can do about it, nothing of the statement or the
 * data. */
static const struct {
	const char *state; /* or the beginning of it */
	const char *text;  /* %s: the kind of the item */
} FAILURES[] = {
    {"57014", "The %s took longer than it may and was stopped. Ask for less."},
    {"25006", "The %s tried to change data, which it may not. Its operator has to correct it."},
    {"42501", "The %s may not use this data. Its operator has to correct it."},
    {"42601", FAILED}, /* also raised for what an argument holds */
    {"42", NOT_AVAILABLE},
    {"3F000", NOT_AVAILABLE},
    {"40", "The change met another one at the same time. It may work when it is tried again."},
    {"22", "The database cannot use a value of the arguments."},
    {"23", "The change contradicts what is stored, for example by a name that is taken."},
    {"53400", "The %s needs more room than it may have. Ask for less."},
    {"P0001", "The database refused the change."},
};

const char *sql_failure_text(struct request *r, const char *state)
{
	const char *text = FAILED, *place;
	enum item_kind kind = call_of(r)->kind;

	for (size_t i = sizeof(FAILURES) / sizeof(FAILURES[0]); i-- > 0;)
		if (strncmp(state, FAILURES[i].state, strlen(FAILURES[i].state)) == 0)
			text = FAILURES[i].text;
	place = strstr(text, "%s");
	if (place == NULL)
		return text;
	return text_printf(&r->pool, "%.*s%s%s", (int)(place - text), text,
	                   item_kind_name(kind == ITEM_TEMPLATE ? ITEM_RESOURCE : kind), place + 2);
}
