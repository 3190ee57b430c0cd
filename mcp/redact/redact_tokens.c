/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and tokens that begin with the prefix of who gave them out, and handles of Sallyport. */
#include <string.h>

#include "mcp/redact/redact_internal.h"

struct vendor {
	const char *prefix;
	unsigned classes; /* of the rest */
	uint16_t least;   /* characters of the rest */
	uint16_t most;    /* exactly or up to so many; 0: any number */
	uint8_t anchor;   /* place of the three bytes of the prefix that are seldom */
	bool mixed;       /* the rest has digits and letters, or it is a word with hyphens */
};

enum { MIXED_MAX = 128, REST_MAX = 1024 };

#define ALNUM REDACT_ALNUM
#define WORD REDACT_WORD
#define UPPER (REDACT_UPPER | REDACT_DIGIT)

static const struct vendor VENDORS[] = {
    {"AKIA", UPPER, 16, 16, 1, false}, /* Amazon Web Services */
    {"ASIA", UPPER, 16, 16, 1, false},
    {"ABIA", UPPER, 16, 16, 1, false},
    {"ACCA", UPPER, 16, 16, 1, false},
    {"ABSK", ALNUM | REDACT_BASE, 60, 0, 1, false},
    {"AIza", WORD, 35, 35, 1, false}, /* Google */
    {"GOCSPX-", WORD, 28, 28, 0, false},
    {"ya29.", WORD | REDACT_DOT, 20, 0, 0, false},
    {"ghp_", ALNUM, 36, 0, 1, false}, /* GitHub */
    {"gho_", ALNUM, 36, 0, 1, false},
    {"ghu_", ALNUM, 36, 0, 1, false},
    {"ghs_", ALNUM, 36, 0, 1, false},
    {"ghr_", ALNUM, 36, 0, 1, false},
    {"github_pat_", WORD, 22, 0, 6, false},
    {"glpat-", WORD, 20, 0, 0, false}, /* GitLab */
    {"gldt-", WORD, 20, 0, 1, false},
    {"glrt-", WORD, 20, 0, 1, false},
    {"glptt-", WORD, 20, 0, 1, false},
    {"glcbt-", WORD, 20, 0, 1, false},
    {"glsoat-", WORD, 20, 0, 3, false},
    {"glimt-", WORD, 20, 0, 1, false},
    {"glagent-", WORD, 20, 0, 0, false},
    {"xoxa-", WORD, 10, 0, 0, true}, /* Slack */
    {"xoxb-", WORD, 10, 0, 0, true},
    {"xoxe-", WORD, 10, 0, 0, true},
    {"xoxe.", WORD | REDACT_DOT, 10, 0, 0, true},
    {"xoxo-", WORD, 10, 0, 0, true},
    {"xoxp-", WORD, 10, 0, 0, true},
    {"xoxr-", WORD, 10, 0, 0, true},
    {"xoxs-", WORD, 10, 0, 0, true},
    {"xapp-", WORD, 20, 0, 0, true},
    {"hooks.slack.com/services/", WORD | REDACT_BASE, 30, 0, 9, false},
    {"sk_live_", ALNUM, 16, 0, 1, false}, /* Stripe */
    {"sk_test_", ALNUM, 16, 0, 1, false},
    {"rk_live_", ALNUM, 16, 0, 1, false},
    {"rk_test_", ALNUM, 16, 0, 1, false},
    {"whsec_", ALNUM | REDACT_BASE, 24, 0, 0, false},
    {"sk-", WORD, 20, 0, 0, true},    /* OpenAI, Anthropic and others */
    {"gsk_", ALNUM, 40, 0, 1, false}, /* Groq */
    {"xai-", ALNUM, 40, 0, 1, false},
    {"pplx-", ALNUM, 40, 0, 0, false},
    {"r8_", ALNUM, 37, 37, 0, false}, /* Replicate */
    {"hf_", ALNUM, 30, 0, 0, true},   /* Hugging Face */
    {"npm_", ALNUM, 36, 36, 1, false},
    {"pypi-", WORD, 50, 0, 0, false},
    {"rubygems_", ALNUM, 48, 48, 2, false},
    {"dckr_pat_", WORD, 20, 0, 1, false},       /* Docker */
    {"SG.", WORD | REDACT_DOT, 50, 0, 0, true}, /* SendGrid */
    {"key-", ALNUM, 32, 32, 1, true},           /* Mailgun */
    {"dop_v1_", ALNUM, 64, 64, 2, false},       /* DigitalOcean */
    {"doo_v1_", ALNUM, 64, 64, 2, false},
    {"dor_v1_", ALNUM, 64, 64, 2, false},
    {"shpat_", ALNUM, 32, 32, 0, false}, /* Shopify */
    {"shpca_", ALNUM, 32, 32, 0, false},
    {"shppa_", ALNUM, 32, 32, 0, false},
    {"shpss_", ALNUM, 32, 32, 0, false},
    {"hvs.", WORD, 24, 0, 0, false}, /* HashiCorp */
    {"hvb.", WORD, 24, 0, 0, false},
    {".atlasv1.", WORD, 40, 0, 1, false},
    {"dapi", ALNUM, 32, 32, 0, true},     /* Databricks */
    {"lin_api_", ALNUM, 32, 0, 0, false}, /* Linear */
    {"ntn_", ALNUM, 40, 0, 0, false},     /* Notion */
    {"glsa_", WORD, 32, 0, 1, false},     /* Grafana */
    {"glc_", ALNUM | REDACT_BASE, 32, 0, 0, false},
    {"dp.st.", WORD | REDACT_DOT, 40, 0, 1, false}, /* Doppler */
    {"ATATT3", WORD, 60, 0, 1, false},              /* Atlassian */
    {"PMAK-", WORD, 50, 0, 1, false},               /* Postman */
    {"NRAK-", UPPER, 27, 27, 1, false},             /* New Relic */
    {"sq0atp-", WORD, 22, 22, 0, false},            /* Square */
    {"sq0csp-", WORD, 43, 43, 0, false},
    {"sbp_", ALNUM, 40, 40, 0, false},      /* Supabase */
    {"pscale_tkn_", WORD, 32, 0, 7, false}, /* PlanetScale */
    {"pscale_pw_", WORD, 32, 0, 7, false},
    {"AGE-SECRET-KEY-1", UPPER, 58, 58, 4, false},
    {"EAACEdEose0cBA", ALNUM, 20, 0, 4, false},     /* Facebook */
    {"sgp_", WORD, 40, 0, 0, false},                /* Sourcegraph */
    {"tskey-", WORD, 20, 0, 0, true},               /* Tailscale */
    {"fm2_", ALNUM | REDACT_BASE, 40, 0, 0, false}, /* Fly.io */
};

/* It has digits and letters, and a part between two hyphens that no word is as long as. */
static bool is_mixed(const struct scan *s, size_t at, size_t end)
{
	bool has_digit = false, has_letter = false;
	size_t part = 0, longest = 0;

	end = end - at > MIXED_MAX ? at + MIXED_MAX : end; /* it is asked at many places of a long one */
	for (; at < end; at++) {
		has_digit |= redact_is(s, at, REDACT_DIGIT);
		has_letter |= redact_is(s, at, REDACT_LETTER);
		part = redact_is(s, at, REDACT_ALNUM) ? part + 1 : 0;
		longest = part > longest ? part : longest;
	}
	return has_digit && has_letter && longest >= 10;
}

static size_t vendor_end(struct scan *s, size_t at, const struct vendor *v)
{
	size_t rest = at + strlen(v->prefix);

	if (!redact_has(s, at, v->prefix))
		return 0;
	size_t end = v->classes == WORD ? redact_word_end(s, rest) : redact_run(s, rest, v->classes, REST_MAX);
	if (end - rest < v->least || (v->most > 0 && end - rest > v->most))
		return 0;
	return v->mixed && !is_mixed(s, rest, end) ? 0 : end;
}

static void check_vendor(struct scan *s, size_t at)
{
	if (!redact_begins(s, at, REDACT_ALNUM))
		return;
	for (size_t i = 0; i < sizeof(VENDORS) / sizeof(VENDORS[0]); i++) {
		size_t end = VENDORS[i].prefix[0] == s->base[at] ? vendor_end(s, at, &VENDORS[i]) : 0;
		if (end == 0)
			continue;
		redact_found(s, at, end, REDACT_VENDOR_KEY);
		return;
	}
}

/* Tags of handle.h, and of client secrets. */
static void check_handle(struct scan *s, size_t at)
{
	if (!redact_begins(s, at, REDACT_ALNUM) || !redact_has(s, at, "sp") || !redact_has(s, at + 3, "_"))
		return;
	if (memchr("crsbqgaimtx", s->base[at + 2], 11) == NULL)
		return;
	size_t end = redact_word_end(s, at + 4);
	if (end - at >= 40)
		redact_found(s, at, end, REDACT_HANDLE);
}

void redact_add_tokens(struct redactor *redactor)
{
	static const char TAGS[] = "crsbqgaimtx";

	for (size_t i = 0; i < sizeof(VENDORS) / sizeof(VENDORS[0]); i++)
		redactor_add_anchor(redactor, VENDORS[i].prefix, VENDORS[i].anchor, check_vendor);
	for (const char *tag = TAGS; *tag != '\0'; tag++) {
		const char prefix[] = {'s', 'p', *tag, '_', '\0'};
		redactor_add_anchor(redactor, prefix, 1, check_handle);
	}
}
