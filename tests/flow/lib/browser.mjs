// SPDX-License-Identifier: Apache-2.0
// A browser without scripts: cookies, redirects, and the first form of a page. Enough to sign in and consent as a person does.

import { request } from 'node:http'

/** fetch says sec-fetch-mode by itself, and never that somebody navigates. */
function navigate(url, { method = 'GET', headers, body }) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: Object.fromEntries(headers), agent: false }, (answer) => {
      const chunks = []
      answer.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
        const pairs = answer.rawHeaders.flatMap((name, i, all) => (i % 2 ? [] : [[name, all[i + 1]]]))
        resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode, headers: pairs }))
      })
    })
    sent.on('error', reject).end(body)
  })
}

/** Keeps cookies of one site (cookies do not know ports, and neither does this). */
export class Browser {
  cookies = new Map()

  async fetch(url, init = {}) {
    const headers = new Headers(init.headers)
    if (this.cookies.size > 0)
      headers.set('cookie', [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    const response = await (headers.has('sec-fetch-mode') ? navigate : fetch)(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';')
      const at = pair.indexOf('=')
      const gone = attributes.some((a) => /^\s*max-age=0$/i.test(a))
      if (gone) this.cookies.delete(pair.slice(0, at))
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return response
  }

  /** Follows redirects on the same origin; stops at a page or at the first redirect elsewhere. */
  async open(url, init) {
    let response = await this.fetch(url, init)
    for (let hops = 0; hops < 10 && response.status === 303; hops++) {
      const next = new URL(response.headers.get('location'), url)
      if (next.origin !== new URL(url).origin) return { redirect: next.href, response }
      await response.arrayBuffer()
      url = next.href
      response = await this.fetch(url)
    }
    return { url, response, status: response.status, html: await response.text() }
  }

  /** Sends the page's form (the one with the field, if named) with the values put in. */
  async submit(page, values, field = 'request') {
    const form = forms(page.html).find((f) => f.fields.has(field) || f.html.includes(`name="${field}"`))
    if (form === undefined) throw new Error(`no form with ${field} on ${page.url}:\n${page.html}`)
    const body = new URLSearchParams({ ...Object.fromEntries(form.fields), ...values })
    return this.open(new URL(form.action || page.url, page.url).href, {
      method: 'POST',
      body,
      headers: { origin: new URL(page.url).origin, 'sec-fetch-site': 'same-origin' },
    })
  }
}

const decode = (text) =>
  text.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (_, n) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#x27': "'" })[n])

const attribute = (tag, name) => {
  const found = new RegExp(`\\s${name}="([^"]*)"`, 'i').exec(tag)
  return found ? decode(found[1]) : undefined
}

/** The forms of a page: action and hidden fields. */
export function forms(html) {
  return [...html.matchAll(/<form\b[^>]*>([\s\S]*?)<\/form>/gi)].map((match) => ({
    html: match[0],
    action: attribute(match[0].slice(0, match[0].indexOf('>') + 1), 'action'),
    fields: new Map(
      [...match[1].matchAll(/<input\b[^>]*type="hidden"[^>]*>/gi)].map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value') ?? '']),
    ),
  }))
}

/** Signs in (if the browser has no session) and decides; gives the URL that the client is sent to. */
export async function signInAndDecide(browser, authorizationUrl, person, decision = 'approve') {
  let page = await browser.open(authorizationUrl)
  if (page.html?.includes('name="password"'))
    page = await browser.submit(page, { username: person.username, password: person.password })
  if (page.redirect) return page.redirect
  if (!page.html.includes('name="decision"')) throw new Error(`no consent page (${page.status}):\n${page.html}`)
  page = await browser.submit(page, { decision })
  if (!page.redirect) throw new Error(`no redirect after the decision (${page.status}):\n${page.html}`)
  return page.redirect
}
