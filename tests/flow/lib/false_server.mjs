// SPDX-License-Identifier: Apache-2.0
// An authorization server whose answers a test chooses: metadata, keys, introspection and the revocation feed (RFC 8414, 7662, 8936).
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { after } from 'node:test'

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
export const makeKey = (kid) => ({ kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) })
const publicJwk = (key) => ({ ...key.publicKey.export({ format: 'jwk' }), kid: key.kid, alg: 'ES256', use: 'sig' })

export function signJwt(key, header, claims) {
  const input = `${base64url({ alg: 'ES256', kid: key.kid, ...header })}.${base64url(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const now = () => Math.floor(Date.now() / 1000)

/**
 * `on.introspect(answer, claims, response)` and `on.poll(answer, body, response)` say what is answered; without them every token is alive, and a
 * feed that `feed` is set for is quiet. `polls` holds the bodies of the polls that came.
 */
export async function startFalseServer({ feed = false } = {}) {
  const server = { keys: [makeKey('k1')], on: {}, asked: 0, polls: [], waiting: new Set() }
  const http = createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const answer = (value, status = 200, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(typeof value === 'string' ? value : JSON.stringify(value))
    }
    const { issuer } = server
    if (request.url === '/.well-known/oauth-authorization-server')
      return answer({ issuer, jwks_uri: `${issuer}/jwks`, introspection_endpoint: `${issuer}/introspect`, ...(feed ? { revocation_feed_endpoint: `${issuer}/feed` } : {}) })
    if (request.url === '/jwks') return answer({ keys: server.keys.map(publicJwk) })
    if (request.url === '/introspect') {
      server.asked++
      const claims = JSON.parse(Buffer.from(new URLSearchParams(body).get('token').split('.')[1], 'base64url'))
      return server.on.introspect ? server.on.introspect(answer, claims, response) : answer({ active: true, ...claims, username: claims.sub })
    }
    if (request.url !== '/feed') return answer({}, 404)
    const poll = JSON.parse(body)
    server.polls.push(poll)
    if (server.on.poll) return server.on.poll(answer, poll, response)
    // an ordinary one: begins with a verification event, then waits for server.tell
    if (!poll.ack) return answer(server.sets([server.event('verification')]))
    if (poll.returnImmediately) return answer({ sets: {} })
    const waiting = { answer, poll, response }
    server.waiting.add(waiting)
    response.on('close', () => server.waiting.delete(waiting))
  })
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve))
  server.issuer = `http://127.0.0.1:${http.address().port}`
  after(() => {
    http.closeAllConnections()
    http.close()
  })

  /** An access token of the newest key. */
  server.token = (more = {}, header = {}) =>
    signJwt(server.keys.at(-1), { typ: 'at+jwt', ...header }, {
      iss: server.issuer, sub: 'person', aud: server.resource, client_id: 'client', jti: randomUUID(), grant_id: randomUUID(), iat: now(), exp: now() + 600, scope: 'logs:read', ...more,
    })
  const URIS = { verification: 'ssf', 'tokens-revoked': 'oauth', 'token-revoked': 'oauth', 'client-disabled': 'oauth', 'token-claims-change': 'caep', 'session-revoked': 'caep' }
  /** One SET: [jti, text]. */
  server.event = (name, subject = { format: 'opaque', id: 'x' }, more = {}, header = {}, key = server.keys.at(-1)) => {
    const claims = { iss: server.issuer, aud: server.resource, iat: now(), jti: randomUUID(), sub_id: subject, events: { [`https://schemas.openid.net/secevent/${URIS[name]}/event-type/${name}`]: {} }, ...more }
    return [claims.jti, signJwt(key, { typ: 'secevent+jwt', ...header }, claims)]
  }
  server.sets = (events, more = {}) => ({ sets: Object.fromEntries(events), ...more })
  /** Answers the polls that wait. */
  server.tell = (...events) => {
    server.poll(({ answer }) => answer(server.sets(events)))
  }
  /** Hands the polls that wait to somebody else. */
  server.poll = (take) => {
    const waiting = [...server.waiting]
    server.waiting.clear()
    waiting.forEach(take)
  }
  return server
}
