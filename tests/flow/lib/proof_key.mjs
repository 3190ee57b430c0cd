// SPDX-License-Identifier: Apache-2.0
// Proofs of a client's key (RFC 9449), right and wrong ones.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto'

const now = () => Math.floor(Date.now() / 1000)
const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const sha256 = (text) => createHash('sha256').update(text).digest('base64url')

/** A client's key with the proofs of it; `nonces` remembers what each server wants. */
export function makeKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const key = { jwk, privateKey, nonces: new Map(), thumbprint: sha256(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y })) }
  key.proof = (htm, htu, { token, header = {}, claims = {}, signer = privateKey } = {}) => {
    const nonce = key.nonces.get(new URL(htu).origin)
    const input = `${base64url({ typ: 'dpop+jwt', alg: 'ES256', jwk, ...header })}.${base64url({
      jti: randomUUID(), htm, htu, iat: now(), ...(token ? { ath: sha256(token) } : {}), ...(nonce ? { nonce } : {}), ...claims,
    })}`
    return `${input}.${sign('sha256', Buffer.from(input), { key: signer, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  return key
}
