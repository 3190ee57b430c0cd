/* SPDX-License-Identifier: Apache-2.0 */
/* How this server proves to another one that it may ask: by a secret of its own, or in the caller's name by a token
 * that an authorization server gives for the caller's (RFC 8693). The caller's own token goes to no other place than
 * that server's token endpoint. Secrets are read when the file is loaded, and again when the catalogue is. */
#ifndef SALLYPORT_MCP_CREDENTIAL_H
#define SALLYPORT_MCP_CREDENTIAL_H

#include "common/egress.h"
#include "mcp/catalogue/loading.h"

struct credential;
struct credential_wait;
struct exchanges;

/* YAML of the JSON Schema of a member `credential`, in one line: "  credential: " CREDENTIAL_SCHEMA "\n". */
#define CREDENTIAL_SCHEMA                                                                                              \
	"{description: How the server proves who it is, type: object, additionalProperties: false, minProperties: 1, " \
	"dependentRequired: {header: [as]}, oneOf: [{required: [file]}, {required: [environment]}, {required: "        \
	"[exchange]}], properties: {"                                                                                  \
	"file: {description: 'The secret, in one line', type: string, minLength: 1, maxLength: 4096}, "                \
	"environment: {description: A variable that holds it, type: string, pattern: "                                 \
	"'^[A-Za-z_][A-Za-z0-9_]{0,127}$'}, "                                                                          \
	"as: {description: 'bearer unless said; basic: the secret is user:password', enum: [bearer, basic, header]}, " \
	"header: {description: Its name, type: string, minLength: 1, maxLength: 128}, "                                \
	"exchange: {description: 'A token in the caller''s name (RFC 8693)', type: object, additionalProperties: "     \
	"false, required: [token_endpoint, client_id, client_secret_file], properties: {"                              \
	"token_endpoint: {type: string, minLength: 1, maxLength: 2048}, "                                              \
	"client_id: {type: string, minLength: 1, maxLength: 256}, "                                                    \
	"client_secret_file: {type: string, minLength: 1, maxLength: 4096}, "                                          \
	"audience: {type: string, minLength: 1, maxLength: 2048}, "                                                    \
	"resource: {type: string, minLength: 1, maxLength: 2048}, "                                                    \
	"scope: {type: string, minLength: 1, maxLength: 2048}}}}}"

/* The member `part` (NULL: there is none), which stands at `place` ("/http/credential"). NULL, and *problem unless
 * there is no member. Paths are relative to the file's folder. */
const struct credential *credential_load(struct loading *l, const json_t *part, const char *place,
                                         const char **problem);

/* What a request carries: the one or the other, or none. egress_fetch copies it. */
struct credential_header {
	const char *authorization; /* of egress_request */
	const char *line;          /* of egress_request.headers */
};
typedef void credential_fn(void *data, const struct credential_header *header /* NULL: it cannot be had */);
/* NULL: *ret is it, and lives as long as the catalogue. Else `done` is called once, and never before this returns; what
 * it is told is gone after the call. `credential` NULL: none is carried. `r`: whose
 * token is exchanged, never NULL. */
struct credential_wait *credential_get(struct request *r, const struct credential *credential, long timeout_ms,
                                       struct credential_header *ret, credential_fn *done, void *data);
/* What the server proves without a caller; none of one that is exchanged, which needs one. */
struct credential_header credential_own(const struct credential *credential);
/* `done` is not called any more. */
void credential_cancel(struct credential_wait *wait);
/* It was refused (401): what is remembered of it for this caller is forgotten. */
void credential_refused(struct request *r, const struct credential *credential);

/* Tokens that were exchanged, of one process. */
struct exchanges *exchanges_open(struct egress *egress, const struct egress_places *places);
void exchanges_close(struct exchanges *exchanges);

#endif
