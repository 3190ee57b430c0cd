/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/backend/sql/sql_guard.c"
#include "mcp/backend/sql/sql_names.c"
#include "mcp/backend/sql/sql_nodes.c"

#include <setjmp.h>
#include <stdio.h>

#include <cmocka.h>
#undef fail /* a step ends with fail(), as in request.h */

static const char *const SCHEMAS[] = {"reporting", "odd \"name\"", NULL};
static const char *const FUNCTIONS[] = {"generate_series", "reporting.score", NULL};
static const struct sql_rules RULES = {.schemas = SCHEMAS, .functions = FUNCTIONS};

static h2o_mem_pool_t pool;
static struct sql_guarded guarded;

static int open_pool(void **state)
{
	(void)state;
	h2o_mem_init_pool(&pool);
	return 0;
}

static int close_pool(void **state)
{
	(void)state;
	h2o_mem_clear_pool(&pool);
	return 0;
}

static const char *check(const char *sql)
{
	return sql_guard_check(&pool, &RULES, text_of(sql), &guarded);
}

/* ---- what analysts write ---- */

static const char *const GOOD[] = {
    "select 1",
    "values (1, 'a'), (2, 'b')",
    "table reporting.sales",
    "select * from sales",
    "select s.*, count(*) over (partition by region order by day rows between 1 preceding and current row) from sales "
    "s",
    "select region, sum(amount) filter (where amount > 0) from reporting.sales group by region having sum(amount) > 10 "
    "order by 2 desc nulls last limit 10 offset 5",
    "with a as (select * from sales), b as (select * from a) select * from a join b using (id)",
    "with recursive t(n) as (select 1 union all select n + 1 from t where n < 10) select * from t",
    "with recursive t(n) as (values (1) union all select n + 1 from t) search depth first by n set o cycle n set c "
    "using p "
    "select * from t limit 3",
    "select case when a = 1 then 'x' else null end, coalesce(a, 0), greatest(a, b), nullif(a, b) from sales",
    "select a::int, cast(b as numeric(10, 2)), c::text[], d::pg_catalog.int8, interval '1 day', date '2026-01-01' from "
    "sales",
    "select 'open'::reporting.status",
    "select extract(year from day), date_trunc('month', day), day at time zone 'UTC', now(), current_date from sales",
    "select substring(a from 1 for 2), trim(both 'x' from a), position('a' in b), overlay(a placing b from 1) from "
    "sales",
    "select a like 'x%', a ilike 'x', a similar to 'x', a ~ 'x', not a is null, a is distinct from b, a is true from "
    "sales",
    "select a between 1 and 2, a in (1, 2), a = any (array[1, 2]), a > all (select b from sales) from sales",
    "select exists (select 1 from sales), array(select a from sales), (select max(a) from sales)",
    "select * from sales s left join lateral (select * from sales t where t.id = s.id) x on true",
    "select * from sales natural join reporting.regions cross join (values (1)) v(n)",
    "select grouping(a), a, b from sales group by grouping sets ((a), rollup (a, b), cube (a))",
    "select distinct on (a) a, b from sales order by a, b using >",
    "select distinct a from sales",
    "select a -> 'x' ->> 'y', a @> '{}', a #>> '{a,b}', jsonb_array_length(a) from sales",
    "select * from jsonb_each('{}') as e(k, v), unnest(array[1, 2]) with ordinality as u(x, n)",
    "select * from rows from (unnest(array[1]), generate_series(1, 3)) as t(a, b)",
    "select percentile_cont(0.5) within group (order by a) from sales",
    "select string_agg(distinct a, ',' order by a) from sales",
    "select a collate \"C\" from sales",
    "select (a).*, a[1], a[1:2] from sales",
    "select row(a, b) = row(1, 2) from sales",
    "select a operator(pg_catalog.+) b, a operator(reporting.<->) b from sales",
    "select reporting.score(a) from sales",
    "select pg_catalog.lower(a) from sales",
    "select 1 union select 2 intersect select 3 except all select 4",
    "(select 1) order by 1",
    "select from sales",
    "select 1; -- and a word",
    "/* a; b */ select 1 /* ; */ ;",
    "select $$a;b$$, E'a\\'b', U&'d\\0061t', 'it''s'",
    "select \"odd \"\"name\"\"\".t.a from \"odd \"\"name\"\"\".t",
    "select count(*) from sales window w as (order by a)",
    "select sum(a) over w, 1.5e3, -a, b'101', x'1F', true from sales window w as (partition by b)",
    "with pg_class as (select 1 as n) select n from pg_class",
};

/* ---- what tries to leave ---- */

static const char *const BAD[] = {
    "",
    ";",
    "select 1; select 2",
    "select 1; drop table sales",
    "commit",
    "COMMIT; DROP SCHEMA reporting CASCADE",
    "begin",
    "rollback; drop table reporting.sales",
    "insert into sales values (1)",
    "update sales set a = 1",
    "delete from sales",
    "merge into sales using sales s on true when matched then delete",
    "truncate sales",
    "drop table sales",
    "create table x as select 1",
    "create temporary table x as select 1",
    "select * into x from sales",
    "select * into temporary x from sales",
    "with d as (delete from sales returning *) select * from d",
    "with d as (insert into sales values (1) returning *) select * from d",
    "with d as (update sales set a = 1 returning *) select * from d",
    "with a as (with d as (delete from sales returning 1) select 1) select * from a",
    "select * from (with d as (delete from sales returning *) select * from d) x",
    "select (with d as (delete from sales returning 1) select 1)",
    "select * from sales for update",
    "select * from sales for no key update",
    "select * from sales for share",
    "select * from sales for key share of sales nowait",
    "select * from (select * from sales for update skip locked) x",
    "with a as (select * from sales for update) select * from a",
    "explain select 1",
    "explain analyze delete from sales",
    "explain (analyze, verbose) select 1",
    "copy sales to stdout",
    "copy (select 1) to program 'id'",
    "copy sales from program 'id'",
    "copy sales to '/tmp/x'",
    "do $$ begin perform 1; end $$",
    "call reporting.p()",
    "set role postgres",
    "set local role postgres",
    "set session authorization postgres",
    "reset role",
    "set transaction read write",
    "set sallyport.claims = '{}'",
    "show all",
    "prepare x as select 1",
    "execute x",
    "deallocate all",
    "discard all",
    "declare c cursor for select 1",
    "fetch all from c",
    "listen x",
    "notify x, 'y'",
    "lock table sales",
    "vacuum",
    "analyze",
    "cluster",
    "reindex table sales",
    "refresh materialized view sales",
    "checkpoint",
    "load 'x'",
    "grant select on sales to public",
    "alter role postgres superuser",
    "create function f() returns int language sql as 'select 1'",
    "create extension dblink",
    "import foreign schema s from server x into y",
    "comment on table sales is 'x'",
    "security label on table sales is 'x'",
    "select $1",
    "select * from sales where a = $1",
    /* relations */
    "select * from pg_class",
    "select * from pg_catalog.pg_authid",
    "select * from pg_shadow",
    "select * from information_schema.tables",
    "select * from public.secrets",
    "select * from secret.salaries",
    "select * from other.reporting.sales",
    "select * from only pg_proc",
    "select * from pg_temp.x",
    "select * from pg_toast.pg_toast_1",
    "select * from sales join secret.salaries using (id)",
    "select * from sales where a in (select b from secret.salaries)",
    "select (select b from secret.salaries limit 1)",
    "with a as (select * from secret.salaries) select * from a",
    "with recursive a as (select * from secret.salaries union all select * from a) select * from a",
    "select * from lateral (select * from secret.salaries) x",
    "select 1 order by (select b from secret.salaries)",
    "select 1 limit (select b from secret.salaries)",
    "select 1 offset (select b from secret.salaries)",
    "values ((select b from secret.salaries))",
    "select 1 union select b from secret.salaries",
    "select 1 group by (select b from secret.salaries)",
    "select count(*) filter (where exists (select 1 from secret.salaries))",
    "select count(*) over (order by (select 1 from secret.salaries))",
    "select sum(1) over w window w as (partition by (select 1 from secret.salaries))",
    "select array[(select 1 from secret.salaries)]",
    "select case when true then (select 1 from secret.salaries) end",
    "select coalesce((select 1 from secret.salaries))",
    "select row((select 1 from secret.salaries))",
    "select (array[1])[(select 1 from secret.salaries)]",
    "select (select 1 from secret.salaries)::int",
    "select (select 'a' from secret.salaries) collate \"C\"",
    "select (select 1 from secret.salaries) is null",
    "select not exists (table secret.salaries)",
    "select 1 in (table secret.salaries)",
    "select * from unnest(array(select 1 from secret.salaries))",
    "select 1 from sales group by grouping sets (((select 1 from secret.salaries)))",
    "select distinct on ((select 1 from secret.salaries)) 1",
    "select (with pg_class as (select 1) select 1) from pg_class",
    "with a as (select * from pg_class), pg_class as (select 1) select 1",
    "select * from sales tablesample system (1)",
    "select * from xmltable('/a' passing '<a/>' columns b int)",
    /* functions */
    "select pg_sleep(10)",
    "select pg_catalog.pg_sleep(10)",
    "select PG_SLEEP(10)",
    "select \"pg_sleep\"(10)",
    "select U&\"pg\\005fsleep\"(10)",
    "select pg_sleep /* x */ (10)",
    "select pg_read_file('/etc/passwd')",
    "select pg_read_binary_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select pg_stat_file('/etc/passwd')",
    "select lo_import('/etc/passwd')",
    "select lo_export(1, '/tmp/x')",
    "select lo_from_bytea(0, 'x')",
    "select lo_unlink(1)",
    "select lo_get(1)",
    "select dblink('x', 'y')",
    "select * from dblink('x', 'y') as t(a int)",
    "select dblink_exec('x', 'y')",
    "select set_config('role', 'postgres', false)",
    "select set_config('sallyport.claims', '{}', true)",
    "select pg_catalog.set_config('transaction_read_only', 'off', true)",
    "with a as (select set_config('sallyport.claims', '{}', true)) select * from a",
    "select 1 order by set_config('sallyport.claims', '{}', true)",
    "select 1 limit length(set_config('a.b', '1', true))",
    "select * from set_config('a.b', '1', true)",
    "select current_setting('sallyport.proof')",
    "select sallyport.claims()",
    "select sallyport.claim('sub')",
    "select query_to_xml('select 1', true, true, '')",
    "select database_to_xml(true, true, '')",
    "select table_to_xml('secret.salaries', true, true, '')",
    "select cursor_to_xml('c', 1, true, true, '')",
    "select ts_stat('select 1')",
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_lock(1)",
    "select pg_advisory_xact_lock(1)",
    "select pg_notify('a', 'b')",
    "select nextval('reporting.s')",
    "select currval('reporting.s')",
    "select setval('reporting.s', 1)",
    "select pg_terminate_backend(1)",
    "select pg_cancel_backend(1)",
    "select pg_reload_conf()",
    "select pg_rotate_logfile()",
    "select pg_export_snapshot()",
    "select pg_logical_emit_message(false, 'a', 'b')",
    "select pg_switch_wal()",
    "select pg_get_viewdef('reporting.sales')",
    "select pg_get_functiondef(1)",
    "select has_table_privilege('secret.salaries', 'select')",
    "select to_regclass('secret.salaries')",
    "select obj_description(1)",
    "select pg_relation_size('secret.salaries')",
    "select inet_server_addr()",
    "select version()",
    "select current_user",
    "select session_user",
    "select user",
    "select current_role",
    "select current_catalog",
    "select current_schema",
    "select current_database()",
    "select current_schemas(true)",
    "select txid_current()",
    "select pg_current_xact_id()",
    "select pg_backend_pid()",
    "select random()",
    "select repeat('x', 1000000000)",
    "select lpad('x', 1000000000)",
    "select rpad('x', 1000000000)",
    "select format('%1000000000s', 'x')",
    "select array_fill(1, array[100000000])",
    "select string_to_table('a', 'b')",
    "select regexp_split_to_table('a', 'b')",
    "select xmlparse(document '<a/>')",
    "select xmlelement(name a)",
    "select xpath('/a', '<a/>')",
    "select secret.f()",
    "select public.lower('A')",
    "select other.reporting.score(1)",
    "select reporting.other(1)",
    "select score(1)",
    "select lower(pg_read_file('/etc/passwd'))",
    "select sum(1) filter (where pg_sleep(1) is null)",
    "select string_agg('a', 'b' order by pg_sleep(1))",
    "select percentile_cont(0.5) within group (order by pg_sleep(1))",
    "select lower(variadic array[pg_read_file('x')])",
    "select make_interval(days => length(pg_read_file('x')))",
    "select * from rows from (unnest(array[1]), pg_ls_dir('/'))",
    "select * from sales s, lateral pg_read_file('x') f",
    "select sales.a from sales join sales t on pg_sleep(1) is null",
    /* operators, types, collations */
    "select 1 operator(secret.+) 2",
    "select 1 operator(public.=) any (array[1])",
    "select a from sales order by a using operator(secret.<)",
    "select 1 operator(secret.=) any (select 1)",
    "select 'secret.salaries'::regclass",
    "select 'pg_sleep'::regproc",
    "select 'x'::regrole, 'y'::regnamespace",
    "select cast('secret.salaries' as pg_catalog.regclass)",
    "select regclass 'secret.salaries'",
    "select 1::oid::regtype",
    "select 'x'::secret.status",
    "select 'x'::status",
    "select '<a/>'::xml",
    "select null::pg_lsn, 'x'::name",
    "select null::pg_class",
    "select array[]::regclass[]",
    "select * from unnest(array[1]) as t(a regclass)",
    "select 'a' collate secret.\"x\"",
    "select 1 where current of c",
    /* fields, which are calls */
    "select (a).b from sales",
    "select (a.b).c from sales",
    "select (a[1]).b from sales",
    "select a[1].b from sales",
    "select (row(1, 2)).f1",
    "select ('sallyport.claims'::text).current_setting",
    "select ('sallyport.proof'::text).current_setting",
    "select ('config_file'::text).current_setting",
    "select ('reporting.hidden'::text).to_regclass",
    "select ('secret.salaries'::text).to_regclass",
    "select ('select 1'::text).ts_stat",
    "select (('select 1'::text).ts_stat).word",
    "select (2::float8).pg_sleep",
    "select (2).pg_sleep",
    "select (2::float8).\"pg_sleep\"",
    "select (null::int).pg_stat_get_activity",
    "select ((null::int).pg_stat_get_activity).*",
    "select ('ceo'::text).lookup",
    "select (s.owner).lookup from sales s",
    "select ('reporting.v'::text).pg_get_viewdef",
    "select ('/etc/passwd'::text).pg_read_file",
    "select (10::int8).pg_get_userbyid",
    "select (4711::bigint).pg_advisory_lock",
    "select ('reporting.sales'::text).pg_relation_filepath",
    "select (1).pg_cancel_backend",
    "select (1).pg_terminate_backend",
    "select ('postgres'::text).pg_database_size",
    "select (null::reporting.hidden).salary_of_ceo",
    "select (x).salary_of_ceo from (select null::reporting.hidden as x) q",
    "select ('pg_sleep'::text).regproc",
    "select (select 'a'::text).current_setting",
    "select (case when true then 'a' end).current_setting",
    "select 1 order by ('a'::text).current_setting",
    "select 1 group by ('a'::text).current_setting",
    "select count(*) over (order by ('a'::text).current_setting)",
    "select * from unnest(array[('a'::text).current_setting])",
    "select system_user",
    "select SYSTEM_USER",
};

static void what_reads_is_let_through(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(GOOD) / sizeof(GOOD[0]); i++) {
		const char *problem = check(GOOD[i]);
		if (problem != NULL)
			print_error("%s: %s\n", GOOD[i], problem);
		assert_null(problem);
	}
	print_message("# %zu queries are let through\n", sizeof(GOOD) / sizeof(GOOD[0]));
}

static void what_leaves_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		const char *problem = check(BAD[i]);
		if (problem == NULL)
			print_error("let through: %s\n", BAD[i]);
		assert_non_null(problem);
	}
	print_message("# %zu queries are refused\n", sizeof(BAD) / sizeof(BAD[0]));
}

/* Each forbidden expression in each place where one can stand. */
static void no_place_hides_what_is_forbidden(void **state)
{
	static const char *const FORBIDDEN[] = {
	    "pg_sleep(1)",
	    "set_config('sallyport.claims', '{}', true)",
	    "(select 1 from secret.salaries)",
	    "(select 1 from pg_authid)",
	    "'x'::regclass",
	    "current_user",
	    "(1 operator(secret.+) 2)",
	    "(with d as (delete from sales returning 1) select * from d)",
	    "(select 1 from sales for update)",
	    "$1",
	    "pg_catalog.lo_import('x')",
	    "dblink('a', 'b')",
	};
	static const char *const PLACES[] = {
	    "select %s",
	    "select 1 from sales where %s is null",
	    "select 1 from sales group by a, %s",
	    "select 1 from sales group by a having %s is null",
	    "select 1 order by %s",
	    "select 1 limit %s",
	    "select 1 offset %s",
	    "values (1), (%s)",
	    "select distinct on (%s) 1",
	    "select 1 union all select %s",
	    "select (select %s)",
	    "select exists (select %s)",
	    "select 1 in (2, %s)",
	    "select 1 in (select %s)",
	    "select array[%s]",
	    "select array[[1], [%s]]",
	    "select row(1, %s)",
	    "select case %s when 1 then 1 end",
	    "select case when %s is null then 1 end",
	    "select case when true then %s end",
	    "select case when true then 1 else %s end",
	    "select coalesce(null, %s)",
	    "select greatest(1, %s)",
	    "select nullif(%s, 1)",
	    "select not (%s is null)",
	    "select %s is not true",
	    "select 1 between 0 and %s",
	    "select count(%s)",
	    "select count(*) filter (where %s is null)",
	    "select array_agg(1 order by %s)",
	    "select mode() within group (order by %s)",
	    "select count(*) over (partition by %s)",
	    "select count(*) over (order by %s)",
	    "select count(*) over (order by 1 rows %s preceding)",
	    "select 1 from sales window w as (order by %s)",
	    "select (array[1])[%s]",
	    "select (array[1])[1:%s]",
	    "select (%s)::text",
	    "select cast(%s as text)",
	    "select (%s) collate \"C\"",
	    "select (%s).*",
	    "select * from (select %s) x",
	    "select * from lateral (select %s) x",
	    "select * from sales s join sales t on %s is null",
	    "select * from unnest(array[%s])",
	    "select * from rows from (unnest(array[%s]))",
	    "with a as (select %s) select * from a",
	    "with a as not materialized (select %s) select * from a",
	    "with recursive a(n) as (select 1 union all select 1 from a where %s is null) select * from a",
	    "select 1 group by grouping sets ((%s))",
	    "select 1 group by rollup (%s)",
	    "select grouping(%s)",
	    "select make_interval(days => %s)",
	    "select lower(variadic array[%s])",
	    "select 'a' like 'b' escape %s",
	    "select extract(year from %s)",
	    "select now() at time zone %s",
	    "select 1 = any (array[%s])",
	    "select 1 is distinct from %s",
	    "select substring('a' from %s)",
	};
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
		const char *at = strstr(PLACES[i], "%s");
		assert_null(check(text_printf(&pool, "%.*sa%s", (int)(at - PLACES[i]), PLACES[i], at + 2)));
		for (size_t j = 0; j < sizeof(FORBIDDEN) / sizeof(FORBIDDEN[0]); j++, count++) {
			const char *sql =
			    text_printf(&pool, "%.*s%s%s", (int)(at - PLACES[i]), PLACES[i], FORBIDDEN[j], at + 2);
			if (check(sql) == NULL)
				print_error("let through: %s\n", sql);
			assert_non_null(check(sql));
		}
	}
	print_message("# %zu forbidden expressions in places are refused\n", count);
}

static void words_name_the_place(void **state)
{
	(void)state;
	assert_string_equal(check("select pg_sleep(1)"),
	                    "The query may not call the function pg_sleep (at character 8).");
	assert_string_equal(check("select 'ä€', secret.f()"),
	                    "The query may not call the function secret.f (at character 14).");
	assert_string_equal(check("select ('x'::text).current_setting"),
	                    "The query may not take a field of an expression, as (a).b does: use the columns of a "
	                    "relation, a sub-query or a function in FROM (at character 12).");
	assert_string_equal(check("select * frm sales"), "syntax error at or near \"frm\" (at character 10).");
	assert_string_equal(check("select 1; select 2"), "The query must be one statement.");
	assert_string_equal(check("delete from sales"), "The query must be one SELECT, VALUES or WITH ... SELECT.");
	assert_string_equal(check("select * from pg_class"),
	                    "The query may not read the catalogs of the database (at character 15).");
	assert_string_equal(check("select 1 from sales for update"),
	                    "The query must be one SELECT and may not use FOR UPDATE, FOR SHARE and the like.");
}

static void the_statement_is_cut_out(void **state)
{
	(void)state;
	assert_null(check(" /* ä */ select 'é' ; -- end"));
	assert_true(text_is(text_trim(guarded.text), "/* ä */ select 'é'"));
	assert_null(check(";; select 2 ;;"));
	assert_non_null(strstr(guarded.text.base, "select 2"));
	assert_null(memchr(guarded.text.base, ';', guarded.text.len));
	assert_int_equal(guarded.characters, 2);
}

static void relations_are_told_but_not_with_queries(void **state)
{
	(void)state;
	assert_null(check("with a as (select * from sales), b as (select * from a) "
	                  "select * from reporting.regions, a, b, sales, \"odd \"\"name\"\"\".\"X\""));
	assert_int_equal(guarded.relation_count, 3);
	assert_string_equal(guarded.relations[0], "\"sales\"");
	assert_string_equal(guarded.relations[1], "\"reporting\".\"regions\"");
	assert_string_equal(guarded.relations[2], "\"odd \"\"name\"\"\".\"X\"");
	/* where a name of a WITH query cannot be seen, it is a relation */
	assert_null(check("with a as (select * from b), b as (select 1) select * from a"));
	assert_int_equal(guarded.relation_count, 1);
	assert_null(check("with recursive a as (select * from b), b as (select 1) select * from a"));
	assert_int_equal(guarded.relation_count, 0);
	assert_null(check("select (with hidden as (select 1) select 1 from hidden), 2 from hidden"));
	assert_int_equal(guarded.relation_count, 1);
	assert_null(check("with a as (select * from a) select 1"));
	assert_int_equal(guarded.relation_count, 1);
	assert_null(check("(with a as (select 1) select * from a) union select * from a"));
	assert_int_equal(guarded.relation_count, 1);
}

static bool has_name(const struct sql_names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->texts[i], name) == 0)
			return true;
	return false;
}

/* What the database is asked before it reads the statement, wherever it stands there. */
static void names_that_may_be_calls_are_told(void **state)
{
	static const char *const PLACES[] = {
	    "select t.current_setting from lower('x') as t",
	    "select t.current_setting::text || 'a' from (select 'x'::text) as t",
	    "select reporting.sales.current_setting from reporting.sales",
	    "select db.reporting.sales.current_setting from reporting.sales",
	    "select 1 from sales t where t.current_setting = 'a'",
	    "select 1 from sales t order by t.current_setting",
	    "select 1 from sales t group by t.current_setting",
	    "select 1 from sales t group by rollup (t.current_setting)",
	    "select 1 from sales t group by a having t.current_setting is null",
	    "select distinct on (t.current_setting) 1 from sales t",
	    "select 1 from sales a join sales t on t.current_setting = 'a'",
	    "select j.current_setting from sales a join sales b using (id) as j",
	    "select j.current_setting from (sales a cross join sales b) as j",
	    "select count(*) filter (where t.current_setting is null) from sales t",
	    "select sum(1) over (partition by t.current_setting) from sales t",
	    "select sum(1) over w from sales t window w as (order by t.current_setting)",
	    "select string_agg('a', 'b' order by t.current_setting) from sales t",
	    "select mode() within group (order by t.current_setting) from sales t",
	    "select u.* from lower('a') t, lateral lower(t.current_setting) u",
	    "select u.* from lower('a') t, lateral (select t.current_setting) u",
	    "select u.* from lower('a') t(c), lateral (values (t.current_setting)) u",
	    "select (select t.current_setting) from lower('a') t",
	    "select array[t.current_setting] from lower('a') t",
	    "select ('{}'::text[])[t.current_setting] from lower('a') t",
	    "with t as (select 'a'::text as x) select t.current_setting from t",
	    "select 1 from sales t limit (select t.current_setting from lower('a') t)",
	    "select t.\"current_setting\" from lower('a') t",
	    "select t.CURRENT_SETTING from lower('a') t",
	    "select (t.current_setting).* from lower('a') t",
	    "select t.current_setting collate \"C\" from lower('a') t",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
		const char *problem = check(PLACES[i]);
		if (problem != NULL || !has_name(&guarded.fields, "current_setting"))
			print_error("not told: %s (%s)\n", PLACES[i], problem);
		assert_null(problem);
		assert_true(has_name(&guarded.fields, "current_setting"));
	}
	print_message("# %zu places tell of a field that may be a call\n", sizeof(PLACES) / sizeof(PLACES[0]));
	assert_null(
	    check("select s.a, s.*, s, s.name, s.count, log(s.a), pg_catalog.ln(1), reporting.score(1) from sales s"));
	assert_int_equal(guarded.fields.count, 1);
	assert_string_equal(guarded.fields.texts[0], "a");
	assert_int_equal(guarded.called.count, 3);
	assert_true(has_name(&guarded.called, "name") && has_name(&guarded.called, "count"));
	assert_true(has_name(&guarded.called, "log"));
	assert_int_equal(guarded.types.count, 0);
	assert_null(
	    check("select null::reporting.a, cast(1 as reporting.a), reporting.b 'x', '{}'::reporting.c[], 1::int"));
	assert_int_equal(guarded.types.count, 3);
	assert_string_equal(guarded.types.texts[0], "\"reporting\".\"a\"");
	assert_null(check("select * from unnest(array[1]) as t(a reporting.d)"));
	assert_int_equal(guarded.types.count, 1);
}

static void names_are_not_too_many(void **state)
{
	struct text_buffer b = {.pool = &pool};

	(void)state;
	text_append_str(&b, "select 1");
	for (int i = 0; i < SQL_GUARD_NAMES_MAX; i++)
		text_append_printf(&b, ", a.c%d, a.c0", i);
	assert_null(check(b.base));
	assert_int_equal(guarded.fields.count, SQL_GUARD_NAMES_MAX);
	text_append_str(&b, ", a.more");
	assert_non_null(strstr(check(b.base), "too many names"));
}

/* As long and as deep as it can be: refused, or let through, but no crash. */
static void hostile_texts_come_to_nothing(void **state)
{
	static const struct {
		const char *begin, *repeated, *middle, *closing;
	} FORMS[] = {
	    {"select ", "(", "1", ")"},
	    {"select ", "- ", "a", ""},
	    {"select ", "not ", "a", ""},
	    {"select 1", "+1", "", ""},
	    {"select ", "array[", "1", "]"},
	    {"select ", "lower(", "a", ")"},
	    {"select a", "::int", "", ""},
	    {"select ", "(select ", "1", ")"},
	    {"select 1", " union select 1", "", ""},
	    {"select a", "[1]", "", ""},
	    {"select ", "case when ", "a", " then 1 end"},
	    {"select a", ".a", "", ""},
	    {"select * from ", "(", "a", ")"},
	    {"select ", "/*", "", "*/"},
	    {"select a from b", " join b on a", "", ""},
	    {"select 1 where a", " and b", "", ""},
	    {"select ", "a,", "a", ""},
	    {"values (1)", ",(1)", "", ""},
	    {"select '", "''", "", "'"},
	    {"select ", "row(", "1", ")"},
	    {"select ", "exists (select ", "1", ")"},
	    {"", "with a as (", "select 1", ") select 1"},
	    {"select a", " || b", "", ""},
	    {"select \"", "\"\"", "", "\""},
	};
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(FORMS) / sizeof(FORMS[0]); i++)
		for (size_t times = 10; times <= 10000; times *= 10, count++) {
			struct text_buffer b = {.pool = &pool};
			text_append_str(&b, FORMS[i].begin);
			for (size_t n = 0; n < times; n++)
				text_append_str(&b, FORMS[i].repeated);
			text_append_str(&b, FORMS[i].middle);
			for (size_t n = 0; n < times; n++)
				text_append_str(&b, FORMS[i].closing);
			check(b.base);
			if (b.len > SQL_GUARD_SIZE_MAX)
				assert_string_equal(check(b.base), "The query is too long.");
		}
	assert_null(check("select a || b || c || d || e || f || g || h || i || j || k || l || m || n || o || p || q"));
	print_message("# %zu deep or long texts came to nothing\n", count);
}

static void names_of_functions(void **state)
{
	(void)state;
	assert_true(sql_guard_is_function_name(text_of("lower")));
	assert_true(sql_guard_is_function_name(text_of("a.b")));
	assert_false(sql_guard_is_function_name(text_of("a.b.c")));
	assert_false(sql_guard_is_function_name(text_of(".b")));
	assert_false(sql_guard_is_function_name(text_of("a.")));
	assert_false(sql_guard_is_function_name(text_of("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_reads_is_let_through, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(what_leaves_is_refused, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(no_place_hides_what_is_forbidden, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(words_name_the_place, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(the_statement_is_cut_out, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(relations_are_told_but_not_with_queries, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(names_that_may_be_calls_are_told, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(names_are_not_too_many, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(hostile_texts_come_to_nothing, open_pool, close_pool),
	    cmocka_unit_test_setup_teardown(names_of_functions, open_pool, close_pool),
	};

	json_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
