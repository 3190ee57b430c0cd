/* SPDX-License-Identifier: Apache-2.0 */
/* What a client finds out before anybody signs in: the challenge, both metadata documents, a registration. */
#include <string.h>

#include "common/secret.h"
#include "mcp/doctor/doctor_flow.h"

#define INITIALIZE                                                                                                     \
	"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-11-25\","      \
	"\"capabilities\":{},\"clientInfo\":{\"name\":\"sallyport-doctor\",\"version\":\"1\"}}}"

static const char *const GET_JSON[] = {"Accept: application/json", "MCP-Protocol-Version: 2025-11-25", NULL};

static struct doctor_answer get_json(struct doctor *d, const char *url)
{
	return doctor_http_ask(d->http, DOCTOR_CLIENT, "GET", url, GET_JSON, (h2o_iovec_t){NULL, 0});
}

/* name="value" or name=value anywhere in the header, as the SDKs read it; NULL if absent. */
static const char *challenge_part(struct doctor *d, const char *challenge, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = challenge; (p = strstr(p, name)) != NULL; p += len) {
		bool starts = p == challenge || p[-1] == ' ' || p[-1] == ',';

		if (!starts || p[len] != '=')
			continue;
		p += len + 1;
		if (*p == '"')
			return text_copy(d->pool, h2o_iovec_init(p + 1, strcspn(p + 1, "\"")));
		return text_copy(d->pool, h2o_iovec_init(p, strcspn(p, " ,")));
	}
	return NULL;
}

static bool read_challenge(struct doctor *d, struct report_step *s, const char *challenge)
{
	if (challenge == NULL) {
		doctor_failed(d, s, "There is no WWW-Authenticate header: many clients stop here.",
		              "Answer 401 with: WWW-Authenticate: Bearer resource_metadata=\"...\". A proxy may have "
		              "taken it away.");
		return true; /* the well-known address may still be there */
	}
	s->got = text_printf(d->pool, "401, WWW-Authenticate: %s", doctor_quote(d, challenge));
	d->metadata_url = challenge_part(d, challenge, "resource_metadata");
	d->scope = challenge_part(d, challenge, "scope");
	if (strncmp(challenge, "Bearer", 6) != 0) {
		doctor_failed(d, s, "The first challenge is not Bearer: clients do not look further.",
		              "Put the Bearer challenge first, and send only one.");
		return true;
	}
	if (d->metadata_url == NULL)
		doctor_noted(d, s, "A token is needed, but it does not say where the metadata is.",
		             "Add resource_metadata=\"...\" to the Bearer challenge.");
	else
		doctor_passed(d, s, "A token is needed, and it says where the metadata is.");
	return true;
}

static bool ask_without_token(struct doctor *d)
{
	static const char *const HEADERS[] = {"Content-Type: application/json",
	                                      "Accept: application/json, text/event-stream", NULL};
	struct report_step s = {.name = "Call without a token",
	                        .asked = text_printf(d->pool, "POST %s (initialize)", doctor_quote(d, d->url))};
	struct doctor_answer a =
	    doctor_http_ask(d->http, DOCTOR_CLIENT, "POST", d->url, HEADERS, h2o_iovec_init(H2O_STRLIT(INITIALIZE)));

	if (!doctor_answered(d, &s, &a))
		return false;
	switch (a.status) {
	case 401: return read_challenge(d, &s, doctor_http_header(d->pool, &a, "WWW-Authenticate"));
	case 200:
	case 202:
		return doctor_failed(d, &s, "It answers without a token: this door is open.",
		                     "Demand a Bearer token on every request to this address.");
	case 404:
	case 405:
		return doctor_failed(
		    d, &s, "There is no MCP server at this path.",
		    "Check the path of the URL (also a slash at its end), and what the proxy passes on.");
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return doctor_failed(d, &s, "It redirects; clients do not follow that with a POST.",
		                     text_printf(d->pool, "Use the final address: %s",
		                                 doctor_quote(d, doctor_http_header(d->pool, &a, "Location"))));
	case 403:
		return doctor_failed(d, &s, "It refuses, and does not ask for a token.",
		                     "Check the allowed hosts and origins; a missing token must give 401.");
	default:
		return doctor_failed(d, &s, "It should answer 401.",
		                     "A request without a token must give 401 with a challenge.");
	}
}

/* Why two addresses that should be equal are not: the usual reasons. */
static const char *difference(struct doctor *d, const char *wanted, const char *found)
{
	size_t w = strlen(wanted), f = strlen(found);

	if (w + 1 == f && strncmp(wanted, found, w) == 0 && found[w] == '/')
		return "They differ by a slash at the end. Write the address in both places in the same way, best "
		       "without the slash.";
	if (f + 1 == w && strncmp(wanted, found, f) == 0 && wanted[f] == '/')
		return "They differ by a slash at the end. Write the address in both places in the same way, best "
		       "without the slash.";
	const char *ws = strstr(wanted, "://"), *fs = strstr(found, "://");

	if (ws != NULL && fs != NULL && strcmp(ws, fs) == 0)
		return "They differ by http and https. Behind a proxy, configure the address that people use, with "
		       "https.";
	const char *wp = doctor_http_path(d->pool, wanted), *fp = doctor_http_path(d->pool, found);

	if (wp != NULL && fp != NULL && strcmp(wp, fp) == 0)
		return "They differ by host or port. Configure the name that clients use (localhost and 127.0.0.1 are "
		       "two names).";
	return "Configure the address that clients use, byte for byte.";
}

/* The documents of a resource: where the challenge says, or the well-known forms (RFC 9728, 3.1). */
static struct doctor_answer ask_resource_metadata(struct doctor *d, struct report_step *s)
{
	const char *origin = doctor_http_origin(d->pool, d->url), *path = doctor_http_path(d->pool, d->url);
	const char *well_known = text_printf(d->pool, "%s/.well-known/oauth-protected-resource%s", origin,
	                                     strcmp(path, "/") == 0 ? "" : path);
	const char *url = d->metadata_url != NULL ? d->metadata_url : well_known;
	struct doctor_answer a = get_json(d, url);

	if (d->metadata_url == NULL && a.status >= 400 && a.status < 500) {
		url = text_printf(d->pool, "%s/.well-known/oauth-protected-resource", origin);
		a = get_json(d, url);
	}
	s->asked = text_printf(d->pool, "GET %s", doctor_quote(d, url));
	return a;
}

static const char *join_scopes(struct doctor *d, const json_t *scopes)
{
	struct text_buffer b = {.pool = d->pool};
	size_t i;
	json_t *scope;

	json_array_foreach (scopes, i, scope)
		if (json_is_string(scope))
			text_append_printf(&b, "%s%s", b.len > 0 ? " " : "", json_string_value(scope));
	return b.base != NULL ? b.base : "";
}

static bool read_resource_metadata(struct doctor *d)
{
	struct report_step s = {.name = "Protected-resource metadata"};
	struct doctor_answer a = ask_resource_metadata(d, &s);
	json_t *doc = doctor_object(d, &s, &a);

	if (doc == NULL)
		return false;
	const char *resource = json_get_text(doc, "resource").base;
	const json_t *servers = json_object_get(doc, "authorization_servers");
	const char *issuer = json_string_value(json_array_get(servers, 0));

	if (d->scope == NULL)
		d->scope = join_scopes(d, json_object_get(doc, "scopes_supported"));
	s.got = text_printf(d->pool, "resource %s, authorization server %s, scope %s", doctor_quote(d, resource),
	                    doctor_quote(d, issuer), doctor_quote(d, d->scope));
	if (issuer == NULL || doctor_http_origin(d->pool, issuer) == NULL)
		return doctor_failed(d, &s, "It names no authorization server.",
		                     "Set authorization_servers to the issuer.");
	if (resource == NULL)
		return doctor_failed(d, &s, "It does not name its resource.",
		                     "Set resource to the URL of the MCP server.");
	d->resource = resource;
	d->issuer = issuer;
	if (strcmp(resource, d->url) != 0) {
		doctor_failed(d, &s, "The resource is not the URL that was asked: clients refuse it.",
		              difference(d, d->url, resource));
		return true; /* what follows is still worth seeing */
	}
	return doctor_passed(d, &s, "The resource is this URL, byte for byte.");
}

/* RFC 8414, 3.1, then OpenID Connect Discovery; 4xx: the next (MCP: authorization server discovery). */
static struct doctor_answer ask_server_metadata(struct doctor *d, struct report_step *s)
{
	const char *origin = doctor_http_origin(d->pool, d->issuer), *path = doctor_http_path(d->pool, d->issuer);
	size_t path_len = strlen(path);
	struct doctor_answer a = {.content_type = ""};

	while (path_len > 0 && path[path_len - 1] == '/')
		path_len--;
	const char *forms[] = {
	    text_printf(d->pool, "%s/.well-known/oauth-authorization-server%.*s", origin, (int)path_len, path),
	    text_printf(d->pool, "%s/.well-known/openid-configuration%.*s", origin, (int)path_len, path),
	    text_printf(d->pool, "%s%.*s/.well-known/openid-configuration", origin, (int)path_len, path),
	};

	for (size_t i = 0; i < 3; i++) {
		a = get_json(d, forms[i]);
		s->asked = text_printf(d->pool, "GET %s", forms[i]);
		if (a.status < 400 || a.status >= 500)
			break;
	}
	return a;
}

static bool check_server_metadata(struct doctor *d, struct report_step *s, const json_t *doc)
{
	const char *issuer = json_get_text(doc, "issuer").base;

	if (issuer == NULL || strcmp(issuer, d->issuer) != 0)
		return doctor_failed(d, s,
		                     text_printf(d->pool, "The issuer is \"%s\", but the resource names \"%s\".",
		                                 doctor_quote(d, issuer), doctor_quote(d, d->issuer)),
		                     issuer != NULL ? difference(d, d->issuer, issuer) : "Set issuer.");
	if (d->authorization_endpoint == NULL || d->token_endpoint == NULL)
		return doctor_failed(d, s, "The authorization or token endpoint is missing.", NULL);
	if (!doctor_has(json_object_get(doc, "response_types_supported"), "code"))
		return doctor_failed(d, s, "response_types_supported does not have \"code\": clients cannot read it.",
		                     NULL);
	if (!doctor_has(json_object_get(doc, "code_challenge_methods_supported"), "S256"))
		return doctor_failed(d, s, "It does not promise PKCE with S256: clients must refuse.",
		                     "Add code_challenge_methods_supported: [\"S256\"].");
	if (!d->iss_promised)
		return doctor_noted(
		    d, s, "It does not promise the iss parameter (RFC 9207).",
		    "Send iss in authorization responses, and set authorization_response_iss_parameter_supported.");
	return doctor_passed(d, s, "The issuer is the one that the resource names; S256 and iss are promised.");
}

static bool read_server_metadata(struct doctor *d)
{
	struct report_step s = {.name = "Authorization-server metadata"};
	struct doctor_answer a = ask_server_metadata(d, &s);
	json_t *doc = doctor_object(d, &s, &a);

	if (doc == NULL)
		return false;
	d->authorization_endpoint = json_get_text(doc, "authorization_endpoint").base;
	d->token_endpoint = json_get_text(doc, "token_endpoint").base;
	d->registration_endpoint = json_get_text(doc, "registration_endpoint").base;
	d->revocation_endpoint = json_get_text(doc, "revocation_endpoint").base;
	d->iss_promised = json_is_true(json_object_get(doc, "authorization_response_iss_parameter_supported"));
	s.got = text_printf(d->pool, "issuer %s, PKCE %s, registration %s, iss parameter %s",
	                    doctor_quote(d, json_get_text(doc, "issuer").base),
	                    doctor_quote(d, join_scopes(d, json_object_get(doc, "code_challenge_methods_supported"))),
	                    d->registration_endpoint != NULL ? "offered" : "not offered",
	                    d->iss_promised ? "promised" : "not promised");
	check_server_metadata(d, &s, doc);
	return d->authorization_endpoint != NULL && d->token_endpoint != NULL;
}

static bool allows_origin(struct doctor *d, const char *method, const char *url)
{
	static const char *const HEADERS[] = {"Origin: https://client.example", "Access-Control-Request-Method: POST",
	                                      "Access-Control-Request-Headers: content-type,mcp-protocol-version",
	                                      NULL};

	if (url == NULL)
		return true;
	struct doctor_answer a = doctor_http_ask(d->http, DOCTOR_CLIENT, method, url, HEADERS, (h2o_iovec_t){NULL, 0});
	const char *allowed = doctor_http_header(d->pool, &a, "Access-Control-Allow-Origin");

	return a.status >= 200 && a.status < 300 && allowed != NULL &&
	       (strcmp(allowed, "*") == 0 || strcmp(allowed, "https://client.example") == 0);
}

/* Clients that live in a web page need CORS; others do not notice. */
static void check_cors(struct doctor *d)
{
	struct report_step s = {.name = "Clients in a web page (CORS)"};
	bool token = allows_origin(d, "OPTIONS", d->token_endpoint);
	bool registration = allows_origin(d, "OPTIONS", d->registration_endpoint);

	s.asked = text_printf(d->pool, "OPTIONS %s and the registration endpoint, Origin: https://client.example",
	                      doctor_quote(d, d->token_endpoint));
	s.got = text_printf(d->pool, "token endpoint: %s, registration: %s", token ? "allowed" : "not allowed",
	                    registration ? "allowed" : "not allowed");
	if (token && registration)
		doctor_passed(d, &s, "A client in a web page may ask.");
	else
		doctor_noted(d, &s, "A client in a web page cannot connect; others can.",
		             "Answer preflights of the metadata, registration and token endpoints with "
		             "Access-Control-Allow-Origin: *.");
}

bool doctor_discover(struct doctor *d)
{
	if (!ask_without_token(d) || !read_resource_metadata(d) || !read_server_metadata(d))
		return false;
	check_cors(d);
	if (d->wanted_scope != NULL)
		d->scope = d->wanted_scope;
	return true;
}

static h2o_iovec_t registration_request(struct doctor *d)
{
	json_t *body =
	    json_pack("{s:s, s:[s], s:[s, s], s:[s], s:s, s:s}", "client_name", "Sallyport connection doctor",
	              "redirect_uris", d->redirect_uri, "grant_types", "authorization_code", "refresh_token",
	              "response_types", "code", "token_endpoint_auth_method", "none", "application_type", "native");

	if (d->scope[0] != '\0')
		json_object_set_new(body, "scope", json_string(d->scope));
	return json_text(d->pool, json_keep(d->pool, body));
}

bool doctor_register(struct doctor *d)
{
	static const char *const HEADERS[] = {"Content-Type: application/json", "Accept: application/json", NULL};
	struct report_step s = {.name = "Register a client"};
	uint16_t number;

	/* Nobody listens there: the doctor reads the redirect instead of following it (RFC 8252, 7.3). */
	random_bytes(&number, sizeof(number));
	d->redirect_uri = text_printf(d->pool, "http://127.0.0.1:%d/callback", 49152 + number % 16384);
	if (d->registration_endpoint == NULL)
		return doctor_failed(d, &s,
		                     "Clients cannot register themselves: a client that knows only the URL ends here.",
		                     "Offer a registration_endpoint (RFC 7591), or give each client its id by hand.");
	s.asked = text_printf(d->pool, "POST %s (public native client, redirect %s)",
	                      doctor_quote(d, d->registration_endpoint), d->redirect_uri);
	struct doctor_answer a =
	    doctor_http_ask(d->http, DOCTOR_CLIENT, "POST", d->registration_endpoint, HEADERS, registration_request(d));
	json_t *doc = doctor_object(d, &s, &a);

	if (doc == NULL)
		return false;
	d->client_id = json_get_text(doc, "client_id").base;
	d->configuration_url = json_get_text(doc, "registration_client_uri").base;
	d->registration_token = json_get_text(doc, "registration_access_token").base;
	s.got = text_printf(d->pool, "%ld, client %s", a.status, doctor_quote(d, d->client_id));
	if (d->client_id == NULL)
		return doctor_failed(d, &s, "There is no client_id in the answer.", NULL);
	if (!doctor_has(json_object_get(doc, "redirect_uris"), d->redirect_uri))
		return doctor_failed(d, &s, "It did not register the redirect URI.",
		                     "Echo what was registered (RFC 7591, 3.2.1).");
	if (json_object_get(doc, "client_secret") != NULL)
		return doctor_noted(
		    d, &s, "It gave a secret to a client that asked for none; some clients then use it wrongly.",
		    "Give no client_secret when token_endpoint_auth_method is none.");
	return doctor_passed(d, &s, "A public client was registered, with its redirect URI.");
}

void doctor_unregister(struct doctor *d)
{
	if (d->configuration_url == NULL || d->registration_token == NULL)
		return;
	const char *headers[] = {text_printf(d->pool, "Authorization: Bearer %s", d->registration_token), NULL};
	struct report_step s = {.name = "Remove the client", .asked = "DELETE of the registration (RFC 7592)"};
	struct doctor_answer a =
	    doctor_http_ask(d->http, DOCTOR_CLIENT, "DELETE", d->configuration_url, headers, (h2o_iovec_t){NULL, 0});

	if (!doctor_answered(d, &s, &a))
		return;
	if (a.status >= 200 && a.status < 300)
		doctor_passed(d, &s, "The doctor's client is gone.");
	else
		doctor_noted(d, &s, "The doctor's client stays registered.", NULL);
}
