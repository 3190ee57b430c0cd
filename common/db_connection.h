/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a database: opened, prepared, asked, lost and opened again. Private to db*.c. */
#ifndef SALLYPORT_DB_CONNECTION_H
#define SALLYPORT_DB_CONNECTION_H

#include "db.h"
#include "log.h"
#include "shares.h"

enum connection_state {
	CONNECTION_CLOSED,     /* waits for due_ms to open */
	CONNECTION_CONNECTING, /* must be through with connecting and preparing by due_ms */
	CONNECTION_PREPARING,
	CONNECTION_OPEN
};

/* What was sent up to one Sync, and who waits for it. */
struct question {
	struct request *request; /* NULL: asked in the background */
	db_answer_fn *done;
	void *data;
	PGresult *result; /* the last statement's so far, or the first error */
	bool tolerate;
	bool describes;            /* whoever asked wants to know the statement only */
	bool shares;               /* one statement that reads: others may be up to the same Sync */
	bool together;             /* one of db_together.c: of a transaction that changes something for several */
	struct gathered *gathered; /* who it is there; NULL: nobody */
	bool has_sync;             /* its Sync was sent behind it; in a group, only that of the last one */
	/* db_bounded.c */
	size_t bytes; /* of rows that are kept; 0: all are, as libpq brings them */
	bool stops;   /* the statement is cancelled when there are more */
	bool collecting;
	size_t collected;
	bool cut;
};

enum { DEMAND_MAX = 8 }; /* statements of one question, with on_demand; more end the process */

struct connection {
	struct db *db;
	PGconn *pg;
	h2o_socket_t *socket; /* around a duplicate of libpq's descriptor: both sides close their own */
	enum connection_state state;
	bool broken;     /* to be torn down, but not from inside of somebody's question */
	bool retiring;   /* its prepared plans are stale: no more questions, a new one when all are answered */
	bool refused;    /* a statement could not be prepared */
	bool cancelling; /* nothing more is sent: the cancellation of a statement is under way and must not meet the
	                    next */
	size_t sent;     /* statements whose PREPARE was sent */
	size_t prepared; /* answers to PREPARE so far, while preparing */
	uint8_t *known;  /* db_options.on_demand: which statements are prepared, a bit each; else NULL */
	size_t pending[DEMAND_MAX], pending_count, pending_taken; /* prepared along with the question under way */
	unsigned backoff_ms;
	int64_t due_ms;
	unsigned quiet_seconds; /* that questions were waiting and none was answered */
	struct question *ring;  /* in the order in which they were sent */
	unsigned first, count;
	unsigned taken;   /* questions of the first one's group whose answers are complete */
	unsigned grouped; /* questions behind the last Sync that wait for theirs, at the end of this turn of the loop */
	h2o_timeout_entry_t group_end;
};

struct db {
	h2o_loop_t *loop;
	struct db_options options; /* with copies of everything that it points to */
	int64_t connect_timeout_ms;
	unsigned stuck_seconds; /* a connection that answers nothing for so long is given up */
	h2o_timeout_t tick;     /* runs while some connection is not open */
	h2o_timeout_entry_t tick_entry;
	h2o_timeout_t watch; /* runs while some question waits */
	h2o_timeout_entry_t watch_entry;
	h2o_linklist_t line; /* db_line.c: questions that wait for a place */
	struct shares line_places;
	h2o_timeout_t line_timeout;
	h2o_timeout_t soon; /* the next turn of the loop */
	/* db_together.c: who waits for a transaction, and how many of these are under way */
	h2o_linklist_t together;
	size_t gathered, together_under_way;
	h2o_timeout_entry_t together_soon;
	struct db *canceller; /* db_cancel.c; NULL where nothing is cancelled */
	char problem[256];    /* said last, so that a long outage does not fill the log */
	int64_t problem_ms;
	bool careful; /* a statement could not be prepared: from now on all are before a connection is used */
	bool up;      /* what the log was told last */
	bool closing;
	struct connection connections[];
};

/* Takes the ring's memory and opens at the next tick. */
void connection_init(struct connection *c, struct db *db);
/* Opens, times out or tears down, whatever is due. */
void connection_tick(struct connection *c, int64_t now_ms);
/* Counts a second of silence. */
void connection_watch(struct connection *c);
bool connection_usable(const struct connection *c);
/* In db_send.c. Sends all of it and one Sync. On false nothing was asked and the connection is broken. */
bool connection_ask(struct connection *c, const struct db_question *questions, size_t count,
                    const struct question *waiting);
/* Fails what is under way and closes; NULL `problem` says nothing to the log. It opens again after a while. */
void connection_lose(struct connection *c, const char *problem);
void connection_dispose(struct connection *c);

/* Sends what libpq holds, now or when the socket takes it. */
void connection_flush(struct connection *c);
/* Takes the first question out of the ring; hands its answer over. */
struct question connection_take_first(struct connection *c);
void connection_finish_first(struct connection *c);
/* In db_send.c: one statement, without Sync. */
bool connection_send(struct connection *c, const struct db_question *question, struct request *r);

/* In db_connection.c: PREPARE of those statements that were left for later. */
bool connection_send_rest(struct connection *c);

/* In db_bounded.c. What comes next is the answer of the question whose turn it is. */
void bounded_expect(struct connection *c);
/* True if the result was one of a bounded answer and has been taken. */
bool bounded_take(struct connection *c, struct question *q, PGresult *result);

/* In db_demand.c. A new connection has prepared nothing. */
void demand_begin(struct connection *c);
/* Sends PREPARE of what the questions ask for the first time. On false the connection is broken. */
bool demand_send(struct connection *c, const struct db_question *questions, size_t count);
/* True if the result was the answer to such a PREPARE, and is taken; a failed one is the answer to the question. */
bool demand_take(struct connection *c, PGresult *result);

/* In db_group.c. True if the question may share a Sync at all; if there is a group in this turn of the loop that it can
 * join. */
bool group_may_have(const struct db *db, const struct db_question *questions, size_t count,
                    const struct question *waiting);
bool group_has_place(const struct connection *c, const struct db_question *questions, size_t count,
                     const struct question *waiting);
/* A question that was sent takes its place in the ring. If it shares, its Sync follows at the end of this turn of the
 * loop, with the last question of a full group, or before what does not share it. */
void group_take(struct connection *c, const struct question *waiting, bool shares);
/* Sends the Sync of the group, if there is one. */
void group_end(struct connection *c);
void group_on_end(h2o_timeout_entry_t *entry);
/* The NULL behind a statement's result. */
void group_end_answer(struct connection *c);
/* The answer to a Sync. */
void group_finish(struct connection *c);

/* In db.c: db_open, but its first connection is made after a while. */
struct db *db_open_after(h2o_loop_t *loop, const struct db_options *options, unsigned delay_ms);
/* In db.c: asks now; false if no connection has a place, or the one that had it broke. */
bool db_send(struct db *db, const struct db_question *questions, size_t count, const struct question *waiting);
/* The least loaded connection with so many places; NULL if there is none. */
struct connection *db_choose_connection(struct db *db, unsigned places);
/* A question is under way. */
void db_watch(struct db *db);
/* True if a connection has a place that this request may take. */
bool db_has_place(struct db *db, const struct request *r);

/* In db_line.c. Joins the line; false if it is full, or no connection is ready. */
bool db_line_join(struct db *db, const struct db_question *questions, size_t count, const struct question *waiting);
/* A place may have become free. */
void db_line_advance(struct db *db);
/* The request's question leaves the line and is failed in the next turn of the loop; false if it is not there. */
bool db_line_cancel(struct db *db, const struct request *r);
/* Fails all that wait. */
void db_line_end(struct db *db);

/* With a copy of everything in the pool. */
void db_question_copy(h2o_mem_pool_t *pool, const struct db_question *from, struct db_question *to);

/* In db_together.c. Sends those that wait, if it is time. */
void together_advance(struct db *db);
void together_on_soon(h2o_timeout_entry_t *entry);
/* The answer to the Sync of such a transaction. */
void together_finish(struct connection *c);
/* Fails all that wait. */
void together_end(struct db *db);

/* In db_cancel.c. */
void db_cancel_open(struct db *db, unsigned delay_ms);

/* In db.c: hands an answer over. A NULL result is an outage. */
void question_finish(struct connection *c, struct question q);
/* In db.c: to the log, once per problem and half a minute. */
void db_report(struct db *db, enum log_level level, const char *message, const char *problem, const char *sqlstate,
               const char *statement);
/* Of the ring: beside what may be asked, the preparing of the rest and what is sent afterwards have a place. */
#define CONNECTION_RING(db) ((db)->options.in_flight + 2)

/* True if some of its statements are still to be prepared, whether they are asked or not. */
static inline bool connection_is_early(const struct connection *c)
{
	return c->state == CONNECTION_OPEN && !c->broken && !c->db->options.on_demand &&
	       c->sent < c->db->options.statement_count;
}
/* Of the ring. */
static inline unsigned connection_place(const struct connection *c, unsigned n)
{
	return (c->first + n) % CONNECTION_RING(c->db);
}

/* In db.c: a connection has become usable or unusable; starts the tick where one is needed. */
void db_connection_changed(struct db *db);

#endif
