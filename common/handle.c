/* SPDX-License-Identifier: Apache-2.0 */
#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encoding.h"
#include "secret.h"

enum {
	TAG_SIZE = 3,
	BODY_SIZE = 1 + 16 + 4, /* key id, id, generation */
	RAW_SIZE = BODY_SIZE + SHA256_SIZE,
	ENCODED_SIZE = (RAW_SIZE * 4 + 2) / 3,
	KEYS_MAX = 8,
	KEYS_FILE_MAX = 16384,
};

static const char tags[HANDLE_TYPES][TAG_SIZE + 1] = {
    [HANDLE_CODE] = "spc",      [HANDLE_REFRESH] = "spr",        [HANDLE_SESSION] = "sps",
    [HANDLE_BROWSER] = "spb",   [HANDLE_REQUEST] = "spq",        [HANDLE_REGISTRATION] = "spg",
    [HANDLE_ADMIN_KEY] = "spa", [HANDLE_INITIAL_ACCESS] = "spi", [HANDLE_MCP_SESSION] = "spm",
    [HANDLE_MCP_TASK] = "spt",  [HANDLE_API_KEY] = "spx",
};

struct handle_key {
	uint8_t id;
	uint8_t master[32];
	uint8_t mac[32]; /* derived from master: nothing else is ever done with this key */
};

struct handle_keys {
	size_t count;
	struct handle_key keys[KEYS_MAX];
};

static const struct handle_key *find_key(const struct handle_keys *keys, int id)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->keys[i].id == id)
			return &keys->keys[i];
	return NULL;
}

static void add_key(struct handle_keys *keys, uint8_t id, const uint8_t master[32])
{
	struct handle_key *key = &keys->keys[keys->count++];
	key->id = id;
	memcpy(key->master, master, sizeof(key->master));
	derive_key(master, "handle-mac", key->mac);
}

struct handle_keys *handle_keys_of(h2o_mem_pool_t *pool, uint8_t key_id, const uint8_t master[32])
{
	struct handle_keys *keys = secret_alloc(pool, sizeof(*keys));
	add_key(keys, key_id, master);
	return keys;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line, which is shortened by it. */
static h2o_iovec_t next_word(h2o_iovec_t *line)
{
	while (line->len != 0 && is_blank(line->base[0])) {
		line->base++;
		line->len--;
	}
	h2o_iovec_t word = {line->base, 0};
	while (word.len < line->len && !is_blank(word.base[word.len]))
		word.len++;
	line->base += word.len;
	line->len -= word.len;
	return word;
}

/* NULL, or what is wrong with the line. */
static const char *read_line(struct handle_keys *keys, h2o_iovec_t line)
{
	h2o_iovec_t number = next_word(&line), master = next_word(&line), more = next_word(&line);
	uint8_t bytes[32];
	int64_t id;
	if (number.len == 0 || number.base[0] == '#')
		return NULL;
	if (!text_to_int64(number, &id) || id > 255)
		return "the id must be a number from 0 to 255";
	if (more.len != 0 || !base64url_decode_exact(master, bytes, sizeof(bytes))) {
		secret_wipe(bytes, sizeof(bytes));
		return "the secret must be 32 bytes in base64url";
	}
	const char *problem = NULL;
	if (find_key(keys, (int)id) != NULL)
		problem = "the id stands twice";
	else if (keys->count == KEYS_MAX)
		problem = "there are more than 8 secrets";
	else
		add_key(keys, (uint8_t)id, bytes);
	secret_wipe(bytes, sizeof(bytes));
	return problem;
}

static bool read_lines(h2o_mem_pool_t *pool, h2o_iovec_t text, char separator, struct handle_keys *keys,
                       const char *file, const char **error)
{
	for (int number = 1; text.len != 0; number++) {
		h2o_iovec_t line = {text.base, 0};
		while (line.len < text.len && text.base[line.len] != '\n' && text.base[line.len] != separator)
			line.len++;
		const char *problem = read_line(keys, line);
		if (problem != NULL) {
			*error = text_printf(pool, "%s:%d: %s", file, number, problem);
			return false;
		}
		size_t taken = line.len + (line.len < text.len);
		text.base += taken;
		text.len -= taken;
	}
	if (keys->count == 0)
		*error = text_printf(pool, "%s: there is no secret in it", file);
	return keys->count != 0;
}

/* Bytes read, or -1 and *problem. */
static ssize_t read_private_file(int fd, char *buffer, size_t size, const char **problem)
{
	struct stat st;
	*problem = "it cannot be read";
	if (fstat(fd, &st) != 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		*problem = "it is not a file";
		return -1;
	}
	if ((st.st_mode & S_IRWXO) != 0) {
		*problem = "others than its owner and group may access it: chmod o= it";
		return -1;
	}
	size_t len = 0;
	while (len < size) {
		ssize_t n = read(fd, buffer + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			return (ssize_t)len;
		len += (size_t)n;
	}
	*problem = "it is too large";
	return -1;
}

struct handle_keys *handle_keys_load(h2o_mem_pool_t *pool, const char *file, const char **error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		*error = text_printf(pool, "%s: %s", file, strerror(errno));
		return NULL;
	}
	h2o_mem_pool_t reading; /* the text of the secrets goes as soon as it was read */
	h2o_mem_init_pool(&reading);
	char *text = secret_alloc(&reading, KEYS_FILE_MAX);
	struct handle_keys *keys = secret_alloc(pool, sizeof(*keys));
	const char *problem;
	ssize_t len = read_private_file(fd, text, KEYS_FILE_MAX, &problem);
	close(fd);
	bool fine = len >= 0;
	if (!fine)
		*error = text_printf(pool, "%s: %s", file, problem);
	else
		fine = read_lines(pool, h2o_iovec_init(text, (size_t)len), '\n', keys, file, error);
	h2o_mem_clear_pool(&reading);
	return fine ? keys : NULL;
}

struct handle_keys *handle_keys_read(h2o_mem_pool_t *pool, h2o_iovec_t text, const char *name, const char **error)
{
	struct handle_keys *keys = secret_alloc(pool, sizeof(*keys));
	return read_lines(pool, text, ',', keys, name, error) ? keys : NULL;
}

bool handle_keys_derive(const struct handle_keys *keys, int key_id, const char *purpose, uint8_t key[32], int *ret_id)
{
	const struct handle_key *from = key_id == -1 ? &keys->keys[0] : find_key(keys, key_id);
	if (from == NULL)
		return false;
	derive_key(from->master, purpose, key);
	if (ret_id != NULL)
		*ret_id = from->id;
	return true;
}

static void compute_mac(const struct handle_key *key, enum handle_type type, const uint8_t body[BODY_SIZE],
                        uint8_t mac[SHA256_SIZE])
{
	uint8_t data[TAG_SIZE + 1 + BODY_SIZE];
	memcpy(data, tags[type], TAG_SIZE + 1);
	memcpy(data + TAG_SIZE + 1, body, BODY_SIZE);
	hmac_sha256(key->mac, h2o_iovec_init(data, sizeof(data)), mac);
}

char *handle_mint(h2o_mem_pool_t *pool, const struct handle_keys *keys, enum handle_type type, const struct handle *h)
{
	uint8_t raw[RAW_SIZE];
	raw[0] = keys->keys[0].id;
	memcpy(raw + 1, h->id, 16);
	for (int i = 0; i < 4; i++)
		raw[17 + i] = (uint8_t)(h->generation >> (24 - 8 * i));
	compute_mac(&keys->keys[0], type, raw, raw + BODY_SIZE);
	char *text = secret_alloc(pool, TAG_SIZE + 1 + ENCODED_SIZE + 1);
	memcpy(text, tags[type], TAG_SIZE);
	text[TAG_SIZE] = '_';
	base64url_encode_into(raw, sizeof(raw), text + TAG_SIZE + 1);
	secret_wipe(raw, sizeof(raw));
	return text;
}

bool handle_looks_like(enum handle_type type, h2o_iovec_t text)
{
	return text.len == TAG_SIZE + 1 + ENCODED_SIZE && memcmp(text.base, tags[type], TAG_SIZE) == 0 &&
	       text.base[TAG_SIZE] == '_';
}

bool handle_peek_id(enum handle_type type, h2o_iovec_t text, uint8_t ret_id[16])
{
	uint8_t raw[RAW_SIZE];

	if (!handle_looks_like(type, text) ||
	    !base64url_decode_exact(h2o_iovec_init(text.base + TAG_SIZE + 1, ENCODED_SIZE), raw, sizeof(raw)))
		return false;
	memcpy(ret_id, raw + 1, 16);
	return true;
}

bool handle_has_tag(h2o_iovec_t text)
{
	if (text.len <= TAG_SIZE || text.base[TAG_SIZE] != '_')
		return false;
	for (int type = 0; type < HANDLE_TYPES; type++)
		if (memcmp(text.base, tags[type], TAG_SIZE) == 0)
			return true;
	return false;
}

bool handle_open(const struct handle_keys *keys, enum handle_type type, h2o_iovec_t text, struct handle *ret)
{
	uint8_t raw[RAW_SIZE], mac[SHA256_SIZE];
	if (!handle_looks_like(type, text))
		return false;
	h2o_iovec_t encoded = {text.base + TAG_SIZE + 1, ENCODED_SIZE};
	if (!base64url_decode_exact(encoded, raw, sizeof(raw)))
		return false;
	const struct handle_key *key = find_key(keys, raw[0]);
	if (key == NULL)
		return false;
	compute_mac(key, type, raw, mac);
	bool genuine = secret_equal(mac, raw + BODY_SIZE, sizeof(mac));
	secret_wipe(mac, sizeof(mac)); /* of a forged handle it would be the right one */
	if (!genuine)
		return false;
	memcpy(ret->id, raw + 1, 16);
	ret->generation =
	    (uint32_t)raw[17] << 24 | (uint32_t)raw[18] << 16 | (uint32_t)raw[19] << 8 | (uint32_t)raw[20];
	return true;
}
