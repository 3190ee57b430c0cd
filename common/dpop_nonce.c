/* SPDX-License-Identifier: Apache-2.0 */
#include "dpop_nonce.h"

#include <string.h>

#include "encoding.h"
#include "secret.h"

enum {
	NUMBER_SIZE = 1 + 8, /* id of the master secret, number of the second */
	MAC_SIZE = 16,
	RAW_SIZE = NUMBER_SIZE + MAC_SIZE,
};

static void mac_compute(const uint8_t key[32], const uint8_t number[NUMBER_SIZE], uint8_t mac[SHA256_SIZE])
{
	hmac_sha256(key, h2o_iovec_init(number, NUMBER_SIZE), mac);
}

char *dpop_nonce_make(h2o_mem_pool_t *pool, const struct handle_keys *keys, const char *purpose, int64_t now)
{
	uint8_t raw[RAW_SIZE], key[32], mac[SHA256_SIZE];
	int id = 0;

	handle_keys_derive(keys, -1, purpose, key, &id);
	raw[0] = (uint8_t)id;
	for (int i = 0; i < 8; i++)
		raw[1 + i] = (uint8_t)((uint64_t)now >> (56 - 8 * i));
	mac_compute(key, raw, mac);
	memcpy(raw + NUMBER_SIZE, mac, MAC_SIZE);
	secret_wipe(key, sizeof(key));
	return base64url_encode(pool, raw, sizeof(raw)).base;
}

enum dpop_nonce dpop_nonce_judge(const struct handle_keys *keys, const char *purpose, h2o_iovec_t nonce, int64_t now,
                                 int64_t since)
{
	uint8_t raw[RAW_SIZE], key[32], mac[SHA256_SIZE];
	int64_t made = 0;

	if (!base64url_decode_exact(nonce, raw, sizeof(raw)) || !handle_keys_derive(keys, raw[0], purpose, key, NULL))
		return NONCE_REFUSED;
	mac_compute(key, raw, mac);
	secret_wipe(key, sizeof(key));
	bool genuine = secret_equal(mac, raw + NUMBER_SIZE, MAC_SIZE);
	secret_wipe(mac, sizeof(mac)); /* of a forged nonce it would be the right one */
	if (!genuine)
		return NONCE_REFUSED;
	for (int i = 0; i < 8; i++)
		made = (int64_t)((uint64_t)made << 8 | raw[1 + i]);
	int64_t age = now - made; /* nobody else made it: no overflow */
	if (made < since || age < -DPOP_NONCE_PERIOD_S || age >= 2 * DPOP_NONCE_PERIOD_S)
		return NONCE_REFUSED;
	return age >= DPOP_NONCE_PERIOD_S ? NONCE_AGEING : NONCE_FRESH;
}
