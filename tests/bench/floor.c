/* SPDX-License-Identifier: Apache-2.0 */
/* The bare h2o handler that the benchmark compares with: one thread, HTTP/1.1, fixed answers, no routing of ours.
 *
 *   floor PORT      /json: nothing but the answer; /hash: SHA-256 of a token of 900 bytes; /sign: one ES256 signature;
 *                   /verify: one ES256 signature is verified. The answer is as many bytes long as the query says:
 *                   /json?1000, an empty JSON object and spaces.
 *                   /mcp: the smallest MCP server of the 2026-07-28 revision, whose one tool says hello */
#define H2O_USE_LIBUV 0
#include <h2o.h>
#include <jansson.h>
#include <netinet/in.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { ANSWER_MAX = 65536, SIGNED_LEN = 500 };

static char text[ANSWER_MAX];
static EVP_PKEY *key;
static EVP_MD *sha256;
static unsigned char known_signature[128];
static size_t known_signature_len = sizeof(known_signature);
static volatile unsigned char kept; /* so that nothing is left out */

static int answer(h2o_req_t *req)
{
	static h2o_generator_t generator = {NULL, NULL};
	size_t len = 0;
	for (size_t i = req->query_at; i != SIZE_MAX && i + 1 < req->path.len && len < ANSWER_MAX / 16; i++) {
		if (req->path.base[i + 1] < '0' || req->path.base[i + 1] > '9')
			break;
		len = len * 10 + (size_t)(req->path.base[i + 1] - '0');
	}
	h2o_iovec_t body = h2o_iovec_init(text, len);
	req->res.status = 200;
	req->res.reason = "OK";
	req->res.content_length = len;
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("application/json"));
	h2o_start_response(req, &generator);
	h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
	return 0;
}

static int on_json(h2o_handler_t *self, h2o_req_t *req)
{
	(void)self;
	return answer(req);
}

static int on_hash(h2o_handler_t *self, h2o_req_t *req)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;
	(void)self;
	EVP_Digest(text, 900, digest, &len, sha256, NULL);
	kept = digest[0];
	return answer(req);
}

static void sign(unsigned char *signature, size_t *len)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_DigestSignInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL);
	EVP_DigestSign(context, signature, len, (const unsigned char *)text, SIGNED_LEN);
	EVP_MD_CTX_free(context);
}

static int on_sign(h2o_handler_t *self, h2o_req_t *req)
{
	unsigned char signature[128];
	size_t len = sizeof(signature);
	(void)self;
	sign(signature, &len);
	return answer(req);
}

static int on_verify(h2o_handler_t *self, h2o_req_t *req)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	(void)self;
	EVP_DigestVerifyInit_ex(context, NULL, "SHA256", NULL, NULL, key, NULL);
	int good =
	    EVP_DigestVerify(context, known_signature, known_signature_len, (const unsigned char *)text, SIGNED_LEN);
	EVP_MD_CTX_free(context);
	if (good != 1)
		abort();
	return answer(req);
}

static const char DISCOVERED[] = "{\"resultType\":\"complete\",\"ttlMs\":60000,\"cacheScope\":\"public\","
				 "\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}},"
				 "\"serverInfo\":{\"name\":\"hello\",\"version\":\"1\"}}";
static const char LISTED[] = "{\"resultType\":\"complete\",\"ttlMs\":60000,\"cacheScope\":\"public\",\"tools\":"
			     "[{\"name\":\"hello\",\"description\":\"Says hello\",\"inputSchema\":{\"type\":\"object\","
			     "\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}}]}";
static const char CALLED[] = "{\"resultType\":\"complete\",\"content\":[{\"type\":\"text\",\"text\":\"hello world\"}]}";

static int on_mcp(h2o_handler_t *self, h2o_req_t *req)
{
	static h2o_generator_t generator = {NULL, NULL};
	json_t *message = json_loadb(req->entity.base, req->entity.len, 0, NULL);
	const char *method = json_string_value(json_object_get(message, "method"));
	json_t *id = json_object_get(message, "id");
	const char *result = NULL;
	(void)self;
	if (method != NULL && id != NULL)
		result = strcmp(method, "tools/call") == 0   ? CALLED
		         : strcmp(method, "tools/list") == 0 ? LISTED
		                                             : DISCOVERED;
	char *own_id = result == NULL ? NULL : json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT);
	h2o_iovec_t body = {NULL, 0};
	if (result != NULL)
		body = h2o_concat(&req->pool, h2o_iovec_init(H2O_STRLIT("{\"jsonrpc\":\"2.0\",\"id\":")),
		                  h2o_iovec_init(own_id, strlen(own_id)), h2o_iovec_init(H2O_STRLIT(",\"result\":")),
		                  h2o_iovec_init(result, strlen(result)), h2o_iovec_init(H2O_STRLIT("}")));
	free(own_id);
	json_decref(message);
	req->res.status = result == NULL ? 202 : 200;
	req->res.reason = "OK";
	req->res.content_length = body.len;
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("application/json"));
	h2o_start_response(req, &generator);
	h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
	return 0;
}

static void add(h2o_hostconf_t *host, const char *path, int (*fn)(h2o_handler_t *, h2o_req_t *))
{
	h2o_create_handler(h2o_config_register_path(host, path, 0), sizeof(h2o_handler_t))->on_req = fn;
}

static h2o_accept_ctx_t accept_context;

static void on_accept(h2o_socket_t *listener, const char *error)
{
	h2o_socket_t *s;
	if (error == NULL)
		while ((s = h2o_evloop_socket_accept(listener)) != NULL)
			h2o_accept(&accept_context, s);
}

int main(int argc, char **argv)
{
	h2o_globalconf_t config;
	h2o_context_t context;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	signal(SIGPIPE, SIG_IGN);
	memset(text, ' ', sizeof(text));
	memcpy(text, "{}", 2);
	key = EVP_EC_gen("P-256");
	sign(known_signature, &known_signature_len);
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	h2o_config_init(&config);
	h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	add(host, "/json", on_json);
	add(host, "/hash", on_hash);
	add(host, "/sign", on_sign);
	add(host, "/verify", on_verify);
	add(host, "/mcp", on_mcp);
	h2o_context_init(&context, h2o_evloop_create(), &config);
	accept_context.ctx = &context;
	accept_context.hosts = config.hosts;
	at.sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0"));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 1024) != 0) {
		perror("bind");
		return 1;
	}
	h2o_socket_read_start(h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ), on_accept);
	for (;;)
		h2o_evloop_run(context.loop, INT32_MAX);
}
