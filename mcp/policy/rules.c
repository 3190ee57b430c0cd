/* SPDX-License-Identifier: Apache-2.0 */
/* Which callers a rule is about. */
#include "mcp/policy/rules.h"

#include <string.h>

enum match { MATCH_NO, MATCH_YES, MATCH_UNCLEAR };

static bool list_has(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	return false;
}

/* Names that the caller has: an array of texts. Not to have any is clear. */
static enum match match_names(const json_t *list, const json_t *claim)
{
	if (claim == NULL || json_is_null(claim))
		return MATCH_NO;
	if (!json_is_array(claim))
		return MATCH_UNCLEAR;
	for (size_t i = 0; i < json_array_size(claim); i++) {
		const json_t *name = json_array_get(claim, i);
		if (!json_is_string(name))
			return MATCH_UNCLEAR;
		if (list_has(list, json_string_value(name)))
			return MATCH_YES;
	}
	return MATCH_NO;
}

static enum match match_text(const json_t *list, const json_t *claim)
{
	if (claim == NULL)
		return MATCH_NO;
	if (!json_is_string(claim))
		return MATCH_UNCLEAR;
	return list_has(list, json_string_value(claim)) ? MATCH_YES : MATCH_NO;
}

static enum match match_scopes(const json_t *list, const struct scopes *granted)
{
	for (size_t i = 0; i < granted->count; i++)
		if (list_has(list, granted->names[i]))
			return MATCH_YES;
	return MATCH_NO;
}

/* By the name that they sign in with, or by the subject of their tokens. */
static enum match match_people(const json_t *list, const json_t *claims)
{
	enum match by_name = match_text(list, json_object_get(claims, "username"));

	return by_name != MATCH_NO ? by_name : match_text(list, json_object_get(claims, "sub"));
}

static enum match match_member(const char *member, const json_t *list, const json_t *claims,
                               const struct scopes *granted)
{
	if (strcmp(member, "scopes") == 0)
		return match_scopes(list, granted);
	if (strcmp(member, "people") == 0)
		return match_people(list, claims);
	if (strcmp(member, "clients") == 0)
		return match_text(list, json_object_get(claims, "client_id"));
	return match_names(list, json_object_get(claims, member)); /* roles, groups */
}

/* Every member has to match, by one of its names. */
static enum match match_callers(const json_t *callers, const json_t *claims, const struct scopes *granted)
{
	enum match all = MATCH_YES;
	const char *member;
	json_t *list;

	json_object_foreach ((json_t *)callers, member, list) {
		enum match match = match_member(member, list, claims, granted);
		if (match == MATCH_NO)
			return MATCH_NO;
		if (match == MATCH_UNCLEAR)
			all = MATCH_UNCLEAR;
	}
	return all;
}

bool rule_applies(const struct rule *rule, const json_t *claims, const struct scopes *granted, const char **why)
{
	enum match when = rule->when != NULL ? match_callers(rule->when, claims, granted) : MATCH_YES;
	enum match unless = rule->unless != NULL ? match_callers(rule->unless, claims, granted) : MATCH_NO;
	const char *words = rule->when != NULL ? "the caller is one of those of `when`" : "it is about everybody";

	if (when == MATCH_NO)
		words = "the caller is none of those of `when`";
	else if (unless == MATCH_YES)
		words = "the caller is one of those of `unless`";
	else if (when == MATCH_UNCLEAR || unless == MATCH_UNCLEAR)
		words = "a claim that it asks for is not of the kind that it should be";
	if (why != NULL)
		*why = words;
	return when != MATCH_NO && unless != MATCH_YES;
}
