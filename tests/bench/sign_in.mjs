// SPDX-License-Identifier: Apache-2.0
// Signing in with a password, against Argon2id alone with the same threads on the same core; and what the other endpoints do meanwhile.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Browser, forms } from '../flow/lib/browser.mjs'
import { authorizationUrl, pkce, register } from '../flow/lib/client.mjs'
import { cpuTime, run, runLoad, SERVER_CORE } from './instance.mjs'
import { FORM, request } from './requests.mjs'

const AT_ONCE = 8
const PEOPLE = 64 // in turn: guesses at one person are slowed down
const WORKERS = 2 // the configuration's default
const OTHERS_PER_SECOND = 50 // of each other operation, so that it takes little of the core
const OTHERS_CONNECTIONS = 4

const addPeople = (instance) => instance.sql(`
  insert into authz.people (username, display_name, password_hash, scopes, own_scopes)
  select 'signer-' || n, 'Signer', p.password_hash, p.scopes, p.own_scopes from authz.people p, generate_series(0, ${PEOPLE - 1}) n where p.username = 'alice'`)

/** Bodies of sign-ins, one for each of as many requests of one browser. */
async function prepare(instance, client, count) {
  const browser = new Browser()
  const { password } = instance.person('alice')
  const lines = []
  for (let i = 0; i < count; i++) {
    const page = await browser.open(authorizationUrl(instance, client, pkce().challenge))
    const { fields } = forms(page.html).find((form) => form.fields.has('request'))
    lines.push(`${new URLSearchParams({ ...Object.fromEntries(fields), username: `signer-${i % PEOPLE}`, password })}`)
  }
  return { lines, cookie: [...browser.cookies].map((pair) => pair.join('=')).join('; ') }
}

async function signIns(instance, { lines, cookie }, seconds) {
  const [requestFile, bodies] = [join(instance.folder, 'sign-in'), join(instance.folder, 'sign-in-bodies')]
  const port = instance.port('authz')
  await writeFile(bodies, `${lines.join('\n')}\n`)
  const headers = { ...FORM, Accept: 'text/html', Origin: instance.issuer, 'Sec-Fetch-Site': 'same-origin', Cookie: cookie }
  await writeFile(requestFile, request('POST', '/sign-in', `127.0.0.1:${port}`, headers, '@BODY@'))
  const answer = JSON.parse(await runLoad(instance.program('load'), '-e', 'set-cookie', `${port}`, `${AT_ONCE}`, `${seconds}`, requestFile, bodies))
  if (answer.errors > 0) throw new Error(`sign-in: ${answer.errors} of ${answer.requests} requests failed`)
  return answer
}

async function beside(instance, operation, seconds) {
  const file = join(instance.folder, `beside-${operation.name}`)
  const port = instance.port('authz')
  await writeFile(file, operation.request(`127.0.0.1:${port}`))
  const answer = JSON.parse(await runLoad(instance.program('load'), '-p', `${OTHERS_PER_SECOND}`, ...(operation.expect ? ['-e', operation.expect] : []),
    `${port}`, `${OTHERS_CONNECTIONS}`, `${seconds}`, file))
  if (answer.errors > 0) throw new Error(`${operation.name}: ${answer.errors} of ${answer.requests} requests failed`)
  return answer
}

async function allowed(instance, seconds) {
  const hash = await instance.sql("select password_hash from authz.people where username = 'alice'")
  const [, memory, passes] = /m=(\d+),t=(\d+)/.exec(hash)
  return Number(await run('taskset', '-c', `${SERVER_CORE}`, instance.program('kdf'), `${WORKERS}`, `${seconds}`, memory, passes))
}

export async function measureSignIn(instance, operations, options, say) {
  const client = await register(instance.issuer, { client_name: 'Bench of signing in' })
  const others = operations.filter((operation) => ['metadata', 'client-credentials', 'introspect-kept'].includes(operation.name))
  const rounds = []
  await addPeople(instance)
  for (let i = 0; i < options.rounds; i++) {
    say(' sign-in')
    const count = Math.ceil(80 * options.seconds) + AT_ONCE
    const alone = await signIns(instance, await prepare(instance, client, count), options.seconds)
    const argon2 = await allowed(instance, options.seconds)
    const prepared = await prepare(instance, client, count)
    const before = await cpuTime(instance.pids.authz)
    const [busy, ...measured] = await Promise.all([signIns(instance, prepared, options.seconds), ...others.map((o) => beside(instance, o, options.seconds))])
    const cpu = ((await cpuTime(instance.pids.authz)) - before) / 1e6 / busy.seconds
    rounds.push({ alone, argon2, busy, cpu, others: Object.fromEntries(others.map((o, n) => [o.name, measured[n]])) })
  }
  return rounds
}
