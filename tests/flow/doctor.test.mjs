// SPDX-License-Identifier: Apache-2.0
// The connection doctor: what it finds in a good server, and what it says about servers that are wrong in one thing.
import assert from 'node:assert/strict'
import { chmod, chown, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, test } from 'node:test'
import { startInstance } from './lib/instance.mjs'
import { freePort, home, verb, writeEtc } from './lib/programs.mjs'

const instance = await startInstance()
const outputs = []

async function passwordFile(name, people, mode = 0o600) {
  const path = await writeEtc(instance, name, people.map((p) => `${p.username}:${p.password}\n`).join(''))
  await chmod(path, mode)
  if (process.getuid() === 0) await chown(path, (await stat(`${home(instance)}/logs`)).uid, 0)
  return path
}
const passwords = await passwordFile('passwords', instance.people)

async function doctor(...args) {
  const done = await verb(instance, 'mcp', ['doctor', ...args])
  outputs.push(done.stdout, done.stderr)
  return done
}
const as = (...names) => [...names.flatMap((n) => ['--as', n]), '--password-file', passwords]

test('with the URL alone it goes as far as the sign-in page', async () => {
  const { code, stdout, stderr } = await doctor(instance.mcp)
  assert.equal(code, 0, stdout + stderr)
  assert.ok(stdout.startsWith(`Connection doctor for ${instance.mcp}\n`))
  assert.match(stdout, / 1 {2}Call without a token\n {4}asked {3}POST http.*\n {4}got {5}401, WWW-Authenticate: Bearer .*\n {4}ok {6}A token is needed/)
  assert.match(stdout, /Protected-resource metadata\n(.*\n)+? {4}ok/)
  assert.match(stdout, /Authorization-server metadata\n(.*\n)+? {4}ok/)
  assert.match(stdout, /Steps: [1-9][0-9]* fine, \d+ with a note, 0 failed\.\n$/)
  assert.equal(stderr, '')
})

test('as a person it walks to the tools', async () => {
  const { code, stdout } = await doctor(instance.mcp, ...as('alice'))
  assert.equal(code, 0, stdout)
  assert.match(stdout, /\nAs alice\n/)
  for (const tool of ['deployment_status', 'get_customer', 'query_logs']) assert.ok(stdout.includes(tool), tool)
  assert.ok(!stdout.includes('read_ticket'))
})

test('two people are shown side by side, with the same calls', async () => {
  const { code, stdout } = await doctor(instance.mcp, ...as('alice', 'bob'), '--call', 'get_customer={"customer_id":"C-1013"}', '--call', 'deployment_status={"service":"checkout"}')
  assert.equal(code, 0, stdout)
  assert.match(stdout, /Who sees which tool\n\n {4}tool +alice +bob +\n/)
  assert.match(stdout, /\n {4}get_customer +yes +- +\n/)
  assert.match(stdout, /\n {4}read_ticket +- +yes +\n/)
  assert.match(stdout, /\n {4}query_logs +yes +yes +\n/)
  assert.doesNotMatch(stdout, /create_user/)
  assert.match(stdout, /get_customer \{"customer_id":"C-1013"\}\n {6}alice +answer +.*\n {6}bob +refused +/)
  assert.match(stdout, /deployment_status \{.*\}\n {6}alice +answer +.*\n {6}bob +answer +/)
})

test('--json is one object that says the same', async () => {
  const { code, stdout } = await doctor(instance.mcp, ...as('alice', 'carol'), '--call', 'query_logs={"service":"checkout","limit":1}', '--json')
  assert.equal(code, 0, stdout)
  const found = JSON.parse(stdout)
  assert.equal(found.url, instance.mcp)
  assert.equal(found.ok, true)
  assert.ok(found.steps.length >= 10)
  for (const step of found.steps) {
    assert.ok(step.step && step.words)
    assert.ok(['ok', 'note'].includes(step.verdict), JSON.stringify(step))
  }
  assert.deepEqual(found.people.map((p) => p.name), ['alice', 'carol'])
  assert.deepEqual(found.people[0].tools.toSorted(), ['deployment_status', 'get_customer', 'query_logs'])
  assert.ok(found.people[1].tools.includes('run_migration'))
  assert.equal(found.people[0].calls[0].outcome, 'answer')
  const broken = await doctor(`${instance.mcp}x`, '--json')
  assert.equal(broken.code, 1)
  assert.equal(JSON.parse(broken.stdout).ok, false)
})

test('--scope asks for more than the first challenge names, and says what is not given', async () => {
  const more = await doctor(instance.mcp, ...as('bob'), '--scope', 'users:read logs:read')
  assert.equal(more.code, 0, more.stdout)
  assert.match(more.stdout, /scope logs:read users:read/)
  assert.match(more.stdout, /tools\/list\n {4}got +\d+: .*get_user/)
  const less = await doctor(instance.mcp, ...as('alice'), '--scope', 'users:read logs:read')
  assert.match(less.stdout, /note {4}Not all of the scopes that were asked for were given/)
})

test('each call has a verdict: one that answers with an error has failed, a refused one is a note', async () => {
  const { code, stdout } = await doctor(instance.mcp, ...as('alice'), '--call', 'get_customer={"customer_id":5}', '--call', 'get_customer={"customer_id":"C-1013"}', '--call', 'read_ticket={}')
  assert.equal(code, 1, stdout)
  assert.match(stdout, /tools\/call get_customer \{"customer_id":5\}\n {4}got .*\n {4}FAILED {2}The tool answers with an error\./)
  assert.match(stdout, /tools\/call get_customer \{"customer_id":"C-1013"\}\n {4}got .*\n {4}ok {6}Answered\./)
  assert.match(stdout, /tools\/call read_ticket \{\}\n {4}got .*\n {4}note {4}Refused: this person has no such tool/)
  assert.match(stdout, /\nCalls: 1 answered, 0 asked first, 1 refused, 1 failed\.\n/)
})

test('a wrong password is a failed step, and not in the output', async () => {
  const wrong = await passwordFile('wrong-passwords', [{ username: 'alice', password: 'not-the-password-of-alice' }])
  const { code, stdout, stderr } = await doctor(instance.mcp, '--as', 'alice', '--password-file', wrong)
  assert.equal(code, 1)
  assert.match(stdout, /FAILED .*(password|sign)/i)
  assert.ok(!(stdout + stderr).includes('not-the-password'))
  assert.match(stdout, /1 failed\.\n$/)
})

test('a server that is not there', async () => {
  const { code, stdout } = await doctor(`http://127.0.0.1:${await freePort()}/mcp`)
  assert.equal(code, 1)
  assert.match(stdout, /no answer: nothing accepts connections there\n {4}FAILED/)
})

test('another path of the right server', async () => {
  const { code, stdout } = await doctor(`${instance.mcp}/elsewhere`)
  assert.equal(code, 1)
  assert.match(stdout, /There is no MCP server at this path/)
})

/** A server that is a good one but for what the test says. */
async function stub(change) {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const documents = {
    challenge: `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`,
    resource: { resource: `${origin}/mcp`, authorization_servers: [origin], scopes_supported: ['logs:read'] },
    server: {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    },
    registered: (asked) => ({ ...asked, client_id: 'stub-client' }),
    unauthorized: 401,
    type: 'application/json',
    ...change(origin),
  }
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const answer = (status, value, headers = {}) => response.writeHead(status, { 'content-type': documents.type, ...headers }).end(typeof value === 'string' ? value : JSON.stringify(value))
    if (request.method === 'OPTIONS') answer(204, '', { 'access-control-allow-origin': '*' })
    else if (request.url === '/mcp') answer(documents.unauthorized, {}, documents.challenge ? { 'www-authenticate': documents.challenge } : {})
    else if (request.url === '/.well-known/oauth-protected-resource/mcp') answer(200, documents.resource)
    else if (request.url === '/.well-known/oauth-authorization-server') answer(200, documents.server)
    else if (request.url === '/register') answer(201, documents.registered(JSON.parse(text)))
    else answer(404, {})
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `${origin}/mcp`
}

test('each mistake of a server gets its own words', async () => {
  const server = (o, more) => ({ server: { issuer: o, authorization_endpoint: `${o}/authorize`, token_endpoint: `${o}/token`, registration_endpoint: `${o}/register`, response_types_supported: ['code'], code_challenge_methods_supported: ['S256'], authorization_response_iss_parameter_supported: true, ...more } })
  const resource = (o, more) => ({ resource: { resource: `${o}/mcp`, authorization_servers: [o], ...more } })
  const mistakes = [
    ['the resource with a slash', (o) => resource(o, { resource: `${o}/mcp/` }), /got +resource http:\/\/127\.0\.0\.1:\d+\/mcp\/,.*\n {4}FAILED {2}The resource is not the URL that was asked.*\n {4}fix +They differ by a slash at the end/],
    ['the resource by https', (o) => resource(o, { resource: `${o}/mcp`.replace('http:', 'https:') }), /FAILED {2}The resource is not the URL.*\n {4}fix +They differ by http and https/],
    ['the resource by another name', (o) => resource(o, { resource: `${o}/mcp`.replace('127.0.0.1', 'localhost') }), /FAILED {2}The resource is not the URL.*\n {4}fix +They differ by host or port/],
    ['no resource', (o) => resource(o, { resource: undefined }), /FAILED {2}It does not name its resource/],
    ['no authorization server', (o) => resource(o, { authorization_servers: [] }), /FAILED {2}It names no authorization server/],
    ['another issuer', (o) => server(o, { issuer: `${o}/` }), /FAILED {2}The issuer is ".*\/", but the resource names ".*"\.\n {4}fix +They differ by a slash/],
    ['no token endpoint', (o) => server(o, { token_endpoint: undefined }), /FAILED {2}The authorization or token endpoint is missing/],
    ['no PKCE', (o) => server(o, { code_challenge_methods_supported: ['plain'] }), /FAILED {2}It does not promise PKCE with S256/],
    ['no code', (o) => server(o, { response_types_supported: ['token'] }), /FAILED {2}response_types_supported/],
    ['no iss', (o) => server(o, { authorization_response_iss_parameter_supported: undefined }), /note {4}It does not promise the iss parameter/],
    ['no registration', (o) => server(o, { registration_endpoint: undefined }), /registration/i],
    ['no client id', () => ({ registered: () => ({}) }), /FAILED {2}There is no client_id/],
    ['another redirect URI', () => ({ registered: (asked) => ({ ...asked, client_id: 'x', redirect_uris: ['http://other/'] }) }), /FAILED {2}It did not register the redirect URI/],
    ['a secret for a public client', () => ({ registered: (asked) => ({ ...asked, client_id: 'x', client_secret: 'stub-secret-1234567890' }) }), /note {4}It gave a secret/],
    ['no challenge', () => ({ challenge: '' }), /FAILED {2}There is no WWW-Authenticate header/],
    ['another scheme first', () => ({ challenge: 'Basic realm="x"' }), /FAILED {2}The first challenge is not Bearer/],
    ['no metadata in the challenge', () => ({ challenge: 'Bearer' }), /note {4}A token is needed, but it does not say where/],
    ['an open door', () => ({ unauthorized: 200 }), /FAILED {2}It answers without a token: this door is open/],
    ['forbidden', () => ({ unauthorized: 403 }), /FAILED {2}It refuses, and does not ask for a token/],
    ['a redirect', () => ({ unauthorized: 302 }), /FAILED {2}It redirects/],
    ['trouble', () => ({ unauthorized: 502 }), /FAILED {2}The server has trouble of its own\.\n {4}fix +A proxy answered/],
    ['a page instead of a document', () => ({ resource: '<!doctype html><title>x</title>', type: 'text/html' }), /FAILED {2}It is a web page where JSON belongs/],
    ['no JSON', () => ({ resource: '{' }), /FAILED {2}It is not a JSON object/],
  ]
  for (const [what, change, words] of mistakes) {
    const { stdout, stderr } = await doctor(await stub(change))
    assert.match(stdout, words, `${what}:\n${stdout}${stderr}`)
    assert.ok(!stdout.includes('stub-secret'), what)
  }
})

test('what a server says is shown without what a terminal would obey', async () => {
  const nasty = '\x1b[2J\x1b]0;owned\x07\u202e\u0000\r\nok  everything is fine'
  const url = await stub((o) => ({ resource: { resource: `${o}/mcp${nasty}`, authorization_servers: [`${o}/${nasty}`] }, challenge: 'Bearer error="a\tb"' }))
  const { code, stdout } = await doctor(url)
  assert.equal(code, 1)
  assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f\u202e]/)
  assert.doesNotMatch(stdout, /^ok {2}everything/m)
})

test('usage errors say what is missing, and exit with 2', async () => {
  const open = await passwordFile('open-passwords', instance.people, 0o644)
  const cases = [
    [[], /one URL is needed/],
    [[instance.mcp, instance.mcp], /one URL is needed/],
    [['ftp://x/'], /not an http or https URL/],
    [['http://'], /not a URL/],
    [[`${instance.mcp}#x`], /not a URL/],
    [[instance.mcp, '--nothing'], /nothing/],
    [[instance.mcp, '--call', 'query_logs={}'], /--call needs --as PERSON/],
    [[instance.mcp, ...as('alice'), '--call', 'query_logs={'], /--call wants TOOL=/],
    [[instance.mcp, '--scope', ''], /--scope wants scopes/],
    [[instance.mcp, '--scope', 'a"b'], /--scope wants scopes/],
    [[instance.mcp, ...as('nobody')], /no line for: nobody/],
    [[instance.mcp, '--as', 'alice', '--password-file', '/nonexistent'], /\/nonexistent/],
    [[instance.mcp, '--as', 'alice', '--password-file', open], /others may read this file of passwords/],
  ]
  for (const [args, words] of cases) {
    const { code, stdout, stderr } = await doctor(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(stderr, words)
    assert.equal(stdout, '')
  }
  assert.match((await doctor('--help')).stdout, /^Usage: sallyport-mcp doctor URL/)
})

test('no output has a password, a token or a secret', () => {
  const all = outputs.join('\n')
  for (const { password } of instance.people) assert.ok(!all.includes(password))
  assert.ok(!all.includes(instance.resource_server.client_secret))
  assert.equal(/sp(c_(?!client_)|[rsabgq]_)[A-Za-z0-9_-]{40}|eyJ[A-Za-z0-9_-]{20}|code=[A-Za-z0-9_-]{20}/.exec(all), null)
  assert.ok(all.length > 10000)
})
