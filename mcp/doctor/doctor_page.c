/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/doctor/doctor_page.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct scanner {
	h2o_mem_pool_t *pool;
	const char *p, *end;
};

struct tag {
	h2o_iovec_t name; /* as written, without "/" */
	bool closing;
	const char *attributes; /* up to, not with, the ">" */
	const char *end;
};

static bool name_is(h2o_iovec_t name, const char *literal)
{
	return text_is_nocase(name, literal);
}

static bool is_name_end(char c)
{
	return isspace((unsigned char)c) || c == '>' || c == '/' || c == '=';
}

/* Behind the first `needle` (any case) at or after p; the end if there is none. */
static const char *behind(const char *p, const char *end, const char *needle)
{
	size_t len = strlen(needle);

	for (; p + len <= end; p++)
		if (strncasecmp(p, needle, len) == 0)
			return p + len;
	return end;
}

/* The ">" that ends a tag: quoted attribute values may contain one. */
static const char *tag_end(const char *p, const char *end)
{
	char quote = '\0';

	for (; p < end; p++) {
		if (quote != '\0') {
			if (*p == quote)
				quote = '\0';
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '>') {
			return p;
		}
	}
	return end;
}

/* Jumps over what holds no markup: the content of scripts and styles. */
static void skip_raw_text(struct scanner *s, const struct tag *t)
{
	static const char *const RAW[][2] = {
	    {"script", "</script"}, {"style", "</style"}, {"textarea", "</textarea"}, {"title", "</title"}};

	if (t->closing)
		return;
	for (size_t i = 0; i < sizeof(RAW) / sizeof(RAW[0]); i++) {
		if (!name_is(t->name, RAW[i][0]))
			continue;
		const char *q = behind(s->p, s->end, RAW[i][1]);

		s->p = q == s->end ? q : behind(q, s->end, ">");
	}
}

/* The next tag; false at the end. Comments and declarations are passed over. `text` (may be NULL) takes what stood
 * before the tag. */
static bool next_tag(struct scanner *s, struct tag *ret, struct text_buffer *text)
{
	while (s->p < s->end) {
		const char *lt = memchr(s->p, '<', s->end - s->p);

		if (text != NULL)
			text_append(text, s->p, (lt != NULL ? lt : s->end) - s->p);
		if (lt == NULL)
			break;
		if (s->end - lt >= 4 && memcmp(lt, "<!--", 4) == 0) {
			s->p = behind(lt + 4, s->end, "-->");
			continue;
		}
		const char *p = lt + 1;
		bool closing = p < s->end && *p == '/';

		p += closing;
		if (p >= s->end || !isalpha((unsigned char)*p)) {
			bool declaration = p < s->end && (*p == '!' || *p == '?');

			if (!declaration && text != NULL)
				text_append_str(text, "<");
			s->p = declaration ? behind(p, s->end, ">") : lt + 1;
			continue;
		}
		const char *name = p;

		while (p < s->end && !is_name_end(*p))
			p++;
		*ret = (struct tag){.name = h2o_iovec_init(name, p - name), .closing = closing, .attributes = p};
		ret->end = tag_end(p, s->end);
		s->p = ret->end < s->end ? ret->end + 1 : s->end;
		if (text != NULL)
			text_append_str(text, " ");
		skip_raw_text(s, ret);
		return true;
	}
	s->p = s->end;
	return false;
}

static void append_code_point(struct text_buffer *b, unsigned long c)
{
	char utf8[4];
	size_t len = 0;

	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		c = 0xfffd;
	if (c < 0x80) {
		utf8[len++] = (char)c;
	} else if (c < 0x800) {
		utf8[len++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		utf8[len++] = (char)(0xe0 | c >> 12);
		utf8[len++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		utf8[len++] = (char)(0xf0 | c >> 18);
		utf8[len++] = (char)(0x80 | (c >> 12 & 0x3f));
		utf8[len++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		utf8[len++] = (char)(0x80 | (c & 0x3f));
	text_append(b, utf8, len);
}

/* "#39" or "#x27": the number; 0 if it is none. */
static unsigned long reference_number(h2o_iovec_t name)
{
	unsigned long ret = 0;
	bool hex = name.len > 2 && (name.base[1] == 'x' || name.base[1] == 'X');

	for (size_t i = hex ? 2 : 1; i < name.len; i++) {
		int c = tolower((unsigned char)name.base[i]);

		if (!(hex ? isxdigit(c) : isdigit(c)) || ret > 0x10ffff)
			return 0;
		ret = ret * (hex ? 16 : 10) + (unsigned long)(isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	return ret;
}

static unsigned long reference_code_point(h2o_iovec_t name)
{
	static const struct {
		const char *name;
		unsigned long code_point;
	} KNOWN[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", 0xa0}};

	if (name.len > 1 && name.base[0] == '#')
		return reference_number(name);
	for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++)
		if (text_is(name, KNOWN[i].name))
			return KNOWN[i].code_point;
	return 0;
}

/* Resolves character references; an unknown one stays as it stands. */
static char *unescape(h2o_mem_pool_t *pool, h2o_iovec_t text)
{
	struct text_buffer b = {.pool = pool};

	text_append(&b, "", 0);
	for (size_t i = 0; i < text.len;) {
		const char *semicolon = NULL;
		size_t rest = text.len - i;

		if (text.base[i] == '&')
			semicolon = memchr(text.base + i, ';', rest < 12 ? rest : 12);
		h2o_iovec_t name = semicolon != NULL ? h2o_iovec_init(text.base + i + 1, semicolon - text.base - i - 1)
		                                     : (h2o_iovec_t){NULL, 0};
		unsigned long c = name.len > 0 ? reference_code_point(name) : 0;

		if (c == 0) {
			text_append(&b, text.base + i++, 1);
			continue;
		}
		append_code_point(&b, c);
		i += name.len + 2;
	}
	return b.base != NULL ? b.base : text_copy(pool, (h2o_iovec_t){"", 0});
}

/* One attribute at *p; false at the end of the tag. */
static bool next_attribute(const char **p, const char *end, h2o_iovec_t *name, h2o_iovec_t *value)
{
	const char *q = *p;

	while (q < end && (isspace((unsigned char)*q) || *q == '/' || *q == '='))
		q++;
	if (q >= end)
		return false;
	const char *from = q;

	while (q < end && !is_name_end(*q))
		q++;
	*name = h2o_iovec_init(from, q - from);
	*value = (h2o_iovec_t){"", 0};
	while (q < end && isspace((unsigned char)*q))
		q++;
	if (q < end && *q == '=') {
		q++;
		while (q < end && isspace((unsigned char)*q))
			q++;
		char quote = q < end && (*q == '"' || *q == '\'') ? *q++ : '\0';

		from = q;
		while (q < end && (quote != '\0' ? *q != quote : !isspace((unsigned char)*q)))
			q++;
		*value = h2o_iovec_init(from, q - from);
		if (quote != '\0' && q < end)
			q++;
	}
	*p = q;
	return true;
}

/* "" if the tag has no such attribute, or `otherwise`. */
static char *attribute(h2o_mem_pool_t *pool, const struct tag *t, const char *wanted, const char *otherwise)
{
	const char *p = t->attributes;
	h2o_iovec_t name, value;

	while (next_attribute(&p, t->end, &name, &value))
		if (name_is(name, wanted))
			return unescape(pool, value);
	return text_copy(pool, text_of(otherwise));
}

static char *lower(char *text)
{
	for (char *p = text; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return text;
}

static void add_field(h2o_mem_pool_t *pool, const struct tag *t, struct page_form *form)
{
	bool input = name_is(t->name, "input"), button = name_is(t->name, "button");

	if (t->closing || !(input || button) || form->field_count == PAGE_FIELDS_MAX)
		return;
	struct page_field *f = &form->fields[form->field_count++];

	f->name = attribute(pool, t, "name", "");
	f->value = attribute(pool, t, "value", "");
	f->type = lower(attribute(pool, t, "type", button ? "submit" : "text"));
	f->kind = button || strcmp(f->type, "submit") == 0 ? PAGE_BUTTON
	          : strcmp(f->type, "hidden") == 0         ? PAGE_HIDDEN
	                                                   : PAGE_INPUT;
}

const struct page_field *page_form_field(const struct page_form *form, const char *name, const char *value)
{
	for (size_t i = 0; i < form->field_count; i++) {
		const struct page_field *f = &form->fields[i];

		if (strcmp(f->name, name) == 0 && (value == NULL || strcmp(f->value, value) == 0))
			return f;
	}
	return NULL;
}

bool page_find_form(h2o_mem_pool_t *pool, h2o_iovec_t html, const char *field, struct page_form *ret)
{
	struct scanner s = {pool, html.base, html.base + html.len};
	struct tag t;
	bool inside = false;

	while (next_tag(&s, &t, NULL)) {
		bool form = name_is(t.name, "form");

		if (inside && form && page_form_field(ret, field, NULL) != NULL)
			return true;
		if (form && t.closing) {
			inside = false;
		} else if (form) {
			*ret = (struct page_form){.action = attribute(pool, &t, "action", ""),
			                          .method = lower(attribute(pool, &t, "method", "get"))};
			inside = true;
		} else if (inside) {
			add_field(pool, &t, ret);
		}
	}
	return inside && page_form_field(ret, field, NULL) != NULL;
}

const char *page_words(h2o_mem_pool_t *pool, h2o_iovec_t html, size_t limit)
{
	struct scanner s = {pool, html.base, html.base + html.len};
	struct text_buffer raw = {.pool = pool};
	struct tag t;

	while (raw.len < limit * 16 && next_tag(&s, &t, &raw))
		continue;
	char *words = unescape(pool, h2o_iovec_init(raw.base != NULL ? raw.base : "", raw.len));
	size_t len = 0;

	for (const char *p = words; *p != '\0' && len < limit; p++) {
		bool blank = isspace((unsigned char)*p);

		if (!blank)
			words[len++] = *p;
		else if (len > 0 && words[len - 1] != ' ')
			words[len++] = ' ';
	}
	while (len > 0 && words[len - 1] == ' ')
		len--;
	/* Not in the middle of a character. */
	while (len > 0 && !text_is_utf8(h2o_iovec_init(words, len)) && limit - len < 4)
		len--;
	words[len] = '\0';
	return words;
}

/* The text between a tag and its end; {NULL, 0} if there is none. */
static h2o_iovec_t element(h2o_iovec_t html, const char *open, const char *close)
{
	const char *start = memmem(html.base, html.len, open, strlen(open));
	const char *end = html.base + html.len;

	start = start != NULL ? memchr(start, '>', (size_t)(end - start)) : NULL;
	if (start == NULL)
		return (h2o_iovec_t){NULL, 0};
	const char *stop = memmem(start, (size_t)(end - start), close, strlen(close));
	return stop != NULL ? h2o_iovec_init(start + 1, stop - start - 1) : (h2o_iovec_t){NULL, 0};
}

const char *page_heading(h2o_mem_pool_t *pool, h2o_iovec_t html, size_t limit)
{
	h2o_iovec_t words = element(html, "<h1", "</h1>");

	if (words.base == NULL)
		words = element(html, "<title", "</title>");
	return words.base != NULL ? page_words(pool, words, limit) : "";
}
