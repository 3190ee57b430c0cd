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
    const location = await signInAndDecide(this.browser, this.url, this.person)
    return new URL(location).searchParams.get('code')
  }

  async make(count) {
    const codes = []
    if (this.browser.cookies.size === 0) codes.push(await this.one()) // the sign-in
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
