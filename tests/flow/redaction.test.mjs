// SPDX-License-Identifier: Apache-2.0
// What looks like a secret does not leave a tool (mcp/redact/redact.h). Secrets are made here: none stands in a file of the project.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { getTokens } from './lib/client.mjs'
import { startFixture } from './lib/fixture.mjs'
import { startInstance } from './lib/instance.mjs'

const text = { type: 'string', maxLength: 20000 }
const tool = (name, command, more = {}) => [`tools/${name}.yaml`, {
  name, title: name, description: `Test tool ${name}`, scope: 'logs:read', tier: 'read',
  input: { type: 'object', additionalProperties: false, properties: { text }, required: ['text'] },
  command: { path: '/bin/cat', arguments: [], input: '{text}', ...command }, guards: { characters: ['invisible'] }, ...more,
}]
const TOOLS = [
  tool('echo', { output: 'text' }),
  tool('json', { output: 'json' }),
  tool('lines', { output: 'lines' }),
  tool('stranger', { output: 'text' }, { untrusted: true }),
  tool('relaxed', { output: 'json' }, { redact: { allow: ['email'], fields: { allow: ['token'], add: ['salary'] } } }),
  tool('strict', { output: 'json' }, { output: { type: 'object', properties: { pin: { type: 'integer' } } } }),
]

const instance = await startInstance()
const alice = await getTokens(instance, 'alice')
const fixture = await startFixture(instance, 'redaction', TOOLS, `commands: ${JSON.stringify({ allowed: ['/bin/cat'] })}`,
  [/^audit_log:.*$/m, (line) => line.replace('audit.log', 'audit-redaction.log')])

async function call(name, value) {
  const response = await fetch(fixture.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call', 'mcp-name': name, authorization: `Bearer ${alice.access_token}`,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: {
      name, arguments: { text: value },
      _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} },
    } }),
  })
  const body = await response.json()
  assert.ok(body.result, JSON.stringify(body))
  return body.result
}

const SECRETS = {
  email: 'ida.falk@mail.example.com',
  phone: '+49 30 123456789',
  card: ['4111', '1111', '1111', '1111'].join(' '),
  iban: ['DE89', '3704', '0044', '0532', '0130', '00'].join(' '),
  vendor_key: `${'gh'}p_${'aB3dE6gH9'.repeat(4)}`,
  jwt: [{ alg: 'ES256' }, { sub: 'a long subject' }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.') + `.${'x1Y2'.repeat(10)}`,
  private_key: `-----BEGIN ${'PRIVATE'} KEY-----\n${'QUJD'.repeat(16)}\n-----END ${'PRIVATE'} KEY-----`,
}

test('O-1: a secret of each kind leaves neither the text nor structuredContent', async () => {
  for (const [kind, secret] of Object.entries(SECRETS)) {
    const plain = await call('echo', `see ${secret} there`)
    assert.ok(!JSON.stringify(plain).includes(JSON.stringify(secret).slice(1, -1)), kind)
    assert.match(plain.content[0].text, new RegExp(`see \\[redacted: ${kind}\\] there`))
    assert.equal(plain._meta['sallyport/redacted'][kind] > 0, true)
    const json = await call('json', JSON.stringify({ note: secret, inner: [{ note: `x ${secret}` }] }))
    assert.equal(json.structuredContent.note, `[redacted: ${kind}]`)
    assert.deepEqual(JSON.parse(json.content[0].text), json.structuredContent)
  }
})

test('O-1: a member with a telling name, as the file relaxes it', async () => {
  const value = JSON.stringify({ token: 'abc', salary: 5, db_password: 'x', mail: SECRETS.email })
  assert.deepEqual((await call('json', value)).structuredContent,
    { token: '[redacted: field]', salary: 5, db_password: '[redacted: field]', mail: '[redacted: email]' })
  assert.deepEqual((await call('relaxed', value)).structuredContent,
    { token: 'abc', salary: '[redacted: field]', db_password: '[redacted: field]', mail: SECRETS.email })
})

test('O-1: a mark that the output schema does not allow is no answer', async () => {
  const result = await call('strict', JSON.stringify({ pin: 1234 }))
  assert.equal(result.isError, true)
  assert.ok(!JSON.stringify(result).includes('1234'))
})

test('O-2: characters that cannot be seen between those of a secret', async () => {
  const hidden = [...SECRETS.card].join('\u200b')
  assert.match((await call('echo', `see ${hidden}`)).content[0].text, /\[redacted: card\]/)
  assert.match((await call('stranger', `see ${hidden}`)).content[0].text, /\[redacted: card\]/)
})

test('O-1: the record counts and does not show', async () => {
  await call('echo', `${SECRETS.card} and ${SECRETS.email}`)
  const lines = (await readFile(instance.logs.audit.replace('audit.log', 'audit-redaction.log'), 'utf8')).trim().split('\n')
  const record = lines.map((line) => JSON.parse(line)).filter((event) => event.event === 'tool_call').at(-1)
  assert.deepEqual(record.redacted, { email: 1, card: 1 })
})

test('O-1: clean text stays as it is', async () => {
  const clean = '2026-11-21 22:22:43.123 INFO order 1234567890, 10.0.0.1, 550e8400-e29b-41d4-a716-446655440000'
  const result = await call('echo', clean)
  assert.equal(result.content[0].text, clean)
  assert.equal(result._meta['sallyport/redacted'], undefined)
})
