/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `claims-sql`: SQL for psql that makes, in a database of tools, the functions that policies ask about the
 * caller, and the keys that they verify its claims with. It may be run again and again: after each change of the
 * secrets it has to be. */
#include <stdio.h>
#include <string.h>

#include "common/encoding.h"
#include "common/secret.h"
#include "mcp/settings/settings.h"
#include "mcp/backend/sql/sql_claims.h"
#include "mcp/verbs/verbs.h"

enum { BLOCK_SIZE = 64 /* of SHA-256 */, KEY_IDS = 256 };

static const char BEGIN[] =
    "-- Made by sallyport-mcp claims-sql. It holds keys: pipe it into psql, as who shall own them; keep no copy.\n"
    "\\set ON_ERROR_STOP on\n"
    "begin;\n"
    "set local client_min_messages = warning;\n"
    "create schema if not exists sallyport;\n"
    "do $$ begin\n"
    "\tif (select nspowner <> current_user::regrole from pg_catalog.pg_namespace where nspname = 'sallyport') then\n"
    "\t\traise exception 'the schema sallyport is of another owner';\n"
    "\tend if;\n"
    "end $$;\n"
    "revoke all on schema sallyport from public;\n"
    "grant usage on schema sallyport to public;\n"
    "create table if not exists sallyport.claim_keys (\n"
    "\tid int primary key,\n"
    "\tinner_pad bytea not null check (octet_length(inner_pad) = 64),\n"
    "\touter_pad bytea not null check (octet_length(outer_pad) = 64)\n"
    ");\n"
    "revoke all on sallyport.claim_keys from public;\n";

/* HMAC-SHA256 (RFC 2104) of the built-in sha256(). Both sides are digested once more before they are compared, so that
 * the time of the comparison tells nothing of the right one. Nothing here raises an error on whatever the settings
 * hold. */
static const char FUNCTIONS[] =
    "-- The claims of the caller of a tool; NULL unless the server has proved them to this very session, just now.\n"
    "create or replace function sallyport.claims() returns jsonb\n"
    "\tlanguage plpgsql stable parallel restricted security definer\n"
    "\tset search_path = pg_catalog, pg_temp\n"
    "as $$\n"
    "declare\n"
    "\tgiven text := current_setting('sallyport.claims', true);\n"
    "\tproof text := coalesce(current_setting('sallyport.proof', true), '');\n"
    "\tkey_id text := split_part(proof, '.', 2);\n"
    "\texpires text := split_part(proof, '.', 3);\n"
    "\tmac text := split_part(proof, '.', 4);\n"
    "\tkey record;\n"
    "\tmessage bytea;\n"
    "begin\n"
    "\tif coalesce(given, '') = '' or octet_length(proof) > 100\n"
    "\t\tor proof <> concat('1.', key_id, '.', expires, '.', mac)\n"
    "\t\tor key_id !~ '^[0-9]+$' or octet_length(key_id) > 3 or expires !~ '^[0-9]+$' or octet_length(expires) > 12\n"
    "\t\tor mac !~ '^[0-9a-f]+$' or octet_length(mac) <> 64 then\n"
    "\t\treturn null;\n"
    "\tend if;\n"
    "\t-- the transaction began when the server sent it: the proof of another one is too old, or soon is\n"
    "\tif expires::bigint - extract(epoch from transaction_timestamp()) not between 0 and 60 then\n"
    "\t\treturn null;\n"
    "\tend if;\n"
    "\tselect inner_pad, outer_pad into key from sallyport.claim_keys where id = key_id::int;\n"
    "\tif not found then return null; end if;\n"
    "\tmessage := convert_to(concat(E'sallyport-claims 1\\n', pg_backend_pid(), E'\\n', expires, E'\\n',\n"
    "\t\toctet_length(session_user), ':', session_user, E'\\n',\n"
    "\t\toctet_length(current_database()), ':', current_database(), E'\\n', given), 'UTF8');\n"
    "\tif sha256(sha256(key.outer_pad || sha256(key.inner_pad || message)))\n"
    "\t\t<> sha256(decode(mac, 'hex')) then return null; end if;\n"
    "\treturn given::jsonb;\n"
    "end $$;\n"
    "-- One of them as text. In a policy: (select sallyport.claim('sub')), which asks once for each statement.\n"
    "create or replace function sallyport.claim(name text) returns text\n"
    "\tlanguage sql stable parallel restricted\n"
    "\treturn sallyport.claims() operator(pg_catalog.->>) name;\n"
    "revoke all on function sallyport.claims(), sallyport.claim(text) from public;\n"
    "grant execute on function sallyport.claims(), sallyport.claim(text) to public;\n"
    "commit;\n";

static char *pad(h2o_mem_pool_t *pool, const uint8_t key[32], uint8_t with)
{
	uint8_t block[BLOCK_SIZE];

	memset(block, with, sizeof(block));
	for (size_t i = 0; i < 32; i++)
		block[i] ^= key[i];
	char *hex = hex_encode(pool, block, sizeof(block));
	secret_wipe(block, sizeof(block));
	return hex;
}

/* All that the server may sign with now or after the next change of its secrets. */
static void print_keys(h2o_mem_pool_t *pool, const struct handle_keys *keys)
{
	uint8_t key[32];

	printf("delete from sallyport.claim_keys;\n");
	for (int id = 0; id < KEY_IDS; id++) {
		if (!handle_keys_derive(keys, id, SQL_CLAIMS_PURPOSE, key, NULL))
			continue;
		printf("insert into sallyport.claim_keys values (%d, '\\x%s', '\\x%s');\n", id, pad(pool, key, 0x36),
		       pad(pool, key, 0x5c));
		secret_wipe(key, sizeof(key));
	}
}

int claims_sql_main(const char *file, int argc, char **argv)
{
	struct mcp_settings settings;
	h2o_mem_pool_t pool;
	const char *error = NULL;

	(void)argv;
	if (argc != 1)
		return 2;
	json_init();
	h2o_mem_init_pool(&pool);
	bool fine = settings_load(&pool, file, true, &settings, &error);
	if (fine && settings.secrets == NULL) {
		error = text_printf(&pool, "%s: secrets: is missing, so there is nothing to prove claims with", file);
		fine = false;
	}
	if (fine) {
		printf("%s", BEGIN);
		print_keys(&pool, settings.secrets);
		printf("%s", FUNCTIONS);
	} else {
		fprintf(stderr, "sallyport-mcp: %s\n", error);
	}
	h2o_mem_clear_pool(&pool);
	return fine ? 0 : 1;
}
