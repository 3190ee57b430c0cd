// SPDX-License-Identifier: Apache-2.0
// The peer oidc-provider as a process of its own: node oidc.mjs PORT [CONNINFO]. Without CONNINFO it keeps everything in its own memory (its best
// case: nothing survives a restart, and only the newest thousand); with it, in PostgreSQL, by the smallest adapter that its documentation asks for.
import { generateKeyPairSync } from 'node:crypto'
import Provider, { errors } from 'oidc-provider'

const RESOURCE = 'https://tools.example/mcp'
const [port, host, database] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`

const TABLE = `
  create table if not exists models (
    kind text not null, id text not null, payload jsonb not null, consumed_at timestamptz, expires_at timestamptz,
    grant_id text generated always as (payload->>'grantId') stored, uid text generated always as (payload->>'uid') stored,
    user_code text generated always as (payload->>'userCode') stored, primary key (kind, id));
  create index if not exists models_grant on models (grant_id) where grant_id is not null;
  create index if not exists models_uid on models (kind, uid) where uid is not null;
  create index if not exists models_user_code on models (kind, user_code) where user_code is not null`

/** Each call is one prepared statement. */
async function postgresAdapter() {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({ host, database, user: 'postgres', max: 10 })
  await pool.query(TABLE)
  const ask = (name, text, values) => pool.query({ name, text, values })
  const found = ({ rows: [row] }) => row && (row.consumed_at ? { ...row.payload, consumed: Math.floor(row.consumed_at / 1000) } : row.payload)
  const select = (column) => `select payload, consumed_at from models where kind = $1 and ${column} = $2`
  return class {
    constructor(kind) {
      this.kind = kind
    }

    upsert = (id, payload, seconds) => ask('upsert',
      `insert into models (kind, id, payload, expires_at) values ($1, $2, $3, now() + $4 * interval '1 second')
       on conflict (kind, id) do update set payload = excluded.payload, expires_at = excluded.expires_at`, [this.kind, id, payload, seconds ?? null])
    find = async (id) => found(await ask('find', select('id'), [this.kind, id]))
    findByUid = async (uid) => found(await ask('find_uid', select('uid'), [this.kind, uid]))
    findByUserCode = async (code) => found(await ask('find_user_code', select('user_code'), [this.kind, code]))
    consume = (id) => ask('consume', 'update models set consumed_at = now() where kind = $1 and id = $2', [this.kind, id])
    destroy = (id) => ask('destroy', 'delete from models where kind = $1 and id = $2', [this.kind, id])
    revokeByGrantId = (id) => ask('revoke', 'delete from models where grant_id = $1', [id])
  }
}

function privateKey(alg, kind, options) {
  const key = generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' })
  return { ...key, alg, use: 'sig', kid: alg }
}

const provider = new Provider(issuer, {
  adapter: host ? await postgresAdapter() : undefined,
  jwks: { keys: [privateKey('ES256', 'ec', { namedCurve: 'P-256' }), privateKey('RS256', 'rsa', { modulusLength: 2048 })] },
  cookies: { keys: ['the key of a benchmark'] },
  scopes: ['openid', 'offline_access', 'logs:read'],
  clients: [
    {
      client_id: 'service', client_secret: 'a-secret-of-a-benchmark-0123456789', token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'], response_types: [], redirect_uris: [],
    },
    {
      client_id: 'app', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
      redirect_uris: ['https://client.example/callback'], id_token_signed_response_alg: 'ES256',
    },
  ],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      defaultResource: () => undefined,
      getResourceServerInfo(_, resource) {
        if (resource !== RESOURCE) throw new errors.InvalidTarget()
        return { audience: RESOURCE, scope: 'logs:read', accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } } }
      },
    },
  },
  issueRefreshToken: () => true,
  rotateRefreshToken: () => true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
})
provider.listen(Number(port), '127.0.0.1')
