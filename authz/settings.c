/* SPDX-License-Identifier: Apache-2.0 */
#include "authz/settings.h"

#include <string.h>

#include "authz/settings_documents.h"
#include "common/config.h"
#include "common/uri.h"

#ifndef SALLYPORT_DATADIR
#define SALLYPORT_DATADIR "/usr/local/share/sallyport"
#endif

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* name, default, least, most: seconds */
struct lifetime {
	const char *name;
	int64_t otherwise, least, most;
	size_t member;
};

static const struct lifetime LIFETIMES[] = {
    {"code", 60, 1, 10 * MINUTE,
     offsetof(struct authz_settings, code_lifetime)}, /* RFC 6749, 4.1.2: ten minutes at most */
    {"access_token", 10 * MINUTE, 10, DAY, offsetof(struct authz_settings, access_token_lifetime)},
    {"grant", 90 * DAY, 1, 3650LL * DAY, offsetof(struct authz_settings, grant_lifetime)},
    {"refresh_retry_window", 2 * MINUTE, 0, HOUR, offsetof(struct authz_settings, refresh_retry_window)},
    {"request", 10 * MINUTE, 30, HOUR, offsetof(struct authz_settings, request_lifetime)},
    {"session_idle", 12 * HOUR, 10, 365LL * DAY, offsetof(struct authz_settings, session_idle)},
    {"session", 7 * DAY, 10, 365LL * DAY, offsetof(struct authz_settings, session_lifetime)},
};

static const char *read_lifetimes(h2o_mem_pool_t *pool, struct settings *s, const json_t *file)
{
	const json_t *lifetimes = json_object_get(file, "lifetimes");

	for (size_t i = 0; i < sizeof(LIFETIMES) / sizeof(LIFETIMES[0]); i++) {
		const struct lifetime *l = &LIFETIMES[i];
		int64_t ms = config_duration_ms(lifetimes, l->name, l->otherwise * 1000);

		if (ms % 1000 != 0 || ms < l->least * 1000 || ms > l->most * 1000)
			return text_printf(pool, "%s: lifetimes.%s: must be whole seconds from %lld to %lld", s->file,
			                   l->name, (long long)l->least, (long long)l->most);
		*(int64_t *)((char *)&s->authz + l->member) = ms / 1000;
	}
	return NULL;
}

/* The issuer and what follows from it. */
static const char *read_issuer(h2o_mem_pool_t *pool, struct settings *s, const json_t *file)
{
	const char *issuer = config_text(file, "issuer", NULL);
	const char *problem = uri_issuer_problem(text_of(issuer));
	struct uri uri;

	if (problem != NULL || !uri_parse(text_of(issuer), &uri))
		return text_printf(pool, "%s: issuer: %s", s->file, problem != NULL ? problem : "is no absolute URI");
	s->authz.issuer = issuer;
	s->authz.base = uri.path.len > 1 ? text_copy(pool, uri.path) : "";
	s->authz.origin = uri_origin(pool, &uri);
	s->authz.secure = text_is_nocase(uri.scheme, "https");
	/* Cookies do not know ports: servers side by side on loopback must not take each other's. */
	s->authz.cookie_suffix =
	    s->authz.secure || uri.port.len == 0 ? "" : text_printf(pool, "_%.*s", (int)uri.port.len, uri.port.base);
	return NULL;
}

static void read_registration(struct authz_settings *s, const char *mode)
{
	s->registration = strcmp(mode, "open") == 0    ? REGISTRATION_OPEN
	                  : strcmp(mode, "token") == 0 ? REGISTRATION_TOKEN
	                                               : REGISTRATION_CLOSED;
}

/* Many people may share an address. */
static const struct {
	const char *name;
	uint32_t otherwise;
} LIMITS[BUDGETS] = {
    [BUDGET_REGISTRATION] = {"registration", 120},
    [BUDGET_MANAGEMENT] = {"registration_management", 60},
    [BUDGET_AUTHORIZATION] = {"authorization", 600},
    [BUDGET_TOKEN] = {"token", 300},
};

static void read_limits(struct authz_settings *s, const json_t *limits)
{
	for (int b = NO_BUDGET + 1; b < BUDGETS; b++) {
		bool is_off = json_is_string(limits) || json_is_string(json_object_get(limits, LIMITS[b].name));
		s->budgets[b] = is_off ? 0 : (uint32_t)config_int(limits, LIMITS[b].name, LIMITS[b].otherwise);
	}
}

static const char *read_lease(h2o_mem_pool_t *pool, struct settings *s, const json_t *file)
{
	int64_t ms = config_duration_ms(file, "registration_lease", 7LL * DAY * 1000);

	if (ms % 1000 != 0 || ms < HOUR * 1000LL || ms > 3650LL * DAY * 1000)
		return text_printf(pool, "%s: registration_lease: must be whole seconds from an hour to ten years",
		                   s->file);
	s->authz.registration_lease = ms / 1000;
	return NULL;
}

/* When a signing key gets its successor. */
static const char *read_keys(h2o_mem_pool_t *pool, struct settings *s, const json_t *file)
{
	const json_t *keys = json_object_get(file, "keys");
	bool never = strcmp(config_text(keys, "rotate", ""), "never") == 0;
	int64_t rotate = never ? 0 : config_duration_ms(keys, "rotate", 90LL * DAY * 1000);
	int64_t announce = config_duration_ms(keys, "announce", DAY * 1000LL);

	if (!never && (rotate % 1000 != 0 || rotate < HOUR * 1000LL || rotate > 3650LL * DAY * 1000))
		return text_printf(pool, "%s: keys.rotate: must be never, or whole seconds from an hour to ten years",
		                   s->file);
	if (announce % 1000 != 0 || announce < 5 * MINUTE * 1000LL || (!never && announce >= rotate))
		return text_printf(
		    pool, "%s: keys.announce: must be whole seconds from five minutes to less than keys.rotate",
		    s->file);
	s->authz.key_rotate = rotate / 1000;
	s->authz.key_announce = announce / 1000;
	return NULL;
}

static void read_rest(h2o_mem_pool_t *pool, struct settings *s, const json_t *file)
{
	const json_t *argon2 = json_object_get(file, "argon2");
	const char *templates = config_path(pool, s->file, file, "templates");

	s->database = config_text(file, "database", NULL);
	s->admin_database = config_text(file, "admin_database", NULL);
	s->database_connections = (unsigned)config_int(file, "database_connections", 3);
	s->secrets = master_secrets_place_read(pool, s->file, file);
	s->authz.dpop_nonce_required =
	    strcmp(config_text(json_object_get(file, "dpop"), "nonce", "required"), "required") == 0;
	s->workers = (unsigned)config_int(file, "workers", 2);
	s->authz.templates = templates != NULL ? templates : SALLYPORT_DATADIR "/templates";
	read_registration(&s->authz, config_text(file, "registration", "open"));
	read_limits(&s->authz, json_object_get(file, "limits"));
	/* OWASP Password Storage: Argon2id with 19 MiB and two passes. */
	s->authz.argon2_memory_kib = (uint32_t)config_int(argon2, "memory_kib", 19456);
	s->authz.argon2_passes = (uint32_t)config_int(argon2, "passes", 2);
}

struct settings *settings_load(h2o_mem_pool_t *pool, const char *file, const char **error)
{
	struct settings *s = h2o_mem_alloc_pool(pool, sizeof(*s));
	h2o_mem_pool_t schema; /* a quarter of a megabyte that is wanted once */

	h2o_mem_init_pool(&schema);
	json_t *values = config_load(pool, file, serving_schema_compile(&schema, settings_schema(&schema)), error);
	h2o_mem_clear_pool(&schema);
	if (values == NULL)
		return NULL;
	*s = (struct settings){.file = text_copy(pool, text_of(file))};
	*error = read_issuer(pool, s, values);
	if (*error == NULL)
		*error = read_lifetimes(pool, s, values);
	if (*error == NULL)
		*error = read_lease(pool, s, values);
	if (*error == NULL)
		*error = read_keys(pool, s, values);
	if (*error != NULL)
		return NULL;
	serving_settings_read(pool, s->file, values, &s->serving);
	s->serving.admin_listen = json_object_get(values, "admin_listen");
	s->authz.has_admin_listener = s->serving.admin_listen != NULL;
	s->authz.client_certificates = s->serving.ask_certificate;
	s->authz.client_authorities = s->serving.ask_certificate && s->serving.client_ca != NULL;
	read_rest(pool, s, values);
	*error = settings_documents_read(pool, s->file, values, &s->authz.documents);
	return *error == NULL ? s : NULL;
}
