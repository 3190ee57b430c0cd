// SPDX-License-Identifier: Apache-2.0
// A plain OAuth client made of fetch: what a test needs to send requests that no library would send.
import { createHash, randomBytes } from 'node:crypto'
import { Browser, signInAndDecide } from './browser.mjs'

export const REDIRECT_URI = 'http://127.0.0.1:49152/callback'

export function pkce() {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

export async function postForm(url, fields, headers = {}) {
  const body = fields instanceof URLSearchParams || typeof fields === 'string' ? fields : new URLSearchParams(fields)
  const response = await fetch(url, {
    method: 'POST',
    body,
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parse(text) }
}

export async function postJson(url, value, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    body: typeof value === 'string' ? value : JSON.stringify(value),
    headers: { 'content-type': 'application/json', ...headers },
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parse(text) }
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A client of its own: of two that say the same within minutes, the server would make one. */
export async function register(issuer, metadata = {}) {
  const answer = await postJson(`${issuer}/register`, {
    client_name: `Test client ${randomBytes(6).toString('hex')}`,
    redirect_uris: [REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    ...metadata,
  })
  if (answer.status !== 201) throw new Error(`registration: ${answer.status} ${answer.text}`)
  return answer.json
}

export function authorizationUrl(instance, client, challenge, more = {}) {
  const url = new URL(`${instance.issuer}/authorize`)
  const parameters = {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: client.redirect_uris[0],
    code_challenge: challenge,
    code_challenge_method: 'S256',
    resource: instance.mcp,
    state: 'st-1',
    ...more,
  }
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value)
  return url.href
}

/** An authorization code for a person, with its verifier. */
export async function getCode(instance, client, username, more = {}, browser = new Browser()) {
  const { verifier, challenge } = pkce()
  const location = new URL(
    await signInAndDecide(browser, authorizationUrl(instance, client, challenge, more), instance.person(username)),
  )
  return { code: location.searchParams.get('code'), verifier, location, browser }
}

export function redeem(instance, client, { code, verifier }, more = {}, headers = {}) {
  return postForm(`${instance.issuer}/token`, {
    grant_type: 'authorization_code',
    code,
    code_verifier: verifier,
    redirect_uri: client.redirect_uris[0],
    client_id: client.client_id,
    resource: instance.mcp,
    ...more,
  }, headers)
}

export function refresh(instance, client, refreshToken, more = {}) {
  return postForm(`${instance.issuer}/token`, {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: client.client_id,
    ...more,
  })
}

/** Registers, signs in, consents and redeems: the whole way to tokens. */
/** Another text in one character, which stands in the MAC. */
export const flip = (handle) => `${handle.slice(0, -10)}${handle.at(-10) === 'A' ? 'B' : 'A'}${handle.slice(-9)}`

export async function getTokens(instance, username, more = {}, client = undefined) {
  client ??= await register(instance.issuer)
  const answer = await redeem(instance, client, await getCode(instance, client, username, more))
  if (answer.status !== 200) throw new Error(`token: ${answer.status} ${answer.text}`)
  return { client, ...answer.json }
}

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
}

/** One request of the 2026-07-28 revision. */
export function modern(instance, token, method, params = {}, headers = {}) {
  return postJson(instance.mcp, { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } }, {
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(params.name !== undefined ? { 'mcp-name': params.name } : {}),
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...headers,
  })
}

/** One request of a revision with initialize. */
export function legacy(instance, token, method, params = {}, headers = {}) {
  return postJson(instance.mcp, { jsonrpc: '2.0', id: 1, method, params }, {
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2025-11-25',
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...headers,
  })
}

export async function toolNames(instance, token) {
  const answer = await modern(instance, token, 'tools/list')
  return answer.json.result.tools.map((t) => t.name).sort()
}
