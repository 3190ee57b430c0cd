// SPDX-License-Identifier: Apache-2.0
// SQL tools: statements by choice, the caller's claims in the database, and queries that analysts write themselves.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { modern } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'
import { etc, home, must, until, verb, writeEtc } from './lib/programs.mjs'
import { startMcpServer, startTokenServer } from './lib/token_server.mjs'

const run = promisify(execFile)
const instance = await startInstance()
const stub = await startTokenServer()
const socket = /^database: .*host=(\S+)/m.exec(await readFile(etc(instance, 'authz.yaml'), 'utf8'))[1]
const conninfo = (user) => `host=${socket} port=5432 dbname=sallyport user=${user}`
/** The database's administrator; a text of statements. */
const admin = async (sql, user = 'postgres') => (await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', conninfo(user), '-c', sql])).stdout.trim()

// ---- the database -----------------------------------------------------------------------------

const data = home(instance)
const daemonUser = process.getuid() === 0 ? 'sallyport' : (await run('id', ['-un'])).stdout.trim()
await appendFile(`${data}/pg/pg_ident.conf`, `instance ${daemonUser} sallyport_tools_analyst\ninstance root sallyport_tools_analyst\n`)
await admin(`
  select pg_reload_conf();
  create role sallyport_tools_analyst login;
  create schema reporting;
  create schema secret;
  create table reporting.sales (id int primary key, owner text not null, region text not null, amount numeric not null);
  insert into reporting.sales select i, (array['alice', 'bob', 'carol'])[1 + i % 3], (array['north', 'south'])[1 + i % 2], i * 10 from generate_series(1, 30) as i;
  create table reporting.regions (name text primary key, head text not null);
  insert into reporting.regions values ('north', 'Ida'), ('south', 'Jonas');
  create table reporting.hidden (salary_of_ceo int, note text);
  insert into reporting.hidden values (1, 'x');
  create table secret.salaries (person text, amount int);
  insert into secret.salaries values ('ceo', 123456789);
  create view reporting.leaky as select person, amount from secret.salaries where person = 'nobody';
  create view reporting.broken as select amount from secret.salaries;
  create function reporting.score(int) returns int language sql immutable return $1 * 2;
  create function reporting.fails() returns int language plpgsql as $$ begin return (select amount from secret.salaries); end $$;
  create function reporting.keeps_lock() returns bigint language sql as 'select pg_advisory_lock(4711); select count(*) from pg_locks where locktype = ''advisory''';
  create function reporting.leaves(text) returns text language plpgsql as $$ begin execute $1; return 'done'; end $$;
  create table reporting.big as select i as id, repeat(chr(65 + i % 26), 1000) as body from generate_series(1, 2000) as i;
  create table reporting.huge as select string_agg(md5(i::text), '') as body from generate_series(1, 200000) as i;
  create table reporting.changes (text text);
  grant usage on schema reporting to sallyport_tools_read, sallyport_tools_write, sallyport_tools_analyst;
  grant select on reporting.sales, reporting.regions, reporting.leaky, reporting.broken, reporting.big, reporting.huge to sallyport_tools_read, sallyport_tools_analyst;
  alter view reporting.broken owner to sallyport_tools_read;
  grant insert, select on reporting.changes to sallyport_tools_write;
`)

// ---- the server ---------------------------------------------------------------------------------

const tool = (name, more) => `name: ${name}
title: ${name}
description: ${name}
scope: logs:read
tier: read
${more}
`
const text = (member) => `input: {type: object, additionalProperties: false, properties: {${member}: {type: string, maxLength: 60000}}, required: [${member}]}`
const TOOLS = {
  by_choice: tool('by_choice', `input:
  type: object
  additionalProperties: false
  required: [by]
  properties: {by: {enum: [id, region, heads]}, id: {type: integer}, region: {type: string}}
sql:
  choose: by
  statements:
    id: {statement: 'select id, region from reporting.sales where id = $1', parameters: [id]}
    region: {statement: 'select id, region from reporting.sales where region = $1 order by id', parameters: [region]}
    heads: {statement: 'select name, head from reporting.regions order by name', columns: [head, name]}
  claims: true
result: {columns: [id, region], rows: 3}`),
  whoami: tool('whoami', `input: {type: object, additionalProperties: false}
sql: {statement: "select sallyport.claims() as claims, pg_backend_pid() as pid, (select string_agg(distinct owner, ',') from reporting.sales) as owners", parameters: [], claims: true}
result: {columns: [claims, pid, owners]}`),
  untold: tool('untold', `input: {type: object, additionalProperties: false}
sql: {statement: "select sallyport.claims() as claims, (select string_agg(distinct owner, ',') from reporting.sales) as owners, current_setting('sallyport.proof', true) as proof", parameters: []}
result: {columns: [claims, owners, proof]}`),
  attack: tool('attack', `${text('sql')}
sql: {statement: 'select reporting.attack($1) as told', parameters: [sql], claims: true}
result: {columns: [told]}`),
  big: tool('big', `input: {type: object, additionalProperties: false, properties: {rows: {type: integer}}, required: [rows]}
sql: {statement: 'select id, body from reporting.big order by id limit $1', parameters: [rows]}
result: {columns: [id, body], rows: 1000, bytes: 16KiB}`),
  change: tool('change', `${text('text')}
sql: {statement: 'insert into reporting.changes select $1 from generate_series(1, 500) returning text', parameters: [text], write: true}
result: {columns: [text], rows: 1000, bytes: 16KiB}`).replace('tier: read', 'tier: write'),
  query: tool('query', `${text('query')}
sql_query: {schemas: [reporting], rows: 50, bytes: 32KiB, timeout: 2s, claims: true}`),
  slow: tool('slow', `${text('query')}
sql_query: {schemas: [reporting], timeout: 60s}`),
  loose: tool('loose', `${text('query')}
sql_query: {schemas: [reporting, pg_catalog], functions: [generate_series, pg_sleep, current_setting, set_config, pg_backend_pid, repeat, to_regclass, reporting.score, reporting.fails, reporting.keeps_lock, reporting.leaves, sallyport.claim, current_database], timeout: 700ms}`),
}
await mkdir(etc(instance, 'tools-sql'), { mode: 0o755 })
after(() => rm(etc(instance, 'tools-sql'), { recursive: true, force: true }))
for (const [name, yaml] of Object.entries(TOOLS)) await writeFile(etc(instance, `tools-sql/${name}.yaml`), yaml, { mode: 0o644 })

const secret = (id) => ({ id, key: randomBytes(32) })
const secrets = [secret(7)]
const writeSecrets = () => writeEtc(instance, 'sql.secrets', secrets.map(({ id, key }) => `${id} ${key.toString('base64url')}`).join('\n') + '\n')
await writeSecrets()
const server = await (async () => {
  // claims-sql needs a configuration, and the server a database that knows the functions
  const changes = [
    [/^tools:.*$/m, 'tools: tools-sql\nsecrets: sql.secrets'],
    [/^(resources|prompts):.*\n/gm, ''],
    [/^databases:$/m, `databases:\n  analyst: {conninfo: "${conninfo('sallyport_tools_analyst')}", connections: 2}`],
  ]
  await writeEtc(instance, 'claims-only.yaml', changes.reduce((config, [pattern, value]) => config.replace(pattern, value), await readFile(etc(instance, 'mcp.yaml'), 'utf8')))
  await installClaims()
  await admin(`
    alter table reporting.sales enable row level security;
    create policy own on reporting.sales using (owner = (select sallyport.claim('sub')) or (select sallyport.claims() -> 'groups' ? 'auditors'));
    create function reporting.attack(sql text) returns jsonb language plpgsql volatile as $$
    begin
      execute sql;
      return jsonb_build_object('sub', (select sallyport.claim('sub')), 'owners', (select string_agg(distinct owner, ',') from reporting.sales),
        'claims', current_setting('sallyport.claims', true), 'proof', current_setting('sallyport.proof', true), 'pid', pg_backend_pid(), 'told', current_setting('test.told', true));
    end $$;`)
  return startMcpServer(instance, stub, 'sql', changes)
})()
async function installClaims() {
  const sql = await must(instance, 'mcp', ['claims-sql'], { config: 'claims-only.yaml' })
  await writeFile(`${data}/claims.sql`, sql, { mode: 0o600 })
  await run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', conninfo('postgres'), '-f', `${data}/claims.sql`])
  await rm(`${data}/claims.sql`)
  return sql
}

const tokens = Object.fromEntries(['alice', 'bob', 'dave'].map((sub) => [sub, stub.mint(server.mcp, { scope: 'logs:read', sub, ...(sub === 'dave' ? { groups: ['auditors'] } : {}) })]))
const call = async (name, args, who = 'alice') => (await modern(server, tokens[who], 'tools/call', { name, arguments: args })).json.result
const rowsOf = async (...args) => {
  const result = await call(...args)
  assert.equal(result.isError, undefined, result.content[0].text)
  return result.structuredContent.rows
}
const errorOf = async (...args) => {
  const result = await call(...args)
  assert.equal(result.isError, true, JSON.stringify(result))
  return result.content[0].text
}
const ask = (query, who) => rowsOf('query', { query }, who)
const refusal = (query, who) => errorOf('query', { query }, who)

// ---- statements by choice -----------------------------------------------------------------------

test('an argument chooses the statement; each has its parameters and columns', async () => {
  assert.deepEqual(await rowsOf('by_choice', { by: 'id', id: 3 }), [{ id: 3, region: 'south' }])
  const region = await call('by_choice', { by: 'region', region: 'north' })
  assert.equal(region.structuredContent.rows.length, 3)
  assert.equal(region.structuredContent.truncated, true)
  assert.equal(region._meta['sallyport/truncated'], 'rows')
  assert.deepEqual(await rowsOf('by_choice', { by: 'heads' }), [{ head: 'Ida', name: 'north' }, { head: 'Jonas', name: 'south' }])
  assert.match(await errorOf('by_choice', { by: 'drop' }), /not valid/)
  assert.match(await errorOf('by_choice', {}), /not valid/)
  assert.deepEqual(await rowsOf('by_choice', { by: 'id' }), [], 'an absent argument is NULL')
})

test('a wrong choice is refused when it is loaded', async () => {
  const wrong = [
    ['enum: [id, region, heads]', 'enum: [id, region]', /choose: the enum of by must be exactly/],
    ['required: [by]', 'required: []', /by must be a required argument/],
    ['parameters: [region]', 'parameters: []', /statements\/region\/parameters: names 0 arguments/],
    ['choose: by', 'choose: id', /choose: the enum of id/],
    ['  choose: by\n', '', /choose/],
    ['id: {type: integer}', 'id: {type: integer}, more: {type: integer}', /does not use/],
    ['columns: [head, name]', 'columns: [nothing]', /columns/],
  ]
  await mkdir(etc(instance, 'tools-wrong'), { mode: 0o755 })
  after(() => rm(etc(instance, 'tools-wrong'), { recursive: true, force: true }))
  const config = (await readFile(etc(instance, 'claims-only.yaml'), 'utf8')).replace('tools: tools-sql', 'tools: tools-wrong')
  await writeEtc(instance, 'wrong.yaml', config)
  for (const [from, to, expected] of wrong) {
    await writeFile(etc(instance, 'tools-wrong/one.yaml'), TOOLS.by_choice.replace(from, to), { mode: 0o644 })
    const done = await verb(instance, 'mcp', ['check'], { config: 'wrong.yaml' })
    assert.equal(done.code, 1, `${to}: ${done.stdout}`)
    assert.match(done.stderr, expected)
  }
  await writeFile(etc(instance, 'tools-wrong/one.yaml'), TOOLS.by_choice, { mode: 0o644 })
  await must(instance, 'mcp', ['check'], { config: 'wrong.yaml' })
  await writeFile(etc(instance, 'tools-wrong/two.yaml'), TOOLS.query, { mode: 0o644 })
  const warned = await must(instance, 'mcp', ['check'], { config: 'wrong.yaml' })
  assert.match(warned, /databases\.analyst: warning: beyond reading, the role may use .*lo_open, .*query_to_xml, .*ts_rewrite, .*ts_stat\./)
  assert.match(warned, /wrong\.yaml: fine/)
  await admin('grant pg_monitor to sallyport_tools_analyst')
  assert.match(await must(instance, 'mcp', ['check'], { config: 'wrong.yaml' }), /pg_monitor, /)
  await admin('revoke pg_monitor from sallyport_tools_analyst')
  await admin('grant pg_read_server_files to sallyport_tools_analyst')
  assert.match((await verb(instance, 'mcp', ['check'], { config: 'wrong.yaml' })).stderr, /databases\.analyst: the role is a member of a predefined role/)
  await admin('revoke pg_read_server_files from sallyport_tools_analyst')
  await rm(etc(instance, 'tools-wrong/two.yaml'))
  await writeEtc(instance, 'wrong.yaml', config.replace(/^secrets:.*$/m, ''))
  const bare = await verb(instance, 'mcp', ['check'], { config: 'wrong.yaml' })
  assert.match(bare.stderr, /claims: the configuration has no secrets/)
  assert.equal((await verb(instance, 'mcp', ['claims-sql'], { config: 'wrong.yaml' })).code, 1)
})

test('Q-4: rows beyond the bytes are cut on the border of a row, and the result says so', async () => {
  const few = await call('big', { rows: 3 })
  assert.equal(few.structuredContent.rows.length, 3)
  assert.equal(few.structuredContent.truncated, false)
  assert.equal(few._meta['sallyport/truncated'], undefined)
  const many = await call('big', { rows: 900 })
  assert.equal(many.structuredContent.truncated, true)
  assert.equal(many._meta['sallyport/truncated'], 'bytes')
  assert.ok(JSON.stringify(many.structuredContent.rows).length <= 16384)
  assert.ok(many.structuredContent.rows.length >= 10)
  for (const row of many.structuredContent.rows) assert.equal(row.body.length, 1000)
  const writer = stub.mint(server.mcp, { scope: 'logs:read' })
  const changed = (await modern(server, writer, 'tools/call', { name: 'change', arguments: { text: 'x'.repeat(1000) } })).json.result
  assert.equal(changed._meta['sallyport/truncated'], 'bytes')
  assert.equal(await admin('select count(*) from reporting.changes'), '500', 'a change is never stopped for its rows')
})

// ---- claims ---------------------------------------------------------------------------------------

test('row-level security sees the person, and nobody where the tool does not tell it', async () => {
  for (const who of ['alice', 'bob']) {
    const [row] = await rowsOf('whoami', {}, who)
    assert.equal(row.claims.sub, who)
    assert.equal(row.claims.client_id, 'client')
    assert.equal(row.owners, who)
  }
  assert.equal((await rowsOf('whoami', {}, 'dave'))[0].owners, 'alice,bob,carol')
  const [untold] = await rowsOf('untold', {})
  assert.deepEqual([untold.claims, untold.owners, untold.proof || null], [null, null, null])
  assert.deepEqual(await ask('select distinct owner from sales'), [['alice']])
  assert.equal(await admin('select sallyport.claims() is null', 'sallyport_tools_read'), 't')
})

/** RFC 5869 as common/secret.c does it, then what mcp/backend/sql/sql_claims.c signs. */
function proof({ id, key }, { pid, user = 'sallyport_tools_read', database = 'sallyport', expires, claims, purpose = 'sql-claims' }) {
  const hmac = (k, ...parts) => parts.reduce((h, part) => h.update(part), createHmac('sha256', k)).digest()
  const derived = hmac(hmac(Buffer.alloc(32), key), purpose, Buffer.from([1]))
  const message = `sallyport-claims 1\n${pid}\n${expires}\n${user.length}:${user}\n${database.length}:${database}\n${claims}`
  return `1.${id}.${expires}.${hmac(derived, message).toString('hex')}`
}
const quoted = (value) => `'${value.replaceAll("'", "''")}'`
/** Ways to set a setting by SQL that a statement could bring along. */
const WAYS = [
  (name, value) => `select set_config('${name}', ${value}, true)`,
  (name, value) => `select set_config('${name}', ${value}, false)`,
  (name, value) => `with a as materialized (select set_config('${name}', ${value}, true)) select * from a`,
  (name, value) => `select 1 order by set_config('${name}', ${value}, true)`,
  (name, value) => `set local ${name} = ${value}`,
  (name, value) => `set ${name} = ${value}`,
  (name, value) => `do $do$ begin perform set_config('${name}', ${value}, true); end $do$`,
  (name, value) => `prepare p as select set_config('${name}', ${value}, true); execute p; deallocate p`,
  (name, value) => `declare c cursor for select set_config('${name}', ${value}, true); move all in c; close c`,
]
/** Runs SQL in alice's own transaction and says whom the policy then saw. */
const attack = async (sql, who = 'alice') => (await rowsOf('attack', { sql }, who))[0].told
const nobodyElse = (told, what) => {
  assert.ok(told.sub === null || told.sub === 'alice', `${what}: ${JSON.stringify(told)}`)
  assert.ok(told.owners === null || told.owners === 'alice', `${what}: ${JSON.stringify(told)}`)
}

test('Q-3: the claims cannot be forged by SQL', async () => {
  const now = Math.floor(Date.now() / 1000)
  const mine = await attack('select 1')
  assert.equal(mine.sub, 'alice')
  const bob = JSON.stringify({ sub: 'bob', groups: ['auditors'] })
  const changed = mine.claims.replaceAll('alice', 'bob')
  const [, id, expires, mac] = mine.proof.split('.')
  const other = secret(7)
  const PROOFS = [
    ['kept', null], ['empty', ''], ['own', mine.proof], ['zeros', `1.7.${now + 30}.${'0'.repeat(64)}`],
    ['no key', `1.8.${expires}.${mac}`], ['long key', `1.1234567.${expires}.${mac}`], ['negative', `1.-7.${expires}.${mac}`],
    ['later', `1.${id}.${Number(expires) + 20}.${mac}`], ['far', `1.${id}.999999999999.${mac}`], ['huge', `1.${id}.99999999999999999999.${mac}`],
    ['short', `1.${id}.${expires}.${mac.slice(2)}`], ['upper', `1.${id}.${expires}.${mac.toUpperCase()}`], ['not hex', `1.${id}.${expires}.${'z'.repeat(64)}`],
    ['version', `2.${id}.${expires}.${mac}`], ['tail', `${mine.proof}\n`], ['head', ` ${mine.proof}`], ['null-ish', 'null'],
    ['another secret', proof(other, { pid: mine.pid, expires: now + 30, claims: bob })],
    ['another purpose', proof(secrets[0], { pid: mine.pid, expires: now + 30, claims: bob, purpose: 'cursors' })],
    ['long', 'x'.repeat(20000)],
  ]
  const CLAIMS = [['bob', bob], ['own, changed', changed], ['empty', ''], ['no JSON', '{'], ['not an object', '"bob"'], ['none', null]]
  let count = 0
  for (const [proofName, given] of PROOFS)
    for (const [claimsName, claims] of CLAIMS) {
      const way = WAYS[count++ % WAYS.length]
      const parts = []
      if (claims !== null) parts.push(way('sallyport.claims', quoted(claims)))
      if (given !== null) parts.push(way('sallyport.proof', quoted(given)))
      if (parts.length === 0) parts.push('select 1')
      nobodyElse(await attack(parts.join('; ')), `${proofName}, ${claimsName}: ${parts.join('; ')}`)
    }
  for (const way of WAYS) {
    nobodyElse(await attack(way('sallyport.claims', quoted(bob))), 'each way, claims')
    nobodyElse(await attack(`${way('sallyport.claims', quoted(bob))}; ${way('sallyport.proof', quoted(mine.proof))}`), 'each way, both')
    count += 2
  }
  // nothing of it stays in the session
  for (let i = 0; i < 8; i++) assert.equal((await rowsOf('untold', {}))[0].owners, null)
  console.log(`# ${count} forgeries of claims: none was believed`)
})

test('Q-3: a proof is worth nothing in another session, later, or elsewhere', async () => {
  const now = Math.floor(Date.now() / 1000)
  const claims = JSON.stringify({ sub: 'bob' })
  let count = 0
  /** Proofs by the server's own key, made for the very session that it lands in: all that differs is what the case says. */
  const told = async (change, expected) => {
    for (;;) {
      const { pid } = await attack('select 1')
      const made = proof(secrets[0], { pid, expires: now + 30, claims, ...change(pid) })
      const got = await attack(`select set_config('sallyport.claims', ${quoted(claims)}, true), set_config('sallyport.proof', ${quoted(made)}, true)`)
      if (got.pid !== pid) continue
      count++
      return assert.equal(got.sub, expected, JSON.stringify(change(pid)))
    }
  }
  await told(() => ({}), 'bob') // who has the key is the server: the test signs as it does
  await told(() => ({ expires: now - 1 }), null)
  await told(() => ({ expires: now - 3600 }), null)
  await told(() => ({ expires: now + 3600 }), null)
  await told((pid) => ({ pid: pid + 1 }), null)
  await told((pid) => ({ pid: `${pid}\n` }), null)
  await told(() => ({ user: 'sallyport_tools_write' }), null)
  await told(() => ({ user: 'sallyport_tools_analyst' }), null)
  await told(() => ({ database: 'postgres' }), null)
  await told(() => ({ claims: JSON.stringify({ sub: 'carol' }) }), null)
  await told(() => ({ purpose: 'handle-mac' }), null)
  // a real one of bob's, seen by nobody but in the worst case, in a session that is not the one that it was made for
  let replays = 0
  await until('two sessions', async () => {
    const bobs = await attack('select 1', 'bob')
    const got = await Promise.all([1, 2, 3].map(() => attack(`select pg_sleep(0.05), set_config('sallyport.claims', ${quoted(bobs.claims)}, true), set_config('sallyport.proof', ${quoted(bobs.proof)}, true)`)))
    for (const one of got.filter((g) => g.pid !== bobs.pid)) {
      replays++
      assert.equal(one.sub, null)
      assert.equal(one.owners, null)
    }
    return replays >= 5
  })
  console.log(`# ${count} proofs of other places and times, ${replays} replays in other sessions: none was believed`)
})

test('nobody but the owner reads the keys or changes the functions', async () => {
  for (const role of ['sallyport_tools_read', 'sallyport_tools_write', 'sallyport_tools_analyst'])
    for (const sql of ['select * from sallyport.claim_keys', 'create table sallyport.x (i int)', 'delete from sallyport.claim_keys',
      'create or replace function sallyport.claims() returns jsonb language sql as $$ select null::jsonb $$', 'drop function sallyport.claim(text)',
      'alter schema sallyport rename to x', 'insert into sallyport.claim_keys values (1, repeat(chr(1), 64)::bytea, repeat(chr(1), 64)::bytea)'])
      await assert.rejects(admin(sql, `${role} options='-c default_transaction_read_only=off'`), /permission denied|must be owner/, sql)
})

test('secrets change without a moment in which nobody is known', async () => {
  secrets.push(secret(8)) // known to the database before it is used
  await writeSecrets()
  assert.match(await installClaims(), /values \(8, /)
  assert.equal((await rowsOf('whoami', {}))[0].owners, 'alice')
  const { pid } = await attack('select 1')
  assert.ok(pid > 0)
  const claims = JSON.stringify({ sub: 'bob' })
  await until('the same session', async () => {
    const made = proof(secrets[1], { pid, expires: Math.floor(Date.now() / 1000) + 30, claims })
    const got = await attack(`select set_config('sallyport.claims', ${quoted(claims)}, true), set_config('sallyport.proof', ${quoted(made)}, true)`)
    return got.pid === pid && got.sub === 'bob'
  })
  secrets.pop()
  await writeSecrets()
  assert.doesNotMatch(await installClaims(), /values \(8, /)
  assert.equal(await admin('select string_agg(id::text, \',\') from sallyport.claim_keys'), '7')
})

test('in a policy, the claims are asked for once a statement', async () => {
  await admin(`
    create table reporting.many as select i as id, (array['alice', 'bob'])[1 + i % 2] as owner from generate_series(1, 2000) as i;
    create table reporting.once as table reporting.many;
    create table reporting.none as table reporting.many;
    alter table reporting.many enable row level security;
    alter table reporting.once enable row level security;
    create policy own on reporting.many using (owner = sallyport.claim('sub'));
    create policy own on reporting.once using (owner = (select sallyport.claim('sub')));
    grant select on reporting.many, reporting.once, reporting.none to sallyport_tools_read;`)
  const time = async (table) => {
    const told = await attack(`do $do$ declare begun timestamptz := clock_timestamp(); n int;
      begin select count(*) into n from reporting.${table} where lower(owner) = 'alice'; perform set_config('test.told', format('%s %s', n, round(extract(epoch from clock_timestamp() - begun) * 1000, 1)), true); end $do$`)
    return told.told.split(' ').map(Number)
  }
  const [none, once, each] = [await time('none'), await time('once'), await time('many')]
  assert.deepEqual([none[0], once[0], each[0]], [1000, 1000, 1000])
  console.log(`# 2000 rows: ${none[1]} ms without a policy, ${once[1]} ms with (select sallyport.claim('sub')), ${each[1]} ms with sallyport.claim('sub') for each row`)
  assert.ok(each[1] > once[1] * 3)
  assert.match(await admin('explain (costs off) select * from reporting.once', 'sallyport_tools_read'), /InitPlan/)
})

// ---- queries of analysts ----------------------------------------------------------------------------

const sessions = () => admin("select count(*) from pg_stat_activity where usename = 'sallyport_tools_analyst' and state <> 'idle'")

test('an analyst asks what nobody wrote down', async () => {
  const result = await call('query', { query: 'select region, count(*) as n, sum(amount) from sales group by region order by 1 -- mine' })
  assert.deepEqual(result.structuredContent, { columns: ['region', 'n', 'sum'], rows: [['north', 5, 900], ['south', 5, 750]], truncated: false })
  assert.deepEqual(await ask('select s.id, r.name, s.id from sales s join reporting.regions r on r.name = s.region order by 1 limit 2'), [[3, 'south', 3], [6, 'north', 6]])
  assert.deepEqual(await ask('with t as (select * from sales where amount > 200) select count(*), max(owner) from t;'), [[4, 'alice']])
  assert.deepEqual(await ask(`values (1, 'é', null, true, 1.5::numeric, '{"a":1}'::jsonb)`), [[1, 'é', null, true, 1.5, { a: 1 }]])
  assert.deepEqual(await ask('select'), [[]])
  assert.deepEqual((await call('query', { query: 'select 1 as a, 2 as a where false' })).structuredContent, { columns: ['a', 'a'], rows: [], truncated: false })
  assert.deepEqual(await ask(String.raw`select 'it''s \\ \n', E'\x41'`), [[String.raw`it's \\ \n`, 'A']])
  assert.equal((await ask('select distinct owner from sales', 'bob')).join(), 'bob')
})

test('the analyst is told what is wrong with her own text, and where', async () => {
  assert.match(await refusal('select * frm sales'), /^syntax error at or near "frm" \(at character 10\)\./)
  assert.match(await refusal('select amnt from sales'), /^The query is wrong: column "amnt" does not exist \(at character 8\)\./)
  assert.match(await refusal("/* ä */ ; select 'ü', regon from sales"), /column "regon" does not exist \(at character 23\)/)
  assert.match(await refusal('select lower(1) from sales'), /function lower\(integer\) does not exist \(at character 8\)/)
  assert.match(await refusal('select region, count(*) from sales'), /must appear in the GROUP BY clause/)
  assert.match(await refusal("select 'x'::int"), /invalid input syntax for type integer: "x" \(at character 8\)/)
  assert.match(await refusal('select x.id from sales s'), /missing FROM-clause entry for table "x"/)
  assert.match(await refusal('select 1 / (id - id) from sales'), /^The query divides by zero\. \(request/)
  assert.match(await refusal('select region::int from sales'), /^A value in the query or in the data is not of the form/)
  assert.match(await refusal('select (select id from sales)'), /more than one row/)
})

test('Q-1: an error tells nothing of relations that may not be read', async () => {
  const unseen = /^The query names a relation that does not exist or that may not be read\. \(request [\w-]+\)$/
  const without = (answer) => answer.replace(/\(request .*\)/, '')
  const probes = (table) => [
    `select * from ${table}`, `select salary_of_ceo from ${table}`, `select nothing from ${table}`, `select salary_of_ceo::text from ${table} where salary_of_ceo = 'x'`,
    `select 1 from sales where id in (select salary_of_ceo from ${table})`, `select count(*) from ${table} h where h.note > 1`, `select h.* from ${table} as h(a, b, c)`,
    `with hidden2 as (select 1) select nothing from ${table}`, `select (with hidden as (select 1) select 1 from hidden), salary_of_ceo, nothing from ${table}`,
    `select salary_of_ce from ${table}`, `select ${table}.salary from ${table}`, `select sum(note) from ${table}`,
  ]
  let count = 0
  for (const [there, missing] of [['hidden', 'hidden3'], ['reporting.hidden', 'reporting.missing']])
    for (const [i, query] of probes(there).entries()) {
      const told = await refusal(query)
      assert.match(told, unseen, query)
      assert.equal(without(told), without(await refusal(probes(missing)[i])))
      count++
    }
  for (const query of ['select * from broken', 'select nosuch from (select * from broken) b where amount > 1', 'select reporting.fails()']) {
    const told = query.includes('fails') ? await errorOf('loose', { query }) : await refusal(query)
    assert.doesNotMatch(told, /secret|salaries|123456789/, told)
    count++
  }
  for (const query of ['select 1 / (amount - 123456789) from leaky', 'select person::int from leaky']) {
    assert.doesNotMatch(JSON.stringify(await call('query', { query })), /ceo|salaries/)
    count++
  }
  console.log(`# ${count} probes for hidden relations: all told the same`)
})

/** What tries to leave its role. */
const LEAVING = [
  'commit', 'COMMIT; DROP TABLE reporting.sales', 'rollback; begin', 'select 1; select 2', 'select 1; commit; drop schema reporting cascade',
  "copy reporting.sales to program 'touch /tmp/x'", "copy (select 1) to '/tmp/x'", "copy reporting.sales from program 'id'", 'copy reporting.sales to stdout',
  "select dblink('dbname=sallyport', 'drop table reporting.sales')", "select * from dblink_exec('x')", "select lo_import('/etc/passwd')", "select lo_export(1, '/tmp/x')", 'select lo_create(4711)',
  "select pg_read_file('/etc/passwd')", "select pg_read_binary_file('/etc/passwd')", "select pg_ls_dir('.')", "select pg_stat_file('postgresql.conf')",
  'set role postgres', 'set session authorization postgres', 'set transaction read write', 'reset all', 'select pg_advisory_lock(1)', 'select pg_try_advisory_lock_shared(1)',
  "select set_config('role', 'postgres', false)", "select set_config('sallyport.claims', '{}', true)", "select 1 order by set_config('transaction_read_only', 'off', true)", "select current_setting('sallyport.proof')",
  'select pg_sleep(60)', 'select count(*) from generate_series(1, 100000000000)', "select repeat('x', 1000000000)", "select sallyport.claim('sub')",
  'with d as (delete from reporting.sales returning *) select * from d', "with i as (insert into reporting.changes values ('x') returning *) select * from i",
  'with u as (update reporting.sales set amount = 0 returning *) select * from u', 'select * into reporting.copy from sales', 'select * into temp copied from sales', 'create temp table t as select 1',
  'do $$ begin perform pg_sleep(1); end $$', 'explain analyze delete from sales', 'explain select 1', 'listen x', "notify x, 'y'", "select pg_notify('x', 'y')", 'lock table reporting.sales', 'select * from sales for update',
  'prepare p as select 1', 'execute p', 'deallocate all', 'discard all', 'declare c cursor with hold for select 1', "select nextval('reporting.s')",
  'select pg_terminate_backend(1)', 'select pg_cancel_backend(pg_backend_pid())', 'select pg_reload_conf()', "select query_to_xml('select * from secret.salaries', true, true, '')",
  'select * from secret.salaries', 'select * from pg_authid', 'select * from pg_catalog.pg_shadow', 'select * from information_schema.tables', 'select * from pg_stat_activity', 'select * from authz.people',
  "select 'secret.salaries'::regclass", "select has_table_privilege('secret.salaries', 'select')", 'select current_user', 'select version()', 'select inet_server_addr()', 'vacuum', 'checkpoint', "load 'x'",
  "create function f() returns int language c as 'x'", 'create extension dblink', 'alter role sallyport_tools_analyst superuser', 'grant all on reporting.sales to public', 'truncate reporting.sales', 'call reporting.p()', '$1', 'select $1',
]
const WRAPS = [(q) => q, (q) => `/* x */ ${q} -- y`, (q) => `;${q};`, (q) => `with a as (${q}) select * from a`, (q) => `select * from (${q}) as x`, (q) => `select (${q})`, (q) => `select 1 union ${q}`,
  (q) => q.toUpperCase(), (q) => q.replace(/ /g, '\n\t'), (q) => `select 1; ${q}`, (q) => `${q}; select 1`]
/** What a careless operator's functions let through: then the role and the transaction stand. */
const CARELESS = [
  "select set_config('role', 'postgres', false)", "select set_config('transaction_read_only', 'off', true)", "select set_config('session_authorization', 'postgres', true)",
  ...['insert into reporting.changes values (1)', 'create temp table t as select 1', 'set role postgres', "copy (select 1) to program 'id'", 'commit', 'create table reporting.t (i int)', 'select * from secret.salaries',
    'select lo_create(4711)', 'notify x', 'set transaction read write', "select nextval('reporting.s')", 'drop table reporting.sales', 'alter role sallyport_tools_analyst superuser', "set local sallyport.claims = '{\"sub\":\"bob\"}'",
  ].map((sql) => `select reporting.leaves(${quoted(sql)})`),
  'select rolpassword from pg_authid', `select set_config('sallyport.claims', '{"sub":"bob"}', true), sallyport.claim('sub')`,
  `with f as materialized (select set_config('sallyport.claims', '{"sub":"bob"}', true), set_config('sallyport.proof', '1.7.1999999999.' || repeat('0', 64), true)) select owner from f, sales`,
]

test('Q-1: no query leaves its role', async () => {
  const state = () => admin(`select (select count(*) from reporting.sales), (select count(*) from reporting.changes), (select count(*) from pg_class), (select count(*) from pg_largeobject_metadata), (select count(*) from pg_proc),
    (select string_agg(rolname || rolsuper, ',' order by rolname) from pg_roles where rolname like 'sallyport%'), (select count(*) from secret.salaries)`)
  const before = await state()
  let refused = 0
  for (const query of LEAVING)
    for (const wrap of WRAPS) {
      const result = await call('query', { query: wrap(query) })
      if (!result.isError) assert.fail(`${wrap(query)}: ${JSON.stringify(result)}`)
      assert.doesNotMatch(result.content[0].text, /123456789|root:x|\/work|\/tmp\/sallyport|libpq|psql/)
      refused++
    }
  for (const query of CARELESS) {
    const told = JSON.stringify(await call('loose', { query }))
    assert.doesNotMatch(told, /123456789|SCRAM|\["bob"\]|,"bob"\]/, `${query}: ${told}`)
  }
  assert.equal(await state(), before, 'nothing has changed')
  console.log(`# ${refused} queries that try to leave: all refused; ${CARELESS.length} that a careless operator allows: nothing changed, nothing told`)
})

/** a.b and (a).b are b(a) in PostgreSQL. */
const FIELDS = [
  ...['current_setting', 'to_regclass', 'ts_stat', 'pg_get_viewdef', 'pg_read_file', 'pg_ls_dir', 'regclass', 'regproc', 'pg_relation_filepath', 'pg_database_size', 'lookup', 'quote_literal', 'pg_typeof', 'to_regtype', '_hidden', 'xml']
    .flatMap((name) => [`select ('sallyport.proof'::text).${name}`, `select t.${name} from lower('sallyport.proof') as t`, `select 1 from lower('select 1') as t order by t.${name}`,
      `select 1 from lower('select 1') as t where t.${name} is null`, `select t.${name} from (select 'ceo'::text as x) t`, `with t as (select 'ceo'::text) select (select t.${name})::text from t`,
      `select j.${name} from (lower('a') as x cross join lower('b') as y) as j`, `select u.* from lower('x') as t, lateral (select t.${name}) as u`, `select (t.${name}).* from lower('x') as t`]),
  ...['select array_to_tsvector(array_agg(rolname::text)) from pg_catalog.pg_roles', 'select array_to_tsvector(array[current_user::text])', "select array_to_tsvector(array[set_config('sallyport.claims', '{\"sub\":\"bob\"}', true)])"]
    .flatMap((sql) => [`select (${quoted(sql)}::text).ts_stat`, `select t.ts_stat from lower(${quoted(sql)}) as t`, `select ((${quoted(sql)}::text).ts_stat).word`]),
  'select (2::float8).pg_sleep', 'select t.pg_sleep from abs(2::float8) as t', 'select (null::int).pg_stat_get_activity::text as a', 'select t.pg_stat_get_activity::text from abs(1) as t', 'select (10::int8).pg_get_userbyid',
  'select (4711::bigint).pg_advisory_lock', 'select t.pg_advisory_lock from abs(4711::bigint) as t', 'select (1).pg_cancel_backend', 'select t.pg_terminate_backend from abs(1) as t', 'select (s.owner).lookup from sales s',
  'select s.leaks from sales s', 'select s.left from sales s', 'select (s).leaks from sales s', 'select s.pg_typeof from sales s', 'select system_user', "select s.log from (select 'ceo'::text as x) s",
  "select log('ceo')", "select log('ceo'::text)", "select * from log('ceo')", "select 1 order by log('ceo')", 'select "left"(s) from sales s limit 1', 'select log(100)',
]
/** Types of relations that may not be read, and of none: in the same words. */
const TYPES = ['select (null::reporting.hidden).*', 'select null::reporting.hidden', 'select null::reporting.nothere', 'select null::reporting.hidden[]', 'select null::reporting._hidden', 'select null::reporting.holder',
  "select * from unnest('{}'::reporting.hidden[]) as u", 'select (null::reporting.sales).*', "select cast('(1,x)' as reporting.hidden)", "select (reporting.hidden '(1,x)').*", 'select null::reporting.broken']

test('Q-1: a field, an overloaded name or a type calls and tells nothing', async () => {
  await admin(`
    create function reporting.lookup(text) returns text language sql security definer as $$ select amount::text from secret.salaries where person = $1 $$;
    create function reporting.log(text) returns text language sql security definer as $$ select amount::text from secret.salaries where person = $1 $$;
    create function reporting.left(reporting.sales) returns text language sql security definer as $$ select amount::text from secret.salaries limit 1 $$;
    create function reporting.leaks(reporting.sales, int default 1) returns text language sql security definer as $$ select amount::text from secret.salaries limit 1 $$;
    create domain reporting.holder as reporting.hidden;
    create type reporting.status as enum ('open', 'done');
    create domain reporting.positive as int check (value > 0);
    create table reporting.orders (status reporting.status, name text, date text, host text);
    insert into reporting.orders values ('open', 'a', 'd', 'h');
    grant select on reporting.orders to sallyport_tools_analyst;`)
  for (const query of FIELDS) {
    const told = await refusal(query)
    assert.match(told, /may not take a field|could take for a function|may not ask for the user/, `${query}: ${told}`)
    assert.doesNotMatch(told, /123456789/)
  }
  const words = new Set()
  for (const query of TYPES) words.add((await refusal(query)).replace(/ \(request .*/, ''))
  assert.deepEqual([...words], ['The query names a type that does not exist or that may not be used.'])
  assert.deepEqual(await ask("select o.status, o.name, o.date, o.host, 'done'::reporting.status, '{open}'::reporting.status[] is null, 3::reporting.positive, pg_catalog.log(100) = 2, s.region, s.id from orders o, sales s where s.id = 3"),
    [['open', 'a', 'd', 'h', 'done', false, 3, true, 'south', 3]])
  assert.deepEqual(await rowsOf('loose', { query: "select t.current_setting is null, reporting.score(2) from lower('search_path') as t" }), [[false, 4]], 'what is listed may be a field')
  await admin(`drop function reporting.lookup(text), reporting.log(text), reporting.left(reporting.sales), reporting.leaks(reporting.sales, int); drop table reporting.orders;
    drop domain reporting.positive; drop domain reporting.holder; drop type reporting.status`)
  console.log(`# ${FIELDS.length} fields and overloaded names: all refused; ${TYPES.length} types: one answer`)
})

test('Q-2: text is only ever text', async () => {
  const odd = ["'; drop table reporting.sales; --", "\\'; select 1; --", 'a\u0301\'"', '$1', '%s%n', 'x'.repeat(5000), "E'\\''", "'' or 1=1 --", '\u{10fffd}', '$$']
  for (const value of odd) {
    assert.deepEqual(await rowsOf('by_choice', { by: 'region', region: value }), [])
    assert.deepEqual(await ask(`select ${quoted(value)}`), [[value]], JSON.stringify(value))
  }
  for (const value of ['\u202e', '\u{10ffff}', '\ufeff']) {
    assert.match(await errorOf('by_choice', { by: 'region', region: value }), /which this tool does not take/)
    assert.match(await refusal(`select ${quoted(value)}`), /which this tool does not take/)
  }
  const nul = await modern(server, tokens.alice, 'tools/call', { name: 'query', arguments: { query: 'select 1\u0000' } })
  assert.ok(nul.json.error !== undefined || nul.json.result.isError, 'a NUL is refused')
  assert.match(await refusal(`select '${'x'.repeat(17000)}'`), /too long/)
  console.log(`# ${odd.length} odd texts came back as they went`)
})

test('Q-3: nothing of a query is left for the next one', async () => {
  const LEFT = [
    "select set_config('test.left', 'x', false)", "select set_config('search_path', 'secret', false)", "select set_config('statement_timeout', '1', false)", "select set_config('transaction_read_only', 'off', false)",
    'select reporting.keeps_lock()', ...['prepare kept as select 1', 'create temp table sales as select 1 as id', 'listen kept', 'declare kept cursor with hold for select 1', "select set_config('role', 'none', false)"].map((sql) => `select reporting.leaves(${quoted(sql)})`),
    "select set_config('standard_conforming_strings', 'off', false)", "select set_config('sallyport.claims', '{}', false)", "select set_config('default_transaction_read_only', 'off', false)", 'select 1 / 0', 'select pg_sleep(5)',
  ]
  const LOOK = `select current_setting('test.left', true), current_setting('search_path'), (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
    (select count(*) from pg_prepared_statements) + (select count(*) from pg_cursors where name = 'kept'), coalesce(to_regclass('pg_temp.sales')::text, 'none'), length('\\')`
  let count = 0
  for (const query of LEFT) {
    await call('loose', { query })
    for (let i = 0; i < 3; i++, count++) {
      const [[left, path, locks, kept, temporary, backslash]] = await rowsOf('loose', { query: LOOK })
      assert.deepEqual([left || null, path, locks, kept, temporary, backslash], [null, 'pg_catalog, "reporting", "pg_catalog", pg_temp', 0, 0, 'none', 1], query)
    }
  }
  assert.equal(await sessions(), '0', 'no transaction is open')
  console.log(`# ${LEFT.length} things that a query may leave behind: ${count} queries behind them found nothing`)
})

test('Q-4: a query is bounded in time, rows and bytes', async () => {
  const late = /took longer than it may and was stopped/
  for (const query of ['select pg_sleep(60)', 'select count(*) from generate_series(1, 100000000000)', 'with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t',
    'select count(*) from pg_class a, pg_class b, pg_class c, pg_class d'])
    assert.match(await errorOf('loose', { query }), late, query)
  const many = await call('query', { query: 'select id from big order by id' })
  assert.equal(many.structuredContent.rows.length, 50)
  assert.equal(many._meta['sallyport/truncated'], 'rows')
  const wide = await call('query', { query: 'select id, body from big order by id' })
  assert.equal(wide._meta['sallyport/truncated'], 'bytes')
  assert.ok(JSON.stringify(wide.structuredContent.rows).length <= 32768 && wide.structuredContent.rows.length > 25)
  for (const query of ['select body from huge', 'select body, body, body from huge', 'select array_agg(body) from big b, (select 1) as q', 'select jsonb_agg(big) from big', 'select huge from huge']) {
    const result = await call('query', { query })
    assert.deepEqual(result.structuredContent?.rows, [], query)
    assert.equal(result._meta['sallyport/truncated'], 'bytes')
  }
  assert.deepEqual(await ask('select big.id, (select length(body) from huge) from regions, big where big.id = 1 limit 1'), [[1, 6400000]])
  assert.deepEqual(await ask('select 1'), [[1]], 'and goes on')
})

test('Q-4: a query ends when its client goes', async () => {
  const leave = new AbortController()
  const asked = fetch(server.mcp, {
    method: 'POST', signal: leave.signal,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', authorization: `Bearer ${tokens.alice}`, 'mcp-protocol-version': '2025-11-25' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow', arguments: { query: 'with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t' } } }),
  }).catch(() => 'left')
  await until('the query to run', async () => (await sessions()) === '1')
  leave.abort()
  assert.equal(await asked, 'left')
  await until('the query to end', async () => (await sessions()) === '0', 20)
  assert.deepEqual(await ask('select 2'), [[2]])
})
