/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "audit_verify_chain.h"
#include "json.h"

static bool read_head(const json_t *head, struct audit_chain *ret)
{
	h2o_iovec_t id = json_get_text(head, "chain"), digest = json_get_text(head, "digest");

	*ret = (struct audit_chain){.seq = json_integer_value(json_object_get(head, "seq"))};
	if (id.len != AUDIT_CHAIN_SIZE - 1 || digest.len != AUDIT_DIGEST_SIZE - 1 || ret->seq < 1)
		return false;
	memcpy(ret->id, id.base, AUDIT_CHAIN_SIZE);
	memcpy(ret->head, digest.base, AUDIT_DIGEST_SIZE);
	return true;
}

/* Nothing of the chain is there. `same_file`: it stood in the file of the record that tells of it. */
static void miss(struct audit_verify *v, struct verify_chain *chain, const struct link *at, bool same_file)
{
	struct link missing = *at;

	missing.seq = 1;
	if (chain->is_missed)
		return;
	chain->is_missed = true;
	if (same_file)
		audit_verify_complain(
		    v, NULL, &missing,
		    text_printf(v->pool, "the lines of chain %s, which stood before this one, are missing", chain->id));
	else
		audit_verify_note(v,
		                  text_printf(v->pool, "%s:%" PRIu64 ": tells of chain %s of a file that was not given",
		                              at->file, at->line, chain->id));
}

/* That the lines are there that stood there when this was written. The chain, or NULL if there is nothing of it. */
static struct verify_chain *check_claim(struct audit_verify *v, const struct link *at, const struct audit_chain *claim,
                                        bool same_file)
{
	struct verify_chain *chain = audit_verify_chain_of(v, text_of(claim->id));
	struct link missing = *at;

	if (chain->last.seq == 0) {
		miss(v, chain, at, same_file);
		return NULL;
	}
	missing.seq = chain->last.seq + 1;
	if (chain->last.seq < claim->seq)
		audit_verify_complain(v, chain, &missing,
		                      text_printf(v->pool,
		                                  "the chain had come to record %" PRId64 " when this line was written",
		                                  claim->seq));
	else if (chain->last.seq == claim->seq && strcmp(chain->last.digest, claim->head) != 0)
		audit_verify_blame(v, chain, &chain->last,
		                   text_printf(v->pool, "line %" PRIu64 " has another digest of it", at->line));
	return chain;
}

/* That the chain ended there, by the word of who looked after its process had. */
static struct verify_chain *check_found(struct audit_verify *v, const struct link *at, const struct audit_chain *claim,
                                        bool same_file)
{
	struct verify_chain *chain = check_claim(v, at, claim, same_file);

	if (chain == NULL)
		return NULL;
	chain->found = *claim;
	if (chain->last.seq > claim->seq)
		chain->beyond = chain->last;
	return chain;
}

/* What of the chain's own stood behind it in the file before and was no line. */
static void explain_before(struct audit_verify *v, const struct verify_chain *chain, const struct link *at,
                           const json_t *record, unsigned file_number)
{
	const json_t *piece;
	size_t i;

	if (file_number == 0 || file_number == at->file_number)
		return;
	json_array_foreach (json_object_get(record, "torn_before"), i, piece) {
		struct audit_piece wanted = {.bytes = (size_t)json_integer_value(json_object_get(piece, "bytes"))};
		h2o_iovec_t digest = json_get_text(piece, "digest");
		if (digest.len != AUDIT_DIGEST_SIZE - 1)
			continue;
		memcpy(wanted.digest, digest.base, AUDIT_DIGEST_SIZE);
		audit_verify_explain(v, chain, at, file_number, &wanted);
	}
}

void audit_verify_first(struct audit_verify *v, struct verify_chain *chain, const struct audit_line *line,
                        const struct link *at)
{
	bool zero = strspn(line->prev.base, "0") >= AUDIT_DIGEST_SIZE - 1;
	const struct verify_chain *before = NULL;
	struct audit_chain claim;

	v->chain_count++;
	if (at->seq != 1 || !zero || !audit_line_is(line, "chain_start")) {
		struct link first = *at;
		first.seq = 1;
		audit_verify_complain(
		    v, chain, &first,
		    text_printf(v->pool, "the chain begins with record %" PRId64 ": those before it are missing",
		                at->seq));
		return;
	}
	const json_t *record = json_read(v->pool, line->text, NULL);
	if (read_head(json_object_get(record, "after"), &claim))
		check_claim(v, at, &claim, true);
	if (read_head(json_object_get(record, "continues"), &claim))
		before = check_found(v, at, &claim, false);
	explain_before(v, chain, at, record, before != NULL ? before->last.file_number : at->file_number - 1);
}

void audit_verify_claims(struct audit_verify *v, const struct audit_line *line, const struct link *at)
{
	bool is_found = audit_line_is(line, "chain_found");
	struct audit_chain claim;
	const json_t *other;
	size_t i;

	if (!is_found && !audit_line_is(line, "checkpoint"))
		return;
	const json_t *record = json_read(v->pool, line->text, NULL);
	if (is_found && read_head(json_object_get(record, "of"), &claim))
		check_found(v, at, &claim, json_object_get(record, "in") == NULL);
	json_array_foreach (json_object_get(record, "others"), i, other)
		if (read_head(other, &claim))
			check_claim(v, at, &claim, true);
}
