// SPDX-License-Identifier: Apache-2.0
// The peer Glewlwyd (Debian's package) on PostgreSQL, set up through its own API. It has one connection to the database behind a lock, and its answers
// to requests at the same time were seen to fail and to mix clients up: what writes clients is asked on one connection.
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { pkce } from '../../flow/lib/client.mjs'
import { basic, FORM, JSON_BODY, registrationBody, request } from '../requests.mjs'

const SCHEMA = '/usr/share/doc/glewlwyd/database/init.postgre.sql.gz'
const CALLBACK = 'http://127.0.0.1:9/callback'
const SECRET = 'a-secret-of-a-benchmark-0123456789'
const API = '/api/oidc'

const configuration = (port, conninfo) => `
port = ${port}
bind_address = "127.0.0.1"
external_url = "http://127.0.0.1:${port}"
login_url = "login.html"
api_prefix = "api"
static_files_path = "/usr/share/glewlwyd/webapp/"
static_files_mime_types = ( { extension = ".html" mime_type = "text/html" compress = 0 } )
log_mode = "console"
log_level = "WARNING"
cookie_domain = "127.0.0.1"
cookie_secure = 0
session_expiration = 2419200
session_key = "GLEWLWYD2_SESSION_ID"
admin_scope = "g_admin"
profile_scope = "g_profile"
user_module_path = "/usr/lib/glewlwyd/user"
client_module_path = "/usr/lib/glewlwyd/client"
user_auth_scheme_module_path = "/usr/lib/glewlwyd/scheme"
plugin_module_path = "/usr/lib/glewlwyd/plugin"
hash_algorithm = "SHA512"
database = { type = "postgre" conninfo = "${conninfo}" };
`

function plugin(port) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    module: 'oidc', name: 'oidc', display_name: 'oidc', enabled: true,
    parameters: {
      iss: `http://127.0.0.1:${port}`, 'jwt-type': 'ecdsa', 'jwt-key-size': '256',
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: publicKey.export({ type: 'spki', format: 'pem' }),
      'code-duration': 600, 'access-token-duration': 3600, 'refresh-token-duration': 1209600, 'refresh-token-one-use': 'always',
      'allow-non-oidc': true, 'auth-type-code-enabled': true, 'auth-type-client-enabled': true, 'auth-type-refresh-enabled': true,
      'auth-type-implicit-enabled': false, 'auth-type-password-enabled': false, 'pkce-allowed': true, 'pkce-method-plain-allowed': false,
      'introspection-revocation-allowed': true, 'introspection-revocation-auth-scope': [], 'introspection-revocation-allow-target-client': true,
      'register-client-allowed': true, 'register-client-auth-scope': [], 'register-client-credentials-scope': ['bench'],
    },
  }
}

const client = (id, confidential, more) => ({ client_id: id, name: id, confidential, enabled: true, ...more })

/** A caller of its API with the cookie that signing in gave. */
class Session {
  constructor(base) {
    this.base = base
  }

  async call(method, path, body) {
    const headers = { 'content-type': 'application/json', ...(this.cookie ? { cookie: this.cookie } : {}) }
    const response = await fetch(`${this.base}/api${path}`, { method, headers, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`Glewlwyd: ${method} ${path}: ${response.status} ${await response.text()}`)
    for (const line of response.headers.getSetCookie()) this.cookie = line.split(';')[0]
  }

  signIn = (username, password) => this.call('POST', '/auth/', { username, password })
}

async function setUp(base, port) {
  const admin = new Session(base)
  await admin.signIn('admin', 'password')
  await admin.call('POST', '/scope/', { name: 'bench', display_name: 'bench', description: 'bench', password_required: true, password_max_age: 0, scheme: {} })
  await admin.call('POST', '/mod/plugin/', plugin(port))
  await admin.call('POST', '/client/', client('service', true, {
    client_secret: SECRET, token_endpoint_auth_method: ['client_secret_basic'], authorization_type: ['client_credentials'],
    redirect_uri: [CALLBACK], scope: ['bench'],
  }))
  await admin.call('POST', '/client/', client('app', false, {
    token_endpoint_auth_method: ['none'], authorization_type: ['code', 'refresh_token'], redirect_uri: [CALLBACK], scope: ['openid', 'bench'],
  }))
  await admin.call('POST', '/user/', { username: 'alice', name: 'alice', enabled: true, password: 'a password', scope: ['openid', 'bench', 'g_profile'] })
  const alice = new Session(base)
  await alice.signIn('alice', 'a password')
  await alice.call('PUT', '/auth/grant/app', { scope: 'openid bench' })
  return alice.cookie
}

class Peer {
  proof = pkce()

  constructor(base, cookie) {
    Object.assign(this, { base, cookie })
    this.asked = `${new URLSearchParams({
      response_type: 'code', client_id: 'app', redirect_uri: CALLBACK, state: 'st-1', nonce: 'n-1', scope: 'openid bench',
      code_challenge: this.proof.challenge, code_challenge_method: 'S256',
    })}&g_continue`
  }

  exchange = (code) =>
    `${new URLSearchParams({ grant_type: 'authorization_code', client_id: 'app', redirect_uri: CALLBACK, code_verifier: this.proof.verifier })}&code=${code}`

  async token(headers, body) {
    const response = await fetch(`${this.base}${API}/token/`, { method: 'POST', headers, body })
    if (!response.ok) throw new Error(`Glewlwyd: token: ${response.status} ${await response.text()}`)
    return response.json()
  }

  async refreshBodies(count) {
    const lines = []
    for (let i = 0; i < count; i++) {
      const response = await fetch(`${this.base}${API}/auth?${this.asked}`, { headers: { cookie: this.cookie }, redirect: 'manual' })
      const code = new URL(response.headers.get('location'), this.base).searchParams.get('code')
      const { refresh_token: token } = await this.token(FORM, this.exchange(code))
      lines.push(`${new URLSearchParams({ grant_type: 'refresh_token', client_id: 'app' })}&refresh_token=${token}`)
    }
    return lines
  }

  async operations() {
    const service = { ...FORM, ...basic('service', SECRET) }
    const { access_token: token } = await this.token(service, 'grant_type=client_credentials&scope=bench')
    const introspect = { request: (host) => request('POST', `${API}/introspect/`, host, service, `token=${token}`), expect: '"active":true' }
    return {
      metadata: { request: (host) => request('GET', `${API}/.well-known/openid-configuration`, host) },
      'client-credentials': {
        request: (host) => request('POST', `${API}/token/`, host, service, 'grant_type=client_credentials&scope=bench'),
        expect: '"access_token":"ey',
      },
      introspect,
      'introspect-kept': introspect,
      refresh: {
        follow: ['refresh_token', 'refresh_token'],
        expect: '"access_token":"ey',
        request: (host) => request('POST', `${API}/token/`, host, FORM, '@BODY@'),
        prepare: async (count) => ({ lines: await this.refreshBodies(count) }),
      },
      register: { connections: 1, request: (host) => request('POST', `${API}/register`, host, JSON_BODY, registrationBody(CALLBACK)), expect: '"client_id":"' },
      flow: {
        connections: 4,
        request: (host) => request('GET', `${API}/auth?${this.asked}`, host, { Cookie: this.cookie }),
        then: { prefix: 'code=', request: (host) => request('POST', `${API}/token/`, host, FORM, this.exchange('@BODY@')) },
        expect: '"access_token":"ey',
      },
    }
  }
}

export async function startGlewlwyd({ instance }, startProcess) {
  const program = ['/usr/bin/glewlwyd', '/usr/local/bin/glewlwyd'].find(existsSync)
  if (!program || !existsSync(SCHEMA)) throw new Error("Debian's package glewlwyd is not installed")
  const database = 'bench_glewlwyd'
  await instance.sql(`create database ${database}`)
  const schema = join(instance.folder, 'glewlwyd.sql')
  await writeFile(schema, await promisify(gunzip)(await readFile(SCHEMA)))
  await instance.psql(database, '-c', 'create extension pgcrypto', '-f', schema)
  const file = join(instance.folder, 'glewlwyd.conf')
  const name = 'Glewlwyd, PostgreSQL'
  const process = await startProcess(name, async (port) => {
    await writeFile(file, configuration(port, `host=${instance.socketFolder} user=postgres dbname=${database}`))
    return [program, `--config-file=${file}`]
  }, '/config')
  const base = `http://127.0.0.1:${process.port}`
  const cookie = await setUp(base, process.port)
  return [{ ...process, name, operations: await new Peer(base, cookie).operations() }]
}
