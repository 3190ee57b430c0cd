/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of internationalised domain names. The rules of RFC 5892 and RFC 5893 speak of Unicode properties, so they are
 * written as patterns for PCRE2, which knows them. Characters that normalisation would change are refused by the blocks
 * they are in. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "schema_internal.h"

#define VIRAMA                                                                                                         \
	"[\\x{94d}\\x{9cd}\\x{a4d}\\x{acd}\\x{b4d}\\x{bcd}\\x{c4d}\\x{ccd}\\x{d3b}\\x{d3c}\\x{d4d}\\x{dca}\\x{e3a}"    \
	"\\x{eba}\\x{f84}\\x{1039}\\x{103a}\\x{1714}\\x{1734}\\x{17d2}\\x{1a60}\\x{1b44}\\x{1baa}\\x{1bab}\\x{1bf2}"   \
	"\\x{1bf3}\\x{2d7f}\\x{a806}\\x{a8c4}\\x{a953}\\x{a9c0}\\x{aaf6}\\x{abed}\\x{10a3f}\\x{11046}\\x{1107f}"       \
	"\\x{110b9}\\x{11133}\\x{11134}\\x{111c0}\\x{11235}\\x{112ea}\\x{1134d}\\x{11442}\\x{114c2}\\x{115bf}]"
#define JOINING "[\\p{sc:Arabic}\\p{sc:Syriac}\\p{sc:Mandaic}\\p{sc:Mongolian}\\p{sc:Nko}\\p{sc:Phags_Pa}]"

/* RFC 5892, 2.6: the exceptions, and what has a rule of its own (appendix A); 2.1: letters and digits; 2.2: not stable.
 */
static const char ALLOWED[] =
    "^(?:[-\\x{b7}\\x{df}\\x{375}\\x{3c2}\\x{5f3}\\x{5f4}\\x{6fd}\\x{6fe}\\x{f0b}\\x{3007}\\x{30fb}\\x{200c}\\x{200d}]"
    "|(?![\\x{640}\\x{7fa}\\x{302e}\\x{302f}\\x{3031}-\\x{3035}\\x{303b}\\x{1100}-\\x{11ff}\\x{a960}-\\x{a97f}"
    "\\x{d7b0}-\\x{d7ff}\\x{aa}\\x{ba}\\x{132}\\x{133}\\x{13f}\\x{140}\\x{149}\\x{17f}\\x{1c4}-\\x{1cc}\\x{1f1}-\\x{"
    "1f3}"
    "\\x{2b0}-\\x{2b8}\\x{2e0}-\\x{2e4}\\x{1d2c}-\\x{1d6a}\\x{2071}-\\x{209c}\\x{2100}-\\x{214d}\\x{3131}-\\x{318e}"
    "\\x{f900}-\\x{fdff}\\x{fe70}-\\x{ffef}\\x{1d400}-\\x{1d7ff}\\x{2f800}-\\x{2fa1f}])"
    "[a-z0-9\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}])+$";

/* A hyphen or a mark in the wrong place (RFC 5891, 4.2.3), and the contextual rules, each as what breaks it. */
static const char WRONG[] = "^-|-$|^..--|^\\p{M}"
			    "|(?<!l)\\x{b7}|\\x{b7}(?!l)"
			    "|\\x{375}(?!\\p{sc:Greek})"
			    "|(?<!\\p{sc:Hebrew})[\\x{5f3}\\x{5f4}]"
			    "|^(?=.*\\x{30fb})(?!.*[\\p{sc:Hiragana}\\p{sc:Katakana}\\p{sc:Han}])"
			    "|[\\x{660}-\\x{669}].*[\\x{6f0}-\\x{6f9}]|[\\x{6f0}-\\x{6f9}].*[\\x{660}-\\x{669}]"
			    "|(?<!" VIRAMA ")\\x{200d}"
			    "|(?<!" VIRAMA ")(?<!" JOINING ")\\x{200c}|(?<!" VIRAMA ")\\x{200c}(?!" JOINING ")";

static const char BIDI[] = "[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}]";
/* RFC 5893, 2: rules 1 to 4 for a right-to-left label, 1, 5 and 6 for the other. */
static const char BIDI_FITS[] =
    "^(?:(?=[\\p{bc:R}\\p{bc:AL}])(?!.*\\p{bc:AN}.*\\p{bc:EN})(?!.*\\p{bc:EN}.*\\p{bc:AN})"
    "[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}\\p{bc:EN}\\p{bc:ES}\\p{bc:CS}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}\\p{bc:NSM}]*"
    "[\\p{bc:R}\\p{bc:AL}\\p{bc:AN}\\p{bc:EN}]\\p{bc:NSM}*"
    "|(?=\\p{bc:L})[\\p{bc:L}\\p{bc:EN}\\p{bc:ES}\\p{bc:CS}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}\\p{bc:NSM}]*"
    "[\\p{bc:L}\\p{bc:EN}]\\p{bc:NSM}*)$";

/* Labels are short and these patterns do not backtrack far; compiling them each time keeps nothing between calls. */
static bool matches(const char *pattern, h2o_iovec_t text)
{
	int error;
	PCRE2_SIZE offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY,
	                                 &error, &offset, NULL);
	if (code == NULL)
		h2o_fatal("a pattern of the program itself cannot be compiled");
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	if (data == NULL)
		h2o_fatal("no memory");
	int ret = pcre2_match(code, (PCRE2_SPTR)text.base, text.len, 0, 0, data, NULL);
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return ret >= 0;
}

bool schema_idn_label_is_valid(h2o_iovec_t label)
{
	return matches(ALLOWED, label) && !matches(WRONG, label);
}

bool schema_idn_label_is_bidi(h2o_iovec_t label)
{
	return matches(BIDI, label);
}

bool schema_idn_label_fits_bidi(h2o_iovec_t label)
{
	return matches(BIDI_FITS, label);
}
