// SPDX-License-Identifier: Apache-2.0
// Certified OpenID client libraries in their strict modes: openid-client and oauth4webapi check iss, metadata and the JWT profile of access tokens.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { Browser, signInAndDecide } from './lib/browser.mjs'
import { REDIRECT_URI, register } from './lib/client.mjs'
import { startInstance } from './lib/instance.mjs'

const instance = await startInstance()
const issuer = new URL(instance.issuer)
const http = { [oauth.allowInsecureRequests]: true }

test('oauth4webapi: discovery, registration, code flow, JWT access token, refresh, introspection, revocation', async () => {
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http }))
  const client = await oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(as, { client_name: 'oauth4webapi', redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_basic' }, http))
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = new URL(as.authorization_endpoint)
  const parameters = { client_id: client.client_id, redirect_uri: REDIRECT_URI, response_type: 'code', code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state, scope: 'logs:read', resource: instance.mcp }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  const callback = new URL(await signInAndDecide(new Browser(), url.href, instance.person('alice')))
  const checked = oauth.validateAuthResponse(as, client, callback, state)
  const authentication = oauth.ClientSecretBasic(client.client_secret)
  const tokens = await oauth.processAuthorizationCodeResponse(as, client,
    await oauth.authorizationCodeGrantRequest(as, client, authentication, checked, REDIRECT_URI, verifier, { ...http, additionalParameters: { resource: instance.mcp } }))
  assert.equal(tokens.scope, 'logs:read')
  const claims = await oauth.validateJwtAccessToken(as, new Request(instance.mcp, { headers: { authorization: `Bearer ${tokens.access_token}` } }), instance.mcp, http)
  assert.equal(claims.client_id, client.client_id)
  const refreshed = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, authentication, tokens.refresh_token, http))
  assert.ok(refreshed.refresh_token)
  const server = { client_id: instance.resource_server.client_id }
  const introspection = await oauth.processIntrospectionResponse(as, server,
    await oauth.introspectionRequest(as, server, oauth.ClientSecretBasic(instance.resource_server.client_secret), refreshed.access_token, http))
  assert.equal(introspection.active, true)
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, authentication, refreshed.refresh_token, http))
})

test('openid-client: discovery by both documents and the code flow', async () => {
  for (const algorithm of ['oauth2', 'oidc']) {
    const config = await openid.dynamicClientRegistration(issuer, { client_name: 'openid-client', redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_post' }, undefined, { algorithm, execute: [openid.allowInsecureRequests] })
    const verifier = openid.randomPKCECodeVerifier()
    const state = openid.randomState()
    const url = openid.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: 'logs:read customers:read', code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state, resource: instance.mcp })
    const callback = new URL(await signInAndDecide(new Browser(), url.href, instance.person('alice')))
    const tokens = await openid.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: state }, { resource: instance.mcp })
    assert.deepEqual(tokens.scope.split(' ').sort(), ['customers:read', 'logs:read'])
    const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token)
    assert.notEqual(refreshed.refresh_token, tokens.refresh_token)
  }
})
