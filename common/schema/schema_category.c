/* SPDX-License-Identifier: Apache-2.0 */
/* Names of General_Category: ECMA-262 (table of its property values) has long and short ones, PCRE2 only the short. */
#include "schema_internal.h"

#include <string.h>

/* clang-format off */
static const char *const CATEGORIES[][2] = {
	{"Cased_Letter", "L&"}, {"LC", "L&"}, {"Close_Punctuation", "Pe"},
	{"Connector_Punctuation", "Pc"}, {"Control", "Cc"}, {"cntrl", "Cc"}, {"Currency_Symbol", "Sc"},
	{"Dash_Punctuation", "Pd"}, {"Decimal_Number", "Nd"}, {"digit", "Nd"}, {"Enclosing_Mark", "Me"},
	{"Final_Punctuation", "Pf"}, {"Format", "Cf"}, {"Initial_Punctuation", "Pi"}, {"Letter", "L"},
	{"Letter_Number", "Nl"}, {"Line_Separator", "Zl"}, {"Lowercase_Letter", "Ll"}, {"Mark", "M"},
	{"Combining_Mark", "M"}, {"Math_Symbol", "Sm"}, {"Modifier_Letter", "Lm"},
	{"Modifier_Symbol", "Sk"}, {"Nonspacing_Mark", "Mn"}, {"Number", "N"}, {"Open_Punctuation", "Ps"},
	{"Other", "C"}, {"Other_Letter", "Lo"}, {"Other_Number", "No"}, {"Other_Punctuation", "Po"},
	{"Other_Symbol", "So"}, {"Paragraph_Separator", "Zp"}, {"Private_Use", "Co"},
	{"Punctuation", "P"}, {"punct", "P"}, {"Separator", "Z"}, {"Space_Separator", "Zs"},
	{"Spacing_Mark", "Mc"}, {"Surrogate", "Cs"}, {"Symbol", "S"}, {"Titlecase_Letter", "Lt"},
	{"Unassigned", "Cn"}, {"Uppercase_Letter", "Lu"},
};
/* clang-format on */

const char *schema_category_short(const char *name)
{
	for (size_t i = 0; i < sizeof(CATEGORIES) / sizeof(CATEGORIES[0]); i++) {
		if (strcmp(CATEGORIES[i][0], name) == 0)
			return CATEGORIES[i][1];
	}
	return name;
}
