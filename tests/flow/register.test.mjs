// SPDX-License-Identifier: Apache-2.0
// Dynamic client registration: RFC 7591, as today's MCP clients use it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { postJson } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const { issuer } = await startInstance()
const send = (metadata) => postJson(`${issuer}/register`, metadata)

test('a public client gets an id and no secret, and reads back what it registered', async () => {
  const answer = await send({
    client_name: 'MCP Inspector',
    redirect_uris: ['http://localhost:6274/oauth/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
    client_uri: 'https://github.com/modelcontextprotocol/inspector',
    scope: '',
    software_id: '2e6dc280-f3c3-4e01-99a7-8181dbd1d23d',
    some_new_member: { x: 1 },
  })
  assert.equal(answer.status, 201)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.match(answer.json.client_id, /^[A-Za-z0-9._~-]{16,}$/)
  assert.equal(answer.json.client_secret, undefined)
  assert.equal(answer.json.token_endpoint_auth_method, 'none')
  assert.deepEqual(answer.json.redirect_uris, ['http://localhost:6274/oauth/callback'])
  assert.deepEqual(answer.json.grant_types, ['authorization_code', 'refresh_token'])
  assert.equal(answer.json.client_name, 'MCP Inspector')
  assert.equal(answer.json.some_new_member, undefined)
  assert.equal(typeof answer.json.client_id_issued_at, 'number')
})

test('a confidential client gets a secret that never expires', async () => {
  for (const [asked, given] of [[undefined, 'client_secret_basic'], ['client_secret_post', 'client_secret_post']]) {
    const answer = await send({ redirect_uris: ['https://app.example/cb'], token_endpoint_auth_method: asked })
    assert.equal(answer.status, 201)
    assert.equal(answer.json.token_endpoint_auth_method, given)
    assert.match(answer.json.client_secret, /^[A-Za-z0-9._~-]{43,}$/)
    assert.equal(answer.json.client_secret_expires_at, 0)
  }
})

test('redirect URIs that clients really use are taken', async () => {
  for (const uri of ['http://localhost/callback', 'http://127.0.0.1:6276/oauth/callback', 'http://[::1]:5000/cb', 'https://app.example/cb?x=1',
    'cursor://anysphere.cursor-mcp/oauth/callback', 'com.example.app:/oauth', 'vscode://vscode.github-authentication/did-authenticate'])
    assert.equal((await send({ redirect_uris: [uri], token_endpoint_auth_method: 'none' })).status, 201, uri)
})

test('dangerous or inexact redirect URIs are refused by name', async () => {
  const refused = ['javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'vbscript:x', 'http://app.example/cb',
    'https://app.example/cb#x', 'https://user@app.example/cb', 'https://app.example/../cb', 'https://app.example/%2e%2e/cb', 'https://app.example\\cb',
    'https://*.example/cb', ' https://app.example/cb', 'https:///cb', 'https://app.example./cb', '/cb', '', 'https://app.example/c\u00e9', 'http://localhost.evil.example/cb',
    'http://127.0.0.1.evil.example/cb', 'http://2130706433/cb']
  for (const uri of refused) {
    const answer = await send({ redirect_uris: [uri], token_endpoint_auth_method: 'none' })
    assert.equal(answer.status, 400, uri)
    assert.equal(answer.json.error, 'invalid_redirect_uri', uri)
  }
})

test('bad metadata gets the error of RFC 7591', async () => {
  const good = { redirect_uris: ['https://app.example/cb'] }
  const bad = [{}, { redirect_uris: [] }, { redirect_uris: 'https://app.example/cb' }, { ...good, client_name: 5 }, { ...good, client_name: 'a'.repeat(65) },
    { ...good, client_name: 'Pay\u202Epal' }, { ...good, token_endpoint_auth_method: 'magic' }, { ...good, grant_types: ['password'] }, { ...good, response_types: ['token'] },
    { ...good, redirect_uris: Array.from({ length: 11 }, (_, i) => `https://app.example/${i}`) }]
  for (const metadata of bad) {
    const answer = await send(metadata)
    assert.equal(answer.status, 400, JSON.stringify(metadata))
    assert.match(answer.json.error, /^invalid_(client_metadata|redirect_uri)$/)
  }
  assert.equal((await send('{"redirect_uris":')).status, 400)
  assert.equal((await send('[]')).status, 400)
  assert.equal((await send('{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}')).status, 400)
  assert.equal((await send({ ...good, client_name: 'x'.repeat(20000) })).status, 413)
  assert.equal((await postJson(`${issuer}/register`, good, { 'content-type': 'text/plain' })).status, 415)
})
