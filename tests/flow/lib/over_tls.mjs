// SPDX-License-Identifier: Apache-2.0
// Run with NODE_EXTRA_CA_CERTS, as people trust a certificate authority of their own: the whole way over TLS. Prints what it saw.
import { Browser } from './browser.mjs'
import { authorizationUrl, getCode, pkce, redeem, refresh, register, toolNames } from './client.mjs'

const instance = JSON.parse(process.env.INSTANCE)
instance.person = () => instance.who
const metadata = await (await fetch(`${instance.issuer}/.well-known/oauth-authorization-server`)).json()
const challenge = (await fetch(instance.mcp, { method: 'POST' })).headers.get('www-authenticate')
const client = await register(instance.issuer)
const first = await new Browser().fetch(authorizationUrl(instance, client, pkce().challenge))
const browser = new Browser()
const got = await getCode(instance, client, instance.who.username, {}, browser)
const { status, json } = await redeem(instance, client, got)
const next = await refresh(instance, client, json.refresh_token)
const tools = await toolNames(instance, next.json.access_token)
console.log(JSON.stringify({ metadata, challenge, setCookie: first.headers.getSetCookie(), location: first.headers.get('location'), cookies: [...browser.cookies.keys()], iss: got.location.searchParams.get('iss'), status, tools }))
