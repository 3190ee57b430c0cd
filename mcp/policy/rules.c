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

/* Callers are told apart in two ways, so that no other issuer can take anybody out of a rule: a bare name in `when` is
 * also about those to whom another issuer gives it, one in `unless` only about our own. */
struct asked_about {
	const json_t *claims;
	const struct scopes *granted;
	bool by_any_issuer; /* `when` */
};

/* A name of another issuer without the issuer (claims.h); NULL of our own. */
static const char *bare_name(const char *name, const json_t *claims)
{
	h2o_iovec_t issuer = json_get_text(claims, "iss");

	return issuer.len > 0 && text_starts(text_of(name), issuer.base) && name[issuer.len] == ' '
	           ? name + issuer.len + 1
	           : NULL;
}

static bool list_has_name(const json_t *list, const char *name, const struct asked_about *about)
{
	const char *bare = about->by_any_issuer ? bare_name(name, about->claims) : NULL;

	return list_has(list, name) || (bare != NULL && list_has(list, bare));
}

/* Names that the caller has: an array of texts. Not to have any is clear. */
static enum match match_names(const json_t *list, const json_t *claim, const struct asked_about *about)
{
	if (claim == NULL || json_is_null(claim))
		return MATCH_NO;
	if (!json_is_array(claim))
		return MATCH_UNCLEAR;
	for (size_t i = 0; i < json_array_size(claim); i++) {
		const json_t *name = json_array_get(claim, i);
		if (!json_is_string(name))
			return MATCH_UNCLEAR;
		if (list_has_name(list, json_string_value(name), about))
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

static enum match match_member(const char *member, const json_t *list, const struct asked_about *about)
{
	const json_t *claims = about->claims;

	if (strcmp(member, "scopes") == 0)
		return match_scopes(list, about->granted);
	if (strcmp(member, "issuers") == 0)
		return match_text(list, json_object_get(claims, "iss"));
	if (strcmp(member, "people") == 0)
		return match_people(list, claims);
	if (strcmp(member, "clients") == 0)
		return match_text(list, json_object_get(claims, "client_id"));
	return match_names(list, json_object_get(claims, member), about); /* roles, groups */
}

/* Every member has to match, by one of its names. */
static enum match match_callers(const json_t *callers, const struct asked_about *about)
{
	enum match all = MATCH_YES;
	const char *member;
	json_t *list;

	json_object_foreach ((json_t *)callers, member, list) {
		enum match match = match_member(member, list, about);
		if (match == MATCH_NO)
			return MATCH_NO;
		if (match == MATCH_UNCLEAR)
			all = MATCH_UNCLEAR;
	}
	return all;
}

bool rule_applies(const struct rule *rule, const json_t *claims, const struct scopes *granted, const char **why)
{
	const struct asked_about any = {claims, granted, true}, own = {claims, granted, false};
	enum match when = rule->when != NULL ? match_callers(rule->when, &any) : MATCH_YES;
	enum match unless = rule->unless != NULL ? match_callers(rule->unless, &own) : MATCH_NO;
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
