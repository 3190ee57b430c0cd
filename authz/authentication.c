/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/authentication.h"

#include "authz/parameter.h"

const char *const AUTHENTICATION_CLASSES[] = {AUTHENTICATION_PASSWORD, NULL};

bool authentication_read_max_age(const struct form *asked, int64_t *ret)
{
	const char *text = parameter(asked, "max_age");

	*ret = -1;
	if (text == NULL)
		return true;
	if (!text_to_int64(text_of(text), ret))
		return false;
	if (*ret > MAX_AGE_MAX) /* longer than any session lives */
		*ret = MAX_AGE_MAX;
	return true;
}

bool authentication_reaches(const struct form *asked)
{
	const char *text = parameter(asked, "acr_values");
	h2o_iovec_t rest = text_of(text != NULL ? text : "");
	bool names_one = false;

	while (rest.len > 0) {
		h2o_iovec_t word = text_cut(&rest, ' ');
		names_one = names_one || word.len > 0;
		for (size_t i = 0; AUTHENTICATION_CLASSES[i] != NULL; i++)
			if (text_is(word, AUTHENTICATION_CLASSES[i]))
				return true;
	}
	return !names_one;
}
