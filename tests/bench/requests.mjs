// SPDX-License-Identifier: Apache-2.0
// Requests as texts for load.c, which fills @BODY@, @LENGTH@ and @N@ in.
export const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' }
export const JSON_BODY = { 'Content-Type': 'application/json', Accept: 'application/json' }

export function request(method, path, host, headers = {}, body = undefined) {
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  if (body !== undefined) lines.push('Content-Length: @LENGTH@')
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`
}

export const basic = (id, secret) => ({ Authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` })

/** What a public client for people registers, of a name that no other has: a name that comes twice may be the same client. */
export const registrationBody = (redirectUri) => JSON.stringify({
  client_name: 'Bench client @N@',
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
})
