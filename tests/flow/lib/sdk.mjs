// SPDX-License-Identifier: Apache-2.0
// The provider that the official SDK clients ask for: memory for what they register and receive, and a person who signs in.
import { randomBytes } from 'node:crypto'
import { Browser, signInAndDecide } from './browser.mjs'
import { REDIRECT_URI } from './client.mjs'

export class MemoryProvider {
  redirectUrl = REDIRECT_URI
  asked = [] // authorization URLs that the client sent its person to
  constructor(person, clientMetadata = {}) {
    this.person = person
    this.clientMetadata = {
      client_name: `SDK test ${randomBytes(6).toString('hex')}`, // of two that say the same, the server would make one
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      ...clientMetadata,
    }
    this.browser = new Browser()
  }
  state() {
    return 'sdk-state'
  }
  clientInformation() {
    return this.client
  }
  saveClientInformation(client) {
    this.client = client
  }
  tokens() {
    return this.saved
  }
  saveTokens(tokens) {
    this.saved = tokens
    this.saves = (this.saves ?? 0) + 1
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier
  }
  codeVerifier() {
    return this.verifier
  }
  saveDiscoveryState(state) {
    this.discovery = state
  }
  discoveryState() {
    return this.discovery
  }
  invalidateCredentials(what) {
    if (what === 'all' || what === 'client') this.client = undefined
    if (what === 'all' || what === 'tokens') this.saved = undefined
    if (what === 'all' || what === 'verifier') this.verifier = undefined
  }
  redirectToAuthorization(url) {
    this.asked.push(url)
  }
  /** The person does what the last authorization URL asks; gives the callback's parameters. */
  async callback() {
    const location = await signInAndDecide(this.browser, this.asked.at(-1).href, this.person)
    return new URL(location).searchParams
  }
}
