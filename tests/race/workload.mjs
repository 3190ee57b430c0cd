// SPDX-License-Identifier: Apache-2.0
// Who does what: clients that live a grant's life, an operator who disables and deletes, and faults.
import { checkCode, checkGrant } from './checker.mjs'
import { Client, Person } from './history.mjs'
import { Browser, Operations, register } from './operations.mjs'
import { Random } from './random.mjs'
import { RESOURCE, SPREAD_MS, WINDOW_MS, pause, until } from './place.mjs'

const LIVES = 20 // clients that live many short lives
const SLEEPERS = 4 // clients whose one grant lasts as long as the run
const PEOPLE = 8
const CLIENTS = 12

/** How codes are redeemed. */
const WAYS = { plain: 10, lost: 3, storm: 2, 'wrong first': 3, mixed: 2, 'wrong after': 2, replay: 2 }
const OPERATOR = { pace: 2500, person: 3, client: 3, delete: 1 }

export const FAULTS = {
  'answer lost after the commit': 6,
  'question lost': 2,
  'connection lost amid a question': 2,
  'all connections of one authz lost': 1,
  'database out of reach': 1,
  'kill -9 of authz': 2,
  'kill -9 of both authz': 1,
  'kill -9 of PostgreSQL': 1,
  'immediate stop of PostgreSQL': 1,
  'kill -9 of a backend': 1,
}

export class Workload {
  stopping = false
  faultsEnded = false
  faults = {}
  lives = 0

  constructor(place, facts, seed, { name = '', faults = Object.keys(FAULTS), ways = WAYS, ending, operator = OPERATOR } = {}) {
    Object.assign(this, { place, facts, seed, name, kinds: faults, ways, ending, operator })
  }

  random = (name) => new Random(this.seed, name)

  async prepare() {
    const { place } = this
    const scopes = JSON.stringify({ scopes: [{ name: 'a', title: 'A' }, { name: 'b', title: 'B' }] })
    await place.sql(`SELECT authz.resource_put('${RESOURCE}', 'Race', true, '${scopes}')`, 'sallyport_admin')
    this.people = await Promise.all(Array.from({ length: PEOPLE }, async (_, i) => {
      const person = Object.assign(new Person(), { name: `p${this.name}${i}`, password: `correct horse ${i}` })
      await place.verb(['person', 'add', person.name, '--display', person.name, '--scope', 'a b'], `${person.password}\n`)
      person.browser = new Browser(place, person)
      return person
    }))
    const answer = JSON.parse(await place.verb(['client', 'add', '--id', `race-server-${this.name}`, '--name', 'Race', '--resource', RESOURCE, '--json']))
    this.operations = new Operations(place, this.facts, { id: answer.client_id, secret: answer.client_secret })
    this.clients = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => this.newClient(`c${this.name}-${i}`)))
  }

  async newClient(name) {
    const random = this.random(`client ${name}`)
    const made = await until('a registration', () => register(this.place, random.int(0, 1), name, random))
    return Object.assign(new Client(), made)
  }

  /** Lives until `ms` have passed or `enough` says so. */
  async run(ms, enough = () => false) {
    const end = performance.now() + ms
    const actors = []
    this.place.onDeath = (text) => this.facts.violation('outage', text)
    for (let i = 0; i < LIVES; i++) actors.push(this.live(this.random(`life ${i}`)))
    for (let i = 0; i < SLEEPERS; i++) actors.push(this.sleep(this.random(`sleeper ${i}`)))
    if (this.operator) actors.push(this.operate(this.random('operator')))
    const faults = this.breakThings(this.random('faults'))
    while (performance.now() < end && !enough()) await pause(50)
    this.stopping = true
    for (const proxy of this.place.proxies) proxy.disarm()
    await faults
    for (const proxy of this.place.proxies) proxy.disarm()
    this.faultsEnded = true
    await Promise.all(actors)
  }

  side = (random) => random.int(0, 1)

  async rest(random, most) {
    const end = performance.now() + random.between(0, most)
    while (performance.now() < end && !this.stopping) await pause(Math.min(50, Math.max(1, end - performance.now())))
  }

  /** False if that moment never comes, or not before the run ends. */
  async wait(moment) {
    for (let left; moment !== Infinity && (left = moment - performance.now()) > 0 && !this.stopping; ) await pause(Math.min(left, 50))
    return moment <= performance.now()
  }

  // ---- codes ----

  async newCode(random) {
    const person = random.pick(this.people)
    const client = random.pick(this.clients)
    const s = performance.now()
    const { code, page } = await person.browser.next(client, this.side(random), this.side(random), random)
    if (code === undefined) this.checkPage(page, s, person, client)
    else code.id = `code ${code.text.slice(4, 14)}`
    this.facts.count('authorize and consent', code ? 'ok' : page.failed ?? `${page.status}`)
    return code
  }

  /** Pages refuse only for a reason. */
  checkPage(page, s, person, client) {
    const error = page.location?.searchParams.get('error')
    if (page.failed || page.status === 503 || page.status === 429 || error === 'temporarily_unavailable') return
    const now = performance.now()
    const excused = client.mayBeOff(s, now) || person.disables.some((d) => d.s <= now && (d.onAcked ?? Infinity) >= s - 1000)
    if (page.status >= 500 || (!excused && page.status !== 200)) this.facts.violation('outage', `a page was answered ${page.status} ${page.location ?? ''} ${page.text?.replace(/<[^>]*>|\s+/g, ' ').slice(0, 300)}`)
  }

  other = (client, random) => random.pick(this.clients.filter((c) => c !== client))

  /** Redeems in one of many ways; gives the grant, if one came of it. */
  async spend(code, random) {
    const way = random.weighted(this.ways)
    const redeem = (kind, options = {}) => this.operations.redeem(code, kind, this.side(random), { other: this.other(code.client, random), ...options })
    const wrongs = (count) => Array.from({ length: count }, () => redeem(random.pick(['verifier', 'redirect', 'client'])))
    if (way === 'wrong first') await Promise.all(wrongs(random.int(1, 4)))
    if (way === 'lost') await redeem('right', { cut: random.between(0, 12) })
    if (way === 'storm') await Promise.all(Array.from({ length: random.int(2, 8) }, () => redeem('right')))
    if (way === 'mixed') await Promise.all(random.shuffle([...wrongs(3), redeem('right')]))
    for (let i = 0; i < 40 && !code.ops.some((op) => op.k === 'right' && ['ok', 'refused'].includes(op.o)); i++) {
      await redeem('right')
      await this.rest(random, 20)
    }
    const birth = code.ops.find((op) => op.k === 'right' && op.o === 'ok')
    if (birth === undefined) return
    const grant = this.operations.grantOf(code, birth)
    if (way === 'wrong after') await Promise.all(wrongs(random.int(1, 3)))
    if (way === 'replay') await redeem('right')
    return grant
  }

  // ---- grants ----

  steps = {
    refresh: { weight: 8, run: (grant, random) => this.operations.refresh(grant, grant.newest, this.side(random)) },
    parallel: {
      weight: 4,
      run: (grant, random) => {
        const generation = grant.newest
        return Promise.all(Array.from({ length: random.int(2, 8) }, () => this.operations.refresh(grant, generation, this.side(random), { label: '  of these parallel' })))
      },
    },
    lost: {
      weight: 4,
      run: async (grant, random) => {
        const generation = grant.newest
        await this.operations.refresh(grant, generation, this.side(random), { cut: random.between(0, 10), label: '  of these cut by the client' })
        return this.operations.refresh(grant, generation, this.side(random), { label: '  of these repeated after a cut' })
      },
    },
    retry: { weight: 3, run: (grant, random) => this.old(grant, random, 1, '  of these retried') },
    stale: { weight: 3, run: (grant, random) => this.old(grant, random, random.int(2, 4), '  of these stale') },
    'stale with newest': {
      weight: 2,
      run: (grant, random) => Promise.all([this.old(grant, random, random.int(1, 3), '  of these stale'), this.operations.refresh(grant, grant.newest, this.side(random))]),
    },
    foreign: { weight: 1, run: (grant, random) => this.operations.foreign(grant, this.other(grant.client, random), this.side(random)) },
    introspect: { weight: 2, run: (grant, random) => this.operations.introspect(grant, random.pick(grant.access), this.side(random)) },
    'revoke token': {
      weight: 1,
      run: async (grant, random) => {
        const token = random.pick(grant.access)
        await this.operations.revokeAccess(grant, token, this.side(random))
        return this.operations.introspect(grant, token, this.side(random))
      },
    },
    hurry: {
      weight: 0.5,
      run: async (grant, random) => {
        for (let i = random.int(3, 45); i > 0; i--) await this.operations.refresh(grant, grant.newest, this.side(random), { label: '  of these hurried' })
      },
    },
  }

  /** When a generation was surely rotated away: the first answer that carried a newer one. */
  rotatedBy = (grant, generation) => Math.min(Infinity, ...grant.ops.filter((op) => op.k === 'refresh' && op.o === 'ok' && op.m > generation).map((op) => op.e))

  /** An older token that is still inside its window; else the newest. */
  old(grant, random, back, label) {
    const generation = grant.newest - back
    const isFresh = generation >= 1 && performance.now() < this.rotatedBy(grant, generation) + WINDOW_MS * 0.7
    return this.operations.refresh(grant, isFresh ? generation : grant.newest, this.side(random), { label: isFresh ? label : undefined })
  }

  endings = {
    none: { weight: 4, run: () => {} },
    revoke: { weight: 2, run: (grant, random) => this.operations.revoke(grant, random.int(1, grant.newest), this.side(random)) },
    'revoke with refresh': {
      weight: 2,
      run: (grant, random) => Promise.all([this.operations.revoke(grant, grant.newest, this.side(random)), ...[1, 2].map(() => this.operations.refresh(grant, grant.newest, this.side(random)))]),
    },
    replay: { weight: 2, run: (grant, random) => this.replay(grant, random, random.between(1.02, 1.9)) },
    edge: { weight: 2, run: (grant, random) => this.replay(grant, random, random.between(0.98, 1.02)) },
    'replay of hurried': { weight: 1, run: (grant, random) => this.replayHurried(grant, random) },
    told: { weight: 1, run: (grant, random) => this.revokeKnown(grant, random) },
    'code replay': { weight: 1, run: (grant, random) => this.operations.redeem(grant.code, 'right', this.side(random)) },
  }

  async replay(grant, random, windows) {
    const generation = grant.newest
    await this.operations.refresh(grant, generation, this.side(random))
    if (await this.wait(this.rotatedBy(grant, generation) + WINDOW_MS * windows))
      await this.operations.refresh(grant, generation, this.side(random), { label: '  of these replayed' })
  }

  /** Several quick rotations; the first leaves the window some milliseconds before the others. */
  async replayHurried(grant, random) {
    const generation = grant.newest
    for (let i = random.int(3, 6); i > 0; i--) await this.operations.refresh(grant, grant.newest, this.side(random))
    if (await this.wait(this.rotatedBy(grant, generation) + WINDOW_MS + 4))
      await this.operations.refresh(grant, generation, this.side(random), { label: '  of these replayed' })
  }

  /** Both processes have answered of a token before it ends, and are asked again when both must know. */
  async revokeKnown(grant, random) {
    const token = grant.access.at(-1)
    const askBoth = () => Promise.all([0, 1].map((side) => this.operations.introspect(grant, token, side)))
    await askBoth()
    const { e } = await this.operations.revoke(grant, grant.newest, this.side(random))
    if (await this.wait(e + SPREAD_MS + 20)) await askBoth()
  }

  choose = (random, table) => random.weighted(Object.fromEntries(Object.entries(table).map(([name, { weight }]) => [name, weight])))

  async live(random) {
    while (!this.stopping) {
      const code = await this.newCode(random)
      if (code === undefined) {
        await this.rest(random, 50)
        continue
      }
      const grant = await this.spend(code, random)
      for (let i = random.int(2, 10); grant && i > 0 && !this.stopping; i--) {
        await this.steps[this.choose(random, this.steps)].run(grant, random)
        await this.rest(random, random.chance(0.1) ? 1500 : 120)
      }
      if (grant) await this.endings[this.ending ?? this.choose(random, this.endings)].run(grant, random)
      await this.close(code, grant, random)
    }
  }

  async sleep(random) {
    let code, grant
    while (!grant && !this.stopping) {
      code = await this.newCode(random)
      grant = code && (await this.spend(code, random))
      if (code && !grant) await this.close(code, undefined, random)
    }
    const gentle = Object.fromEntries(Object.entries(this.steps).filter(([name]) => ['refresh', 'parallel', 'lost', 'introspect', 'foreign'].includes(name)))
    while (grant && !this.stopping) {
      await this.steps[this.choose(random, gentle)].run(grant, random)
      await this.rest(random, 2 * WINDOW_MS)
      if (grant.ops.length > 2000) break
    }
    if (grant) await this.close(code, grant, random)
    if (!this.stopping) await this.sleep(random)
  }

  /** The last question of a grant: does its newest token still work? Asked until somebody answers. */
  async close(code, grant, random) {
    if (grant) {
      const isDefinite = (op) => op.o === 'ok' || op.o === 'refused' || (op.o === 'client' && grant.client.deletes.length > 0)
      const ask = async () => isDefinite(await this.operations.refresh(grant, grant.newest, this.side(random), { label: '  of these last' }))
      await until('', ask, 30).catch(() => this.facts.violation('outage', `${grant.id}: nobody answers any more`))
      await this.operations.introspect(grant, grant.access.at(-1), this.side(random))
    }
    this.lives++
    checkCode(code, this.facts)
    if (grant) checkGrant(grant, this.facts)
  }

  // ---- the operator ----

  async operate(random) {
    while (!this.stopping) {
      const { pace, ...whats } = this.operator
      await this.rest(random, pace)
      const what = random.weighted(whats)
      if (what === 'person') await this.disablePerson(random.pick(this.people), random)
      if (what === 'client') await this.disableClient(random.pick(this.clients), random)
      if (what === 'delete') await this.deleteClient(random)
    }
  }

  acknowledged = async (...args) => {
    await until(args.join(' '), () => this.place.verb(args).then(() => true))
    this.facts.count(`operator: ${args.slice(0, 2).join(' ')}`, 'ok')
  }

  async disablePerson(person, random) {
    const disable = { s: performance.now() }
    person.disables.push(disable)
    await this.acknowledged('person', 'disable', person.name)
    disable.e = performance.now()
    await this.rest(random, 500)
    disable.on = performance.now()
    await this.acknowledged('person', 'enable', person.name)
    disable.onAcked = performance.now()
  }

  async disableClient(client, random) {
    const off = { s: performance.now() }
    client.off.push(off)
    await this.acknowledged('client', 'disable', client.id)
    off.acked = performance.now()
    await this.rest(random, 700)
    off.on = performance.now()
    await this.acknowledged('client', 'enable', client.id)
    off.onAcked = performance.now()
  }

  async deleteClient(random) {
    const at = random.int(0, this.clients.length - 1)
    const client = this.clients[at]
    this.deleted = (this.deleted ?? 0) + 1
    this.clients[at] = await this.newClient(`d${this.name}-${this.deleted}`)
    await this.rest(random, 1500) // lives of the old one are under way
    const deletion = { s: performance.now() }
    client.deletes.push(deletion)
    await until('a deletion', () => this.place.verb(['client', 'delete', client.id]).then(() => true, (error) => /no client|unknown|not exist|there is no/i.test(error.stderr)))
    deletion.e = performance.now()
    this.facts.count('operator: client delete', 'ok')
  }

  // ---- faults ----

  async breakThings(random) {
    let bag = []
    while (!this.stopping && this.kinds.length > 0) {
      if (bag.length === 0) bag = random.shuffle(this.kinds.flatMap((kind) => Array.from({ length: FAULTS[kind] }, () => kind)))
      if (Object.keys(this.faults).length < this.kinds.length) bag = [...new Set(bag)].filter((kind) => !this.faults[kind]) // first each of them once
      const kind = bag.pop()
      await this.break(kind, random)
      this.faults[kind] = (this.faults[kind] ?? 0) + 1
      await this.rest(random, kind.startsWith('answer') ? 200 : 900)
    }
  }

  async break(kind, random) {
    const { place } = this
    const side = this.side(random)
    const proxy = place.proxies[side]
    switch (kind) {
      case 'answer lost after the commit': return proxy.arm('answer')
      case 'question lost': return proxy.arm('question')
      case 'connection lost amid a question': return proxy.arm('midway')
      case 'all connections of one authz lost': return proxy.cutAll()
      case 'database out of reach':
        for (const one of place.proxies) one.isDown = true
        for (const one of place.proxies) one.cutAll()
        await this.rest(random, 600)
        for (const one of place.proxies) one.isDown = false
        return
      case 'kill -9 of authz':
        await place.killAuthz(side)
        return place.startAuthz(side)
      case 'kill -9 of both authz':
        await Promise.all([0, 1].map((i) => place.killAuthz(i)))
        return Promise.all([0, 1].map((i) => place.startAuthz(i)))
      case 'kill -9 of PostgreSQL': return place.crashPostgres('SIGKILL')
      case 'immediate stop of PostgreSQL': return place.crashPostgres('SIGQUIT')
      case 'kill -9 of a backend': return place.killBackend((pids) => random.pick(pids))
    }
  }
}
