// SPDX-License-Identifier: Apache-2.0
// Authorization codes in number, through the real pages: one sign-in, then a consent for each.
import { Browser, signInAndDecide } from '../flow/lib/browser.mjs'
import { authorizationUrl, pkce } from '../flow/lib/client.mjs'

const AT_ONCE = 8

export class CodeMaker {
  browser = new Browser()
  proof = pkce()

  constructor(instance, client, username) {
    Object.assign(this, { instance, client })
    this.url = authorizationUrl(instance, client, this.proof.challenge)
    this.person = instance.person(username)
  }

  async one() {
    const sent = await this.browser.fetch(this.url)
    const consent = new URL(sent.headers.get('location'), this.url)
    const form = new URLSearchParams({ request: consent.searchParams.get('request'), decision: 'approve' })
    const decided = await this.browser.fetch(`${this.instance.issuer}/consent`, {
      method: 'POST',
      body: form,
      headers: { origin: new URL(this.instance.issuer).origin, 'sec-fetch-site': 'same-origin' },
    })
    const code = new URL(decided.headers.get('location') ?? 'x:').searchParams.get('code')
    if (code === null) throw new Error(`no code: ${decided.status} ${await decided.text()}`)
    return code
  }

  async make(count) {
    const codes = []
    if (this.browser.cookies.size === 0) {
      const location = await signInAndDecide(this.browser, this.url, this.person)
      codes.push(new URL(location).searchParams.get('code'))
    }
    let asked = codes.length
    const work = async () => {
      while (asked < count) {
        asked++
        codes.push(await this.one())
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return codes
  }

  /** The form that exchanges a code. */
  form(code) {
    return `${new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      code_verifier: this.proof.verifier,
      redirect_uri: this.client.redirect_uris[0],
      client_id: this.client.client_id,
    })}`
  }

  async tokens(count) {
    const codes = await this.make(count)
    const tokens = []
    for (const code of codes) {
      const response = await fetch(`${this.instance.issuer}/token`, { method: 'POST', body: new URLSearchParams(this.form(code)) })
      if (response.status !== 200) throw new Error(`token: ${response.status} ${await response.text()}`)
      tokens.push(await response.json())
    }
    return tokens
  }
}
