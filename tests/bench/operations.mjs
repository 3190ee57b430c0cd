// SPDX-License-Identifier: Apache-2.0
// The operations that are measured. Each one has: the daemon that answers, one HTTP request, the handler of floor.c it is held against, and what
// pgbench runs in its place. prepare() runs before each round and may give lines of bodies for the load and a count of transactions for pgbench.
import { createHash, randomBytes } from 'node:crypto'
import { CodeMaker } from './codes.mjs'
import { authorizationUrl, REDIRECT_URI, register } from '../flow/lib/client.mjs'
import { basic, FORM, JSON_BODY, registrationBody, request } from './requests.mjs'
import { MCP_OPERATIONS } from './mcp_operations.mjs'
import { authzStatement, bind } from './statements.mjs'

const MANY = 64 // connections where no database is asked
const GRANT_SECONDS = 90 * 86400
const WINDOW_SECONDS = 120

const claims = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'))
const digest = (text) => `\\x${createHash('sha256').update(text).digest('hex')}`
const newMark = () => randomBytes(8).toString('hex') // of the rows of one round
const rowId = (mark) => ({ sql: `md5('${mark}-' || :client_id || '-' || :n)::uuid` })

function metadata() {
  const path = '/.well-known/oauth-authorization-server'
  return { daemon: 'authz', connections: MANY, floor: '/json', request: (host) => request('GET', path, host, { Accept: 'application/json' }), goal: { h2o: 0.7 } }
}

const SAME_WITHIN_SECONDS = 300
const LEASE_SECONDS = 7 * 86400

async function registration({ instance }) {
  const body = registrationBody(REDIRECT_URI)
  const made = await register(instance.issuer, JSON.parse(body))
  const row = JSON.parse(await instance.sql(`select row_to_json(c) from authz.clients c where client_id = '${made.client_id}'`))
  const array = (values) => `{${values.map((value) => JSON.stringify(value)).join(',')}}`
  const mark = randomBytes(16).toString('hex')
  const unique = `'${mark}-' || :client_id || '-' || :n`
  const values = [
    null, `${SAME_WITHIN_SECONDS}`, `${LEASE_SECONDS}`, { sql: `(${unique})::text` },
    row.origin, row.name, row.auth_method, null, array(row.grant_types), array(row.redirect_uris), row.scope, row.application_type,
    row.client_uri, row.logo_uri, row.tos_uri, row.policy_uri, row.software_id, row.software_version, row.contacts, row.resource,
    row.jwks, row.jwks_uri, row.assertion_algorithm, row.tls_subject_kind, row.tls_subject, `${row.certificate_bound}`, null, null,
    { sql: `sha256(convert_to(${unique}, 'UTF8'))` }, { sql: `md5(${unique})::uuid` },
  ]
  const { text, defines } = bind(await authzStatement('client_register'), [...values, 'f'])
  let round = 0
  return {
    daemon: 'authz',
    floor: '/json',
    expect: '"client_id":"',
    request: (host) => request('POST', '/register', host, JSON_BODY, body),
    prepare: async () => ({ script: `\\set n :n + 1\n${text};\n`, defines: [...defines, '-D', `n=${++round * 1e9}`] }),
    goal: { 'oidc-provider, memory': 1.8 },
  }
}

/** Rows like the one that a code of the pages has. */
async function addCodes(instance, mark, clientId, clients, count) {
  await instance.sql(`
    insert into authz.codes select (jsonb_populate_record(k, jsonb_build_object('code_id', md5('${mark}-' || c || '-' || n)::uuid, 'redeemed_at', null,
      'grant_id', null, 'expires_at', now() + interval '1 hour'))).*
    from authz.codes k, generate_series(0, ${clients - 1}) c, generate_series(1, ${count}) n
    where k.code_id = (select code_id from authz.codes where client_id = '${clientId}' limit 1)`)
}

async function codeExchange({ instance, maker, options }) {
  const { client } = maker
  const statement = await authzStatement('redeem_code')
  return {
    daemon: 'authz',
    floor: '/sign',
    warm: false, // codes are dear
    request: (host) => request('POST', '/token', host, FORM, '@BODY@'),
    prepare: async () => {
      const lines = (await maker.make(options.codes)).map((code) => maker.form(code))
      const mark = newMark()
      const transactions = Math.max(options.codes, 300 * options.clients)
      await addCodes(instance, mark, client.client_id, options.clients, Math.ceil(transactions / options.clients))
      const values = [client.client_id, 'none', null, null, rowId(mark), client.redirect_uris[0], maker.proof.challenge, null, `${GRANT_SECONDS}`, 'f']
      const { text, defines } = bind(statement, [...values, null])
      return {
        lines,
        script: `\\set n :n + 1\n${text};\n`,
        defines: [...defines, '-D', 'n=0'],
        transactions: Math.ceil(transactions / options.clients),
        verify: `select count(*) from authz.codes where redeemed_at is not null and code_id in
          (select md5('${mark}-' || c || '-' || n)::uuid from generate_series(0, ${options.clients}) c, generate_series(1, ${transactions}) n)`,
      }
    },
  }
}

async function refresh({ instance, maker, options }) {
  const { client } = maker
  const statement = await authzStatement('refresh')
  return {
    daemon: 'authz',
    floor: '/sign',
    follow: ['refresh_token', 'refresh_token'],
    expect: '"access_token":"ey',
    request: (host) => request('POST', '/token', host, FORM, '@BODY@'),
    prepare: async () => {
      const tokens = await maker.tokens(2 * options.clients) // half of them for the warming
      const lines = tokens.map((t) => `${new URLSearchParams({ grant_type: 'refresh_token', client_id: client.client_id, refresh_token: t.refresh_token })}`)
      const mark = newMark()
      await instance.sql(`
        insert into authz.grants select (jsonb_populate_record(g, jsonb_build_object('grant_id', md5('${mark}-' || c)::uuid))).*
        from authz.grants g, generate_series(0, ${options.clients - 1}) c where g.grant_id = '${claims(tokens[0].access_token).grant_id}'`)
      const id = { sql: `md5('${mark}-' || :client_id)::uuid` }
      const { text, defines } = bind(statement, [client.client_id, 'none', null, null, id, { sql: ':n' }, null, null, `${WINDOW_SECONDS}`, 'f', null])
      return {
        lines,
        script: `\\set n :n + 1\n${text};\n`,
        defines: [...defines, '-D', 'n=0'],
        verify: `select sum(generation - 1) from authz.grants where grant_id in
          (select md5('${mark}-' || c)::uuid from generate_series(0, ${options.clients - 1}) c)`,
      }
    },
    goal: { pgbench: 0.6, 'oidc-provider, memory': 2.5, 'oidc-provider, PostgreSQL': 5.5 },
  }
}

/** Two requests: the page that answers with a code without asking, since the person is signed in and has allowed it before; and the code's exchange. */
async function wholeFlow({ instance, maker }) {
  await maker.one() // signed in, and remembered
  const url = new URL(authorizationUrl(instance, maker.client, maker.proof.challenge))
  const headers = { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'navigate', Cookie: [...maker.browser.cookies].map((pair) => pair.join('=')).join('; ') }
  return {
    daemon: 'authz',
    floor: '/sign',
    expect: '"access_token":"ey',
    request: (host) => request('GET', url.pathname + url.search, host, headers),
    then: { prefix: 'code=', request: (host) => request('POST', '/token', host, FORM, maker.form('@BODY@').replace('%40BODY%40', '@BODY@')) },
    goal: { 'oidc-provider, memory': 3.4 },
  }
}

/** A client with tokens of its own. */
async function addService(instance) {
  const [id, secret] = ['bench-service', randomBytes(32).toString('base64url')]
  await instance.sql(`
    insert into authz.clients (client_id, origin, name, auth_method, secret_digest, grant_types, redirect_uris, scope, application_type)
    values ('${id}', 'admin', 'Bench service', 'client_secret_basic', '${digest(secret)}', '{client_credentials}', '{}', 'logs:read', 'web')
    on conflict (client_id) do update set secret_digest = excluded.secret_digest`)
  return { id, secret }
}

/** Its grant is kept: a token costs a signature. */
async function clientCredentials({ service }) {
  const { id, secret } = await service()
  const headers = { ...FORM, ...basic(id, secret) }
  return {
    daemon: 'authz',
    connections: MANY,
    floor: '/sign',
    request: (host) => request('POST', '/token', host, headers, 'grant_type=client_credentials'),
    expect: '"access_token":"ey',
    goal: { h2o: 0.8, 'oidc-provider, memory': 4.5 },
  }
}

const LISTENER = "usename = 'sallyport_authz' and datname = current_database() and (query ilike 'listen %' or query = '')"

/** Until the daemon hears of changes again, which is when it keeps answers; or for a while. */
async function untilNotices(instance) {
  for (let i = 0; i < 100 && (await instance.sql(`select count(*) from pg_stat_activity where ${LISTENER}`)).trim() === '0'; i++)
    await new Promise((resolve) => setTimeout(resolve, 100))
}

/** The same token again and again: from what is kept. */
async function introspectionKept({ instance, token }) {
  const { client_id: id, client_secret: secret } = instance.resource_server
  const headers = { ...FORM, ...basic(id, secret) }
  const body = `${new URLSearchParams({ token, token_type_hint: 'access_token' })}`
  return {
    daemon: 'authz',
    connections: MANY,
    floor: '/hash',
    expect: '"active":true',
    request: (host) => request('POST', '/introspect', host, headers, body),
    prepare: async () => void (await untilNotices(instance)),
    goal: { h2o: 0.5, 'oidc-provider, memory': 15 },
  }
}

/**
 * Without notices the daemon keeps no answer, so that each question reads PostgreSQL: the role has no more connections than the
 * questions need, and the one that listens is cut.
 */
async function withoutNotices(instance) {
  await instance.sql(`alter role sallyport_authz connection limit ${instance.options['database-connections'] ?? 3}`)
  await instance.sql(`select pg_terminate_backend(pid) from pg_stat_activity where ${LISTENER}`)
}

const withNotices = (instance) => instance.sql('alter role sallyport_authz connection limit -1')

async function introspection({ instance, token }) {
  const { client_id: id, client_secret: secret } = instance.resource_server
  const body = `${new URLSearchParams({ token, token_type_hint: 'access_token' })}`
  const { grant_id: grant, jti } = claims(token)
  const values = [id, 'client_secret_basic', digest(secret), digest(secret), grant, jti]
  const { text, defines } = bind(await authzStatement('introspect'), values)
  const headers = { ...FORM, ...basic(id, secret) }
  return {
    daemon: 'authz',
    floor: '/hash',
    request: (host) => request('POST', '/introspect', host, headers, body),
    prepare: async () => {
      await withoutNotices(instance)
      return { script: `${text};\n`, defines }
    },
    measured: () => withNotices(instance), // pgbench signs in as the same role
    expect: '"active":true',
    goal: { 'oidc-provider, memory': 4.5 },
  }
}

const OPERATIONS = {
  metadata,
  register: registration,
  code: codeExchange,
  refresh,
  flow: wholeFlow,
  'client-credentials': clientCredentials,
  introspect: introspection,
  'introspect-kept': introspectionKept,
  ...MCP_OPERATIONS,
}

export const OPERATION_NAMES = Object.keys(OPERATIONS)

/** What the operations share: a client with codes and tokens, and a service. */
export async function makeContext(instance, options) {
  const client = await register(instance.issuer, { client_name: 'Bench' })
  const maker = new CodeMaker(instance, client, 'alice')
  const [{ access_token: token }] = await maker.tokens(1)
  let added
  const service = () => (added ??= addService(instance))
  return { instance, options, maker, token, service }
}

export async function makeOperations(context, names) {
  const operations = []
  for (const name of names) operations.push({ name, connections: context.options.clients, warm: true, ...(await OPERATIONS[name](context)) })
  return operations
}
