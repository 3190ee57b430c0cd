/* SPDX-License-Identifier: Apache-2.0 */
/* Questions on their way to the server. */
#include "db_connection.h"

struct wire_params { /* as libpq wants them */
	const char *values[DB_PARAMS_MAX];
	int lengths[DB_PARAMS_MAX], formats[DB_PARAMS_MAX];
};

static void set_params(struct wire_params *wire, const struct db_param *params, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		wire->values[i] = params[i].value;
		wire->lengths[i] = params[i].length;
		wire->formats[i] = params[i].format;
	}
}

static void set_bound_params(struct connection *c, const struct db_question *q, struct request *r,
                             struct wire_params *wire)
{
	struct db_session session = {.pid = PQbackendPID(c->pg), .user = PQuser(c->pg), .database = PQdb(c->pg)};
	struct db_param params[DB_PARAMS_MAX];

	for (size_t i = 0; i < q->count; i++)
		params[i] = q->params[i];
	q->bind(r, &session, params);
	set_params(wire, params, q->count);
}

bool connection_send(struct connection *c, const struct db_question *q, struct request *r)
{
	const struct db_options *options = &c->db->options;
	struct wire_params wire;

	if ((q->sql == NULL && q->statement >= options->statement_count) || q->count > DB_PARAMS_MAX)
		h2o_fatal("a question names no statement or has too many parameters");
	if (q->bind != NULL)
		set_bound_params(c, q, r, &wire);
	else
		set_params(&wire, q->params, q->count);
	if (q->describes) /* as the unnamed statement, which the next one replaces */
		return PQsendPrepare(c->pg, "", q->sql, 0, NULL) == 1 && PQsendDescribePrepared(c->pg, "") == 1;
	if (q->sql != NULL)
		return PQsendQueryParams(c->pg, q->sql, (int)q->count, NULL, wire.values, wire.lengths, wire.formats,
		                         0) == 1;
	return PQsendQueryPrepared(c->pg, options->statements[q->statement].name, (int)q->count, wire.values,
	                           wire.lengths, wire.formats, 0) == 1;
}

/* A session that is not as it was before the question is nobody else's. */
static void on_cleaned(void *data, const PGresult *result)
{
	struct connection *c = data;

	if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
		c->retiring = true;
}

/* As a question of nobody's, for which the ring has the place. */
static bool send_afterwards(struct connection *c)
{
	const char *const *sql = c->db->options.afterwards;

	for (; *sql != NULL; sql++)
		if (PQsendQueryParams(c->pg, *sql, 0, NULL, NULL, NULL, NULL, 0) != 1)
			return false;
	c->ring[connection_place(c, c->count++)] = (struct question){
	    .done = on_cleaned,
	    .data = c,
	    .has_sync = true,
	};
	return PQpipelineSync(c->pg) == 1;
}

static bool send_all(struct connection *c, const struct db_question *questions, size_t count,
                     const struct question *waiting)
{
	for (size_t i = 0; i < count; i++)
		if (c->broken || !connection_send(c, &questions[i], waiting->request))
			return false;
	return !c->broken;
}

static bool give_up_sending(struct connection *c)
{
	c->broken = true;
	db_connection_changed(c->db);
	return false;
}

bool connection_ask(struct connection *c, const struct db_question *questions, size_t count,
                    const struct question *waiting)
{
	bool early = true, shares = group_may_have(c->db, questions, count, waiting);

	for (size_t i = 0; i < count; i++)
		early = early && (questions[i].sql != NULL || questions[i].statement < c->sent);
	if (!early && !(c->db->options.on_demand ? demand_send(c, questions, count) : connection_send_rest(c)))
		return false;
	if (!shares)
		group_end(c);
	if (!send_all(c, questions, count, waiting) || (!shares && PQpipelineSync(c->pg) != 1))
		return give_up_sending(c);
	group_take(c, waiting, shares);
	if (c->db->options.afterwards != NULL && !send_afterwards(c))
		c->broken = true;
	else if (!shares)
		connection_flush(c);
	if (c->broken)
		db_connection_changed(c->db);
	return true;
}
