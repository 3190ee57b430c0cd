/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/scan/looks.h"

#include "common/text.h"

static bool is_within(uint32_t code, uint32_t first, uint32_t last)
{
	return code >= first && code <= last;
}

int looks_plain(uint32_t code)
{
	if (is_within(code, 0xFF01, 0xFF5E)) /* full width */
		return (int)(code - 0xFEE0);
	if (is_within(code, 0xE0021, 0xE007E)) /* tags: ASCII that cannot be seen */
		return (int)(code - 0xE0000);
	if (code >= 0x80 && text_is_invisible(code))
		return LOOKS_HIDDEN;
	if (code == 0xA0 || code == 0x202F || code == 0x3000 || is_within(code, 0x2000, 0x200A))
		return ' ';
	if (is_within(code, 0x2010, 0x2015) || code == 0x2212)
		return '-';
	if (is_within(code, 0x660, 0x669))
		return (int)('0' + code - 0x660);
	if (is_within(code, 0x6F0, 0x6F9))
		return (int)('0' + code - 0x6F0);
	if (is_within(code, 0x1D7CE, 0x1D7FF)) /* mathematical */
		return (int)('0' + (code - 0x1D7CE) % 10);
	if (is_within(code, 0x1D400, 0x1D6A3)) {
		uint32_t letter = (code - 0x1D400) % 52;
		return (int)(letter < 26 ? 'A' + letter : 'a' + letter - 26);
	}
	return LOOKS_ITSELF;
}

/* Letters of other scripts by the ASCII letter that they look like, sorted. */
static const struct {
	uint16_t code;
	char looks;
} CONFUSABLES[] = {
    {0x391, 'a'}, {0x392, 'b'}, {0x395, 'e'}, {0x396, 'z'}, {0x397, 'h'}, {0x399, 'i'}, {0x39a, 'k'}, {0x39c, 'm'},
    {0x39d, 'n'}, {0x39f, 'o'}, {0x3a1, 'p'}, {0x3a4, 't'}, {0x3a5, 'y'}, {0x3a7, 'x'}, {0x3b1, 'a'}, {0x3b3, 'y'},
    {0x3b5, 'e'}, {0x3b9, 'i'}, {0x3ba, 'k'}, {0x3bd, 'v'}, {0x3bf, 'o'}, {0x3c1, 'p'}, {0x3c3, 'o'}, {0x3c4, 't'},
    {0x3c5, 'u'}, {0x3c7, 'x'}, {0x3c9, 'w'}, {0x3f2, 'c'}, {0x405, 's'}, {0x406, 'i'}, {0x408, 'j'}, {0x410, 'a'},
    {0x412, 'b'}, {0x415, 'e'}, {0x417, '3'}, {0x41a, 'k'}, {0x41c, 'm'}, {0x41d, 'h'}, {0x41e, 'o'}, {0x420, 'p'},
    {0x421, 'c'}, {0x422, 't'}, {0x423, 'y'}, {0x425, 'x'}, {0x430, 'a'}, {0x432, 'b'}, {0x433, 'r'}, {0x435, 'e'},
    {0x437, '3'}, {0x43a, 'k'}, {0x43c, 'm'}, {0x43d, 'h'}, {0x43e, 'o'}, {0x43f, 'n'}, {0x440, 'p'}, {0x441, 'c'},
    {0x442, 't'}, {0x443, 'y'}, {0x445, 'x'}, {0x448, 'w'}, {0x455, 's'}, {0x456, 'i'}, {0x458, 'j'}, {0x475, 'v'},
    {0x4bb, 'h'}, {0x4c0, 'i'}, {0x4cf, 'i'}, {0x501, 'd'}, {0x51b, 'q'}, {0x51d, 'w'},
};

/* Letters with marks, by the letter below the marks: what remains of U+00C0 to U+017F. */
static const char LATIN[] = "aaaaaaaceeeeiiiidnooooo*ouuuuypsaaaaaaaceeeeiiiidnooooo*ouuuuypy"
			    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
			    "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static int confusable(uint32_t code)
{
	size_t low = 0, high = sizeof(CONFUSABLES) / sizeof(CONFUSABLES[0]);

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (CONFUSABLES[middle].code == code)
			return CONFUSABLES[middle].looks;
		if (CONFUSABLES[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return LOOKS_ITSELF;
}

int looks_letter(uint32_t code)
{
	int plain = code < 0x80 ? (int)code : looks_plain(code);

	if (plain >= 0)
		return plain >= 'A' && plain <= 'Z' ? plain + 0x20 : plain;
	if (plain == LOOKS_HIDDEN)
		return plain;
	if (code == 0xD8 || code == 0xF8)
		return 'o';
	if (code >= 0xC0 && code - 0xC0 < sizeof(LATIN) - 1 && LATIN[code - 0xC0] != '*')
		return LATIN[code - 0xC0];
	return code >= 0x391 && code <= 0x51D ? confusable(code) : LOOKS_ITSELF;
}

bool looks_is_emoji_form(uint32_t before, uint32_t code)
{
	return code == 0xFE0F && before >= 0x203C && (before < 0xFE00 || before > 0xFE0F);
}

enum hidden_kind looks_hidden_kind(uint32_t code)
{
	if (is_within(code, 0xE0000, 0xE007F))
		return HIDDEN_TAG;
	if (is_within(code, 0x202A, 0x202E) || is_within(code, 0x2066, 0x2069) || code == 0x200E || code == 0x200F ||
	    code == 0x61C)
		return HIDDEN_DIRECTION;
	return code < 0x20 || is_within(code, 0x7F, 0x9F) ? HIDDEN_CONTROL : HIDDEN_OTHER;
}
