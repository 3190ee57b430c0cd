// SPDX-License-Identifier: Apache-2.0
// What is asked of oidc-provider.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { Browser } from '../../flow/lib/browser.mjs'
import { pkce } from '../../flow/lib/client.mjs'
import { basic, FORM, JSON_BODY, registrationBody, request } from '../requests.mjs'

const here = import.meta.dirname
const RESOURCE = 'https://tools.example/mcp'
const CALLBACK = 'https://client.example/callback'
const SERVICE = { ...FORM, ...basic('service', 'a-secret-of-a-benchmark-0123456789') }
const SIGNED_IN = { login: 'alice', password: 'any' } // the forms of its development mode compare no password

class Peer {
  proof = pkce()
  browser = new Browser()

  constructor(name, port) {
    Object.assign(this, { name, port, base: `http://127.0.0.1:${port}` })
    this.asked = new URLSearchParams({
      client_id: 'app', response_type: 'code', redirect_uri: CALLBACK, scope: 'logs:read offline_access', resource: RESOURCE, state: 'st-1',
      code_challenge: this.proof.challenge, code_challenge_method: 'S256',
    })
  }

  exchange = (code) => new URLSearchParams({
    grant_type: 'authorization_code', client_id: 'app', redirect_uri: CALLBACK, code_verifier: this.proof.verifier,
  }) + `&code=${code}`

  /** One code; its person signs in and allows if that is asked. */
  async code() {
    let page = await this.browser.open(`${this.base}/auth?${this.asked}`)
    for (let i = 0; i < 2 && !page.redirect; i++)
      page = await this.browser.submit(page, page.html.includes('name="login"') ? SIGNED_IN : {}, 'prompt')
    const code = page.redirect && new URL(page.redirect).searchParams.get('code')
    if (!code) throw new Error(`${this.name}: no code: ${page.redirect ?? page.html}`)
    return code
  }

  cookie = () => [...this.browser.cookies].filter(([name]) => name.startsWith('_session')).map((pair) => pair.join('=')).join('; ')

  async token(headers, body) {
    const response = await fetch(`${this.base}/token`, { method: 'POST', headers, body })
    const answer = await response.json()
    if (!response.ok) throw new Error(`${this.name}: token: ${JSON.stringify(answer)}`)
    return answer
  }

  async operations() {
    await this.code()
    let opaque
    const forResource = new URLSearchParams({ grant_type: 'client_credentials', scope: 'logs:read', resource: RESOURCE })
    const introspect = {
      request: (host) => request('POST', '/token/introspection', host, SERVICE, `token=${opaque}`),
      expect: '"active":true',
      prepare: async () => { // in memory, other operations push it out
        opaque = (await this.token(SERVICE, 'grant_type=client_credentials')).access_token
      },
    }
    return {
      metadata: { request: (host) => request('GET', '/.well-known/openid-configuration', host) },
      'client-credentials': { request: (host) => request('POST', '/token', host, SERVICE, `${forResource}`), expect: '"access_token":"ey' },
      introspect,
      'introspect-kept': introspect,
      refresh: {
        follow: ['refresh_token', 'refresh_token'],
        expect: '"access_token":"ey',
        request: (host) => request('POST', '/token', host, FORM, '@BODY@'),
        prepare: async (count) => ({ lines: await this.refreshBodies(count) }),
      },
      register: { request: (host) => request('POST', '/reg', host, JSON_BODY, registrationBody(CALLBACK)), expect: '"client_id":"' },
      flow: {
        prepare: async () => void (await this.code()), // signs in if it was forgotten
        request: (host) => request('GET', `/auth?${this.asked}`, host, { Cookie: this.cookie() }),
        then: { prefix: 'code=', request: (host) => request('POST', '/token', host, FORM, this.exchange('@BODY@')) },
        expect: '"access_token":"ey',
      },
    }
  }

  async refreshBodies(count) {
    const lines = []
    for (let i = 0; i < count; i++) {
      const { refresh_token: token } = await this.token(FORM, this.exchange(await this.code()))
      lines.push(`${new URLSearchParams({ grant_type: 'refresh_token', client_id: 'app' })}&refresh_token=${token}`)
    }
    return lines
  }
}

/** In memory, and on PostgreSQL. Throws a reason if it is not there. */
export async function startOidcProvider({ instance }, startProcess) {
  await access(join(here, 'node_modules', 'oidc-provider')).catch(() => {
    throw new Error('npm ci in tests/bench/peers has not been run')
  })
  await instance.sql('create database bench_oidc')
  const peers = []
  for (const [name, place] of [['oidc-provider, memory', []], ['oidc-provider, PostgreSQL', [instance.socketFolder, 'bench_oidc']]]) {
    const process = await startProcess(name, (port) => ['node', join(here, 'oidc.mjs'), `${port}`, ...place], '/.well-known/openid-configuration')
    peers.push({ ...process, name, operations: await new Peer(name, process.port).operations() })
  }
  return peers
}
