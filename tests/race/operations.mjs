// SPDX-License-Identifier: Apache-2.0
// The operations of virtual clients, each noted with its time and outcome.
import { createHash } from 'node:crypto'
import { Agent, request } from 'node:http'
import { RESOURCE } from './place.mjs'

const TIMEOUT_MS = 15000
const agents = [new Agent({ keepAlive: true, maxSockets: 128 }), new Agent({ keepAlive: true, maxSockets: 128 })]
export const closeAgents = () => agents.forEach((agent) => agent.destroy())

/** One request; {status, headers, text}, or {failed}: 'never' if nobody listened, else 'unknown'. `cut` leaves after that many ms. */
export function send(place, side, method, path, { body, headers: more = {}, cut } = {}) {
  const port = place.ports[side]
  const headers = { host: new URL(place.issuer).host, ...more } // both sides are one server, as behind a balancer
  return new Promise((resolve) => {
    let timer
    const end = (answer) => (clearTimeout(timer), resolve(answer))
    const out = request({ host: '127.0.0.1', port, agent: agents[side], method, path, headers: body === undefined ? headers : { 'content-length': Buffer.byteLength(body), ...headers } })
    out.on('error', (error) => end({ failed: error.code === 'ECONNREFUSED' ? 'never' : 'unknown' }))
    out.on('response', (response) => {
      const parts = []
      response.on('data', (part) => parts.push(part))
      response.on('error', () => end({ failed: 'unknown' }))
      response.on('end', () => end({ status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() }))
    })
    timer = setTimeout(() => (out.destroy(), end({ failed: 'unknown' })), cut ?? TIMEOUT_MS)
    out.end(body)
  })
}

const FORM = 'application/x-www-form-urlencoded'

/** The grant and the generation that a refresh token names (common/handle.h). */
function readToken(token) {
  const bytes = Buffer.from(token.slice(token.indexOf('_') + 1), 'base64url')
  return { grantId: bytes.subarray(1, 17).toString('hex'), generation: bytes.readUInt32BE(17) }
}

const readClaims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))

export class Operations {
  constructor(place, facts, server) {
    Object.assign(this, { place, facts, server })
  }

  /** Posts a form to a side and notes what came: outcome and answer, in an operation that is put into `into` when it ends. */
  async post(into, side, path, form, operation, { headers = {}, cut } = {}) {
    const op = { ...operation, side, s: performance.now() }
    const answer = await send(this.place, side, 'POST', path, { body: new URLSearchParams(form).toString(), headers: { 'content-type': FORM, ...headers }, cut })
    op.e = performance.now()
    op.o = this.outcome(answer, op)
    if (op.o === 'ok' && answer.text !== '') op.answer = JSON.parse(answer.text)
    if (op.o !== 'unknown' && op.o !== 'never') this.facts.took(op.e - op.s)
    this.facts.count(cut === undefined ? op.k : `${op.k}, cut`, op.o)
    into.push(op)
    return op
  }

  outcome({ failed, status, text }, op) {
    if (failed) return failed
    if (status === 200) return 'ok'
    if (status === 503) return 'unknown'
    if (status === 429) return 'never' // too many requests: nothing was decided
    const error = /"error": ?"([a-z_]+)"/.exec(text)?.[1]
    if (status === 400 && error === 'invalid_grant') return 'refused'
    if (status === 401 && error === 'invalid_client') return 'client'
    this.facts.violation('outage', `${op.k} was answered ${status} ${text.slice(0, 200)}`)
    return 'unknown'
  }

  /** Redeems a code as asked; a wrong attempt is wrong in one respect. */
  redeem(code, kind, side, { other, cut } = {}) {
    const wrong = 'w'.repeat(43)
    const form = {
      grant_type: 'authorization_code',
      code: code.text,
      code_verifier: kind === 'verifier' ? wrong : code.verifier,
      redirect_uri: kind === 'redirect' ? `${code.client.redirectUri}/x` : code.client.redirectUri,
      client_id: kind === 'client' ? other.id : code.client.id,
      resource: RESOURCE,
    }
    return this.post(code.ops, side, '/token', form, { k: kind }, { cut })
  }

  /** The grant that a redemption gave. */
  grantOf(code, op) {
    const { grant_id: id, jti } = readClaims(op.answer.access_token)
    const grant = { id, code, client: code.client, person: code.person, birth: op, s: op.s, e: op.e, ops: [], strings: new Map(), newest: 0, access: [] }
    this.learn(grant, op.answer, op)
    if (op.m !== 1) this.facts.violation('contract', `${id}: a new grant began with generation ${op.m}`)
    grant.access.push({ token: op.answer.access_token, jti })
    return grant
  }

  learn(grant, answer, op) {
    const { grantId, generation } = readToken(answer.refresh_token)
    op.m = generation
    const known = grant.strings.get(generation)
    if (grantId !== grant.id.replaceAll('-', '')) this.facts.violation('sameString', `${grant.id}: the refresh token is of ${grantId}`)
    if (known !== undefined && known !== answer.refresh_token) this.facts.violation('sameString', `${grant.id}: generation ${generation} has two strings`)
    grant.strings.set(generation, answer.refresh_token)
    grant.newest = Math.max(grant.newest, generation)
    if (readClaims(answer.access_token).grant_id !== grant.id) this.facts.violation('sameString', `${grant.id}: the access token is of another grant`)
  }

  async refresh(grant, generation, side, { cut, label = 'refresh' } = {}) {
    const form = { grant_type: 'refresh_token', refresh_token: grant.strings.get(generation), client_id: grant.client.id }
    const started = []
    const op = await this.post(started, side, '/token', form, { k: 'refresh', g: generation }, { cut })
    this.facts.count(label, op.o)
    if (op.o === 'ok') {
      this.learn(grant, op.answer, op)
      grant.access.push({ token: op.answer.access_token, jti: readClaims(op.answer.access_token).jti })
      if (grant.access.length > 8) grant.access.shift()
      op.answer = undefined
    }
    grant.ops.push(op)
    return op
  }

  foreign(grant, other, side) {
    const form = { grant_type: 'refresh_token', refresh_token: grant.strings.get(grant.newest), client_id: other.id }
    return this.post(grant.ops, side, '/token', form, { k: 'foreign' })
  }

  revoke(grant, generation, side) {
    return this.post(grant.ops, side, '/revoke', { token: grant.strings.get(generation), client_id: grant.client.id }, { k: 'revoke' })
  }

  revokeAccess(grant, { token, jti }, side) {
    return this.post(grant.ops, side, '/revoke', { token, client_id: grant.client.id }, { k: 'revoke token', jti })
  }

  async introspect(grant, { token, jti }, side) {
    const headers = { authorization: `Basic ${Buffer.from(`${this.server.id}:${this.server.secret}`).toString('base64')}` }
    const op = await this.post(grant.ops, side, '/introspect', { token }, { k: 'introspect', jti }, { headers })
    if (op.o === 'refused' || op.o === 'client') this.facts.violation('outage', `the resource server was refused: ${op.o}`)
    if (op.answer?.active === false) op.o = 'inactive'
    op.answer = undefined
    return op
  }
}

// ---- people and their browsers ----

const attribute = (html, name) => new RegExp(`name="${name}"[^>]*value="([^"]*)"|value="([^"]*)"[^>]*name="${name}"`).exec(html)?.slice(1).find(Boolean)

/** The hidden fields of a page's first form that has this one. */
function hiddenFields(html) {
  const form = [...html.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/gi)].map((m) => m[0]).find((text) => text.includes('name="request"')) ?? ''
  return Object.fromEntries([...form.matchAll(/<input\b[^>]*type="hidden"[^>]*>/gi)].map(([tag]) => [/name="([^"]*)"/.exec(tag)[1], attribute(tag, /name="([^"]*)"/.exec(tag)[1]) ?? '']))
}

/** A person's browser: one jar of cookies for both sides, one sign-in at a time. */
export class Browser {
  cookies = new Map()
  turn = Promise.resolve()

  constructor(place, person) {
    Object.assign(this, { place, person })
  }

  async open(side, method, path, form) {
    const headers = { cookie: [...this.cookies].map((pair) => pair.join('=')).join('; ') }
    if (form) Object.assign(headers, { 'content-type': FORM, origin: this.place.issuer, 'sec-fetch-site': 'same-origin' })
    const answer = await send(this.place, side, method, path, { body: form && new URLSearchParams(form).toString(), headers })
    for (const line of answer.headers?.['set-cookie'] ?? []) {
      const [pair] = line.split(';')
      const at = pair.indexOf('=')
      if (/;\s*max-age=0/i.test(line)) this.cookies.delete(pair.slice(0, at))
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    const location = answer.headers?.location
    const next = location && new URL(location, this.place.issuer)
    if (answer.status === 303 && next.origin === this.place.issuer) return this.open(side, 'GET', next.pathname + next.search)
    return { ...answer, location: next }
  }

  async signIn(side, page) {
    return this.open(side, 'POST', '/sign-in', { ...hiddenFields(page.text), username: this.person.name, password: this.person.password })
  }

  /** A code for a client, or undefined: trouble, or a person or client that is disabled. */
  async approve(client, side, decideSide, random) {
    const verifier = createHash('sha256').update(`${random.next()}`).digest('base64url')
    const parameters = { response_type: 'code', client_id: client.id, redirect_uri: client.redirectUri, resource: RESOURCE, state: 's',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' }
    let s = performance.now()
    let page = await this.open(side, 'GET', `/authorize?${new URLSearchParams(parameters)}`)
    if (page.text?.includes('name="password"')) page = await this.signIn(side, page)
    if (page.text?.includes('name="decision"')) {
      s = performance.now()
      page = await this.open(decideSide, 'POST', '/consent', { ...hiddenFields(page.text), decision: 'approve' })
    }
    const text = page.location?.searchParams.get('code')
    return text ? { code: { text, verifier, client, person: this.person, s, e: performance.now(), ops: [] } } : { page }
  }

  /** The same, in turn: a person does one thing at a time. */
  next(...args) {
    const mine = this.turn.then(() => this.approve(...args))
    this.turn = mine.catch(() => {})
    return mine
  }
}

export async function register(place, side, name, random) {
  const redirectUri = `http://127.0.0.1:${random.int(1024, 65535)}/${name}`
  const body = JSON.stringify({ client_name: name, redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none' })
  const answer = await send(place, side, 'POST', '/register', { body, headers: { 'content-type': 'application/json' } })
  return answer.status === 201 ? { id: JSON.parse(answer.text).client_id, redirectUri } : undefined
}
