/* SPDX-License-Identifier: Apache-2.0 */
/* Phrases and markup of orders to a model. The review of upstream definitions (upstream_lint_text.c) and the scanner of
 * results share the list: what a description has no reason to say may be quite common in a mail. */
#include <string.h>

#include "mcp/scan/scan_internal.h"

const struct scan_phrase SCAN_PHRASES[] = {
    {"ignore previous", PLACE_SERIOUS, SCAN_OVERRIDE, 55},
    {"ignore all previous", PLACE_SERIOUS, SCAN_OVERRIDE, 80},
    {"ignore any previous", PLACE_SERIOUS, SCAN_OVERRIDE, 80},
    {"ignore prior", PLACE_SERIOUS, SCAN_OVERRIDE, 55},
    {"ignore the above", PLACE_SERIOUS, SCAN_OVERRIDE, 50},
    {"ignore all other", PLACE_SERIOUS, SCAN_OVERRIDE, 35},
    {"disregard previous", PLACE_SERIOUS, SCAN_OVERRIDE, 60},
    {"disregard all", PLACE_SERIOUS, SCAN_OVERRIDE, 40},
    {"disregard the", PLACE_WARNING, SCAN_COMMAND, 0},
    {"forget your", PLACE_SERIOUS, SCAN_OVERRIDE, 35},
    {"forget all", PLACE_SERIOUS, SCAN_OVERRIDE, 30},
    {"new instructions", PLACE_SERIOUS, SCAN_OVERRIDE, 35},
    {"system prompt", PLACE_SERIOUS, SCAN_REVEAL, 25},
    {"your instructions", PLACE_SERIOUS, SCAN_REVEAL, 15},
    {"do not tell", PLACE_SERIOUS, SCAN_SECRECY, 30},
    {"don t tell", PLACE_SERIOUS, SCAN_SECRECY, 30},
    {"never tell", PLACE_SERIOUS, SCAN_SECRECY, 25},
    {"do not mention", PLACE_SERIOUS, SCAN_SECRECY, 40},
    {"don t mention", PLACE_SERIOUS, SCAN_SECRECY, 35},
    {"never mention", PLACE_SERIOUS, SCAN_SECRECY, 30},
    {"do not inform", PLACE_SERIOUS, SCAN_SECRECY, 40},
    {"do not reveal", PLACE_SERIOUS, SCAN_SECRECY, 30},
    {"do not show this", PLACE_SERIOUS, SCAN_SECRECY, 40},
    {"without telling", PLACE_SERIOUS, SCAN_SECRECY, 40},
    {"without informing", PLACE_SERIOUS, SCAN_SECRECY, 35},
    {"without asking", PLACE_SERIOUS, SCAN_COMMAND, 25},
    {"keep this secret", PLACE_SERIOUS, SCAN_SECRECY, 45},
    {"hidden from the user", PLACE_SERIOUS, SCAN_SECRECY, 50},
    {"user should not see", PLACE_SERIOUS, SCAN_SECRECY, 55},
    {"user must not", PLACE_SERIOUS, SCAN_SECRECY, 30},
    {"important", PLACE_NOTE, SCAN_COMMAND, 0},
    {"before using this tool", PLACE_SERIOUS, SCAN_COMMAND, 30},
    {"before calling this tool", PLACE_SERIOUS, SCAN_COMMAND, 30},
    {"before you use this tool", PLACE_SERIOUS, SCAN_COMMAND, 30},
    {"before using any", PLACE_SERIOUS, SCAN_COMMAND, 0},
    {"before calling any", PLACE_SERIOUS, SCAN_COMMAND, 0},
    {"before any other tool", PLACE_SERIOUS, SCAN_COMMAND, 0},
    {"instead of any other", PLACE_SERIOUS, SCAN_COMMAND, 0},
    {"other tools", PLACE_WARNING, SCAN_COMMAND, 0},
    {"always use this tool", PLACE_WARNING, SCAN_COMMAND, 0},
    {"always call this", PLACE_WARNING, SCAN_COMMAND, 0},
    {"always call", PLACE_WARNING, SCAN_COMMAND, 0},
    {"you must", PLACE_WARNING, SCAN_COMMAND, 5},
    {"you should always", PLACE_WARNING, SCAN_COMMAND, 0},
    {"you are now", PLACE_SERIOUS, SCAN_PERSONA, 20},
    {"act as", PLACE_WARNING, SCAN_PERSONA, 10},
    {"pretend", PLACE_WARNING, SCAN_PERSONA, 10},
    {"exfiltrate", PLACE_SERIOUS, SCAN_EXFILTRATION, 30},
    {"conversation history", PLACE_SERIOUS, SCAN_EXFILTRATION, 10},
    {"chat history", PLACE_SERIOUS, SCAN_EXFILTRATION, 10},
    {"previous messages", PLACE_WARNING, SCAN_COMMAND, 0},
    {"entire conversation", PLACE_SERIOUS, SCAN_EXFILTRATION, 25},
    {"api key", PLACE_WARNING, SCAN_COMMAND, 0},
    {"api keys", PLACE_WARNING, SCAN_COMMAND, 0},
    {"password", PLACE_WARNING, SCAN_COMMAND, 0},
    {"passwords", PLACE_WARNING, SCAN_COMMAND, 0},
    {"private key", PLACE_WARNING, SCAN_COMMAND, 0},
    {"credentials", PLACE_WARNING, SCAN_COMMAND, 0},
    {"access token", PLACE_WARNING, SCAN_COMMAND, 0},
    {"id rsa", PLACE_SERIOUS, SCAN_EXFILTRATION, 25},
    {"ssh id", PLACE_SERIOUS, SCAN_COMMAND, 0},
    {"etc passwd", PLACE_SERIOUS, SCAN_EXFILTRATION, 15},
    {"etc shadow", PLACE_SERIOUS, SCAN_EXFILTRATION, 20},
    {"aws credentials", PLACE_SERIOUS, SCAN_COMMAND, 0},
    {"mcp json", PLACE_SERIOUS, SCAN_COMMAND, 0},
    {"read the file", PLACE_WARNING, SCAN_COMMAND, 0},
    {"environment variables", PLACE_WARNING, SCAN_COMMAND, 0},
    {"send it to", PLACE_WARNING, SCAN_COMMAND, 0},
    {"send them to", PLACE_WARNING, SCAN_COMMAND, 0},
    {"as base64", PLACE_NOTE, SCAN_COMMAND, 0},
    {"do not tell the user", PLACE_SERIOUS, SCAN_SECRECY, 70},
    {"don t tell the user", PLACE_SERIOUS, SCAN_SECRECY, 70},
    {"do not inform the user", PLACE_SERIOUS, SCAN_SECRECY, 70},
    {"do not mention this", PLACE_SERIOUS, SCAN_SECRECY, 55},
    {"do not alert the user", PLACE_SERIOUS, SCAN_SECRECY, 70},
    {"do not notify the user", PLACE_SERIOUS, SCAN_SECRECY, 65},
    {"without the user s knowledge", PLACE_SERIOUS, SCAN_SECRECY, 60},
    {"without the user noticing", PLACE_SERIOUS, SCAN_SECRECY, 60},
    {"you are now a", PLACE_SERIOUS, SCAN_PERSONA, 50},
    {"you are now an", PLACE_SERIOUS, SCAN_PERSONA, 50},
    {"you are now in", PLACE_SERIOUS, SCAN_PERSONA, 40},
    {"you are now dan", PLACE_SERIOUS, SCAN_PERSONA, 80},
    {"you are no longer", PLACE_WARNING, SCAN_PERSONA, 35},
    {"from now on you", PLACE_SERIOUS, SCAN_PERSONA, 55},
    {"from now on act", PLACE_SERIOUS, SCAN_PERSONA, 55},
    {"do anything now", PLACE_SERIOUS, SCAN_PERSONA, 70},
    {"developer mode", PLACE_WARNING, SCAN_PERSONA, 30},
    {"jailbreak", PLACE_SERIOUS, SCAN_PERSONA, 30},
    {"pretend to be", PLACE_WARNING, SCAN_PERSONA, 40},
    {"pretend you are", PLACE_WARNING, SCAN_PERSONA, 50},
    {"act as if you", PLACE_WARNING, SCAN_PERSONA, 40},
    {"roleplay as", PLACE_WARNING, SCAN_PERSONA, 40},
    {"no restrictions", PLACE_WARNING, SCAN_PERSONA, 25},
    {"unrestricted ai", PLACE_SERIOUS, SCAN_PERSONA, 60},
    {"ab jetzt bist du", PLACE_SERIOUS, SCAN_PERSONA, 60},
    {"du bist jetzt", PLACE_SERIOUS, SCAN_PERSONA, 50},
    {"desormais tu es", PLACE_SERIOUS, SCAN_PERSONA, 60},
    {"vous etes maintenant", PLACE_SERIOUS, SCAN_PERSONA, 50},
    {"tu es maintenant", PLACE_SERIOUS, SCAN_PERSONA, 50},
    {"a partir de ahora eres", PLACE_SERIOUS, SCAN_PERSONA, 60},
    {"ahora eres", PLACE_SERIOUS, SCAN_PERSONA, 50},
    {"теперь ты", PLACE_SERIOUS, SCAN_PERSONA, 50},
    {"admin override", PLACE_SERIOUS, SCAN_OVERRIDE, 50},
    {"override safety", PLACE_SERIOUS, SCAN_OVERRIDE, 60},
    {"end of untrusted", PLACE_SERIOUS, SCAN_ROLE, 60},
    {"end of document", PLACE_NOTE, SCAN_ROLE, 15},
    {"end of tool output", PLACE_SERIOUS, SCAN_ROLE, 60},
    {"end of context", PLACE_SERIOUS, SCAN_ROLE, 45},
    {"note to ai", PLACE_SERIOUS, SCAN_COMMAND, 55},
    {"note to the ai", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"attention ai", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"message to the ai", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"dear ai", PLACE_SERIOUS, SCAN_COMMAND, 50},
    {"instructions for the ai", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"instructions for ai", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"instruction to the assistant", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"instructions to the assistant", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"if you are an ai", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"if you are a language model", PLACE_SERIOUS, SCAN_COMMAND, 65},
    {"if you are an llm", PLACE_SERIOUS, SCAN_COMMAND, 65},
    {"ai assistants must", PLACE_SERIOUS, SCAN_COMMAND, 60},
    {"tenez pas compte des", PLACE_SERIOUS, SCAN_OVERRIDE, 55},
    {"tiens pas compte des", PLACE_SERIOUS, SCAN_OVERRIDE, 55},
    {"caso omiso de", PLACE_SERIOUS, SCAN_OVERRIDE, 55},
    {"important instruction", PLACE_SERIOUS, SCAN_COMMAND, 30},
    {"important instructions", PLACE_SERIOUS, SCAN_COMMAND, 30},
    {"system override", PLACE_SERIOUS, SCAN_OVERRIDE, 60},
    {"new system prompt", PLACE_SERIOUS, SCAN_OVERRIDE, 70},
    {"updated instructions", PLACE_SERIOUS, SCAN_OVERRIDE, 35},
    {"tool calls", PLACE_NOTE, SCAN_TOOL_CALL, 15},
    {"tool call", PLACE_NOTE, SCAN_TOOL_CALL, 10},
    {"function call", PLACE_NOTE, SCAN_TOOL_CALL, 5},
    {"do not", PLACE_NOTE, SCAN_SECRECY, 0}, /* a negation for scan_rules.c */
    {"don t", PLACE_NOTE, SCAN_SECRECY, 0},
    {NULL, PLACE_NOTE, SCAN_OVERRIDE, 0},
};

const struct scan_mark SCAN_MARKS[] = {
    {"<|im_start|", SCAN_ROLE, 70},
    {"<|im_end|", SCAN_ROLE, 70},
    {"<|system|", SCAN_ROLE, 70},
    {"<|user|", SCAN_ROLE, 60},
    {"<|assistant|", SCAN_ROLE, 70},
    {"<|endoftext|", SCAN_ROLE, 60},
    {"<|start_header_id|", SCAN_ROLE, 70},
    {"<|eot_id|", SCAN_ROLE, 60},
    {"<|begin_of_text|", SCAN_ROLE, 60},
    {"[inst]", SCAN_ROLE, 60},
    {"[/inst]", SCAN_ROLE, 60},
    {"<<sys>>", SCAN_ROLE, 70},
    {"<</sys>>", SCAN_ROLE, 70},
    {"<system", SCAN_ROLE, 35},
    {"</system", SCAN_ROLE, 35},
    {"<assistant", SCAN_ROLE, 45},
    {"</assistant", SCAN_ROLE, 45},
    {"<important", SCAN_ROLE, 35},
    {"<instruction", SCAN_ROLE, 30},
    {"<secret", SCAN_ROLE, 25},
    {"<untrusted>", SCAN_ROLE, 50},
    {"</untrusted", SCAN_ROLE, 50},
    {"[systemmessage", SCAN_ROLE, 50},
    {"[systemprompt", SCAN_ROLE, 55},
    {"[systemoverride", SCAN_ROLE, 60},
    {"[systemnote", SCAN_ROLE, 50},
    {"###system", SCAN_ROLE, 40},
    {"###instruction", SCAN_ROLE, 30},
    {"##instruction", SCAN_ROLE, 15},
    {"<tool_call", SCAN_TOOL_CALL, 60},
    {"<tool_use", SCAN_TOOL_CALL, 60},
    {"<function_call", SCAN_TOOL_CALL, 60},
    {"<invoke", SCAN_TOOL_CALL, 50},
    {"<tool_result", SCAN_TOOL_CALL, 55},
    {"</tool_result", SCAN_TOOL_CALL, 60},
    {"<function_result", SCAN_TOOL_CALL, 55},
    {"[tool_call", SCAN_TOOL_CALL, 60},
    {"<|python_tag|", SCAN_TOOL_CALL, 60},
    {"<|tool_call", SCAN_TOOL_CALL, 60},
    {NULL, SCAN_ROLE, 0},
};

enum { TABLE_SIZE = 1024 };

/* Places of phrases + 1, by the hash of their words. */
static uint8_t table[TABLE_SIZE];
static uint32_t keys[TABLE_SIZE];
static bool is_made;

static uint32_t join(uint32_t key, uint32_t word)
{
	return (key ^ word) * 0x9E3779B1U + (key >> 15);
}

static uint32_t key_of(const uint32_t *hashes, size_t count)
{
	uint32_t key = (uint32_t)count;

	for (size_t i = 0; i < count; i++)
		key = join(key, hashes[i]);
	return key;
}

/* Hashes of the words, last first; how many. */
static size_t hash_words(const char *words, uint32_t hashes[SCAN_PHRASE_WORDS])
{
	h2o_iovec_t rest = text_of(words);
	size_t count = 0;

	while (rest.base != NULL && count < SCAN_PHRASE_WORDS) {
		h2o_iovec_t word = text_cut(&rest, ' ');
		memmove(hashes + 1, hashes, count * sizeof(*hashes));
		hashes[0] = scan_hash_word(word);
		count++;
	}
	return count;
}

static void make_table(void)
{
	uint32_t hashes[SCAN_PHRASE_WORDS];

	is_made = true;
	for (size_t i = 0; SCAN_PHRASES[i].words != NULL; i++) {
		size_t count = hash_words(SCAN_PHRASES[i].words, hashes);
		uint32_t key = key_of(hashes, count);
		size_t at = key % TABLE_SIZE;
		while (table[at] != 0)
			at = (at + 1) % TABLE_SIZE;
		table[at] = (uint8_t)(i + 1);
		keys[at] = key;
	}
}

const struct scan_phrase *scan_phrase_of(const uint32_t *hashes, size_t count)
{
	if (!is_made)
		make_table();
	uint32_t key = key_of(hashes, count);
	for (size_t at = key % TABLE_SIZE; table[at] != 0; at = (at + 1) % TABLE_SIZE)
		if (keys[at] == key)
			return &SCAN_PHRASES[table[at] - 1];
	return NULL;
}
