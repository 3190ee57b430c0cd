// SPDX-License-Identifier: Apache-2.0
// Does the checker find what it is for? Each mutant is one fault in one verdict function, and must be found within seconds.
import { readFile } from 'node:fs/promises'
import { Facts } from './history.mjs'
import { Workload } from './workload.mjs'

const SECONDS = 30

/** {name, file, change: [[what, by what]...], finds: the properties one of which must be found violated, ...how it is provoked} */
const MUTANTS = [
  { name: 'redemptions do not wait for each other', file: 'redeem_code', change: [[/\s+FOR UPDATE OF k;/, ';']], finds: ['redemptions'], ways: { storm: 1 } },
  { name: 'a spent code is not known as spent', file: 'redeem_code', change: [[/WHEN v_code\.redeemed_at IS NOT NULL THEN 'replayed'/, '']], finds: ['redemptions'] },
  { name: 'a replayed code ends nothing', file: 'redeem_code', change: [[/SET revoked_at = v_now, revoked_for = 'code_replayed'/, 'SET scopes = g.scopes']], finds: ['undone'] },
  { name: 'a wrong replay ends the grant too', file: 'redeem_code', change: [[/WHEN p_redirect_uri <> v_code\.redirect_uri/, "WHEN v_code.redeemed_at IS NOT NULL THEN 'replayed' $&"]], finds: ['lost'] },
  {
    name: 'a wrong attempt spends the code',
    file: 'redeem_code',
    change: [[/\tIF outcome <> 'granted' THEN/, "\tIF outcome LIKE '%mismatch' THEN DELETE FROM authz.codes AS k WHERE k.code_id = p_code_id; END IF;\n$&"]],
    finds: ['codeLost'],
  },
  { name: 'the verifier is not compared', file: 'redeem_code', change: [[/WHEN p_code_challenge IS DISTINCT FROM v_code\.code_challenge/, 'WHEN false']], finds: ['codeWrong'] },
  { name: 'every generation rotates', file: 'refresh', change: [[/ AND g\.generation = p_generation/g, '']], finds: ['contract'] },
  {
    name: 'the generation is read before the lock',
    file: 'refresh',
    change: [[/g\.generation = p_generation/g, 'p_generation = (SELECT x.generation FROM authz.grants AS x WHERE x.grant_id = p_grant_id)']],
    finds: ['contract'],
  },
  { name: 'the window is doubled', file: 'refresh', change: [[/p_window \* interval/g, 'p_window * 2 * interval']], finds: ['window'] },
  { name: 'the window is halved', file: 'refresh', change: [[/p_window \* interval/g, '0.5 * p_window * interval']], finds: ['lost'] },
  { name: 'quick rotations share an entry', file: 'refresh', change: [[/>= 32/g, '>= 2']], finds: ['window'], ending: 'replay of hurried' },
  { name: 'only one older generation is taken', file: 'refresh', change: [[/IF v_entry > 0 AND/, '$& p_generation = v_grant.generation - 1 AND']], finds: ['lost'] },
  { name: 'a retry is answered with one generation too many', file: 'refresh', change: [[/generation := v_grant\.generation;/, 'generation := v_grant.generation + 1;']], finds: ['contract', 'lost'] },
  { name: 'a replay is refused and ends nothing', file: 'refresh', change: [[/SET revoked_at = v_now, revoked_for = 'refresh_reused'/, 'SET scopes = g.scopes']], finds: ['undone'] },
  { name: 'a revoked grant refreshes', file: 'refresh', change: [[/AND \(g\.revoked_at IS NULL\) IS TRUE/g, '']], finds: ['undone'] },
  { name: 'another client may refresh', file: 'refresh', change: [[/AND g\.client_id IS NOT DISTINCT FROM p_client_id/g, '']], finds: ['foreign'] },
  { name: 'a revocation is acknowledged and not done', file: 'revoke', change: [[/SET revoked_at = clock_timestamp\(\), revoked_for = 'client_asked'/, 'SET scopes = g.scopes']], finds: ['undone'] },
  { name: 'introspection overlooks revoked grants', file: 'introspect', change: [[/AND \(g\.revoked_at IS NULL\) IS TRUE/, '']], finds: ['inactive'] },
  { name: 'introspection overlooks revoked tokens', file: 'introspect', change: [[/WHERE t\.jti = p_jti/, 'WHERE false']], finds: ['inactive'] },
  { name: 'no process is told of a change', file: 'feed', change: [[/PERFORM pg_notify\('sallyport_authz', /, "PERFORM concat('', "]], finds: ['inactive'], ending: 'told' },
  { name: 'disabling a person leaves the grants', file: 'people', change: [[/SET revoked_at = now\(\), revoked_for = 'person_disabled'/, 'SET scopes = g.scopes']], finds: ['undone', 'inactive'], operator: { pace: 300, person: 1 } },
  { name: 'a disabled client is served', file: 'refresh', change: [[/c\.enabled, c\.auth_method/g, 'true, c.auth_method']], finds: ['client'], operator: { pace: 300, client: 1 } },
  {
    name: 'PostgreSQL acknowledges before it has written',
    settings: { synchronous_commit: 'off', wal_writer_delay: '10s', wal_writer_flush_after: '1GB' },
    faults: ['kill -9 of PostgreSQL'],
    finds: ['lost', 'contract', 'redemptions', 'undone', 'codeLost', 'inactive'],
  },
]

async function seed(place, { file, change, settings = {} }) {
  for (const [name, value] of Object.entries(settings)) await place.sql(`ALTER SYSTEM SET ${name} = '${value}'`)
  if (Object.keys(settings).length > 0) await place.sql('SELECT pg_reload_conf()')
  if (file === undefined) return async () => {}
  const text = await readFile(place.in('sql', 'functions', `${file}.sql`), 'utf8')
  let mutant = text
  for (const [what, byWhat] of change) {
    if (mutant.search(what) < 0) throw new Error(`${file}.sql has nothing that fits ${what}: tests/race/mutants.mjs must follow it`)
    mutant = mutant.replace(what, byWhat)
  }
  await place.sql(`SET ROLE sallyport_owner; ${mutant}`)
  return () => place.sql(`SET ROLE sallyport_owner; ${text}`)
}

export async function runMutants(place, seedNumber, test, only) {
  for (const [i, mutant] of MUTANTS.entries()) {
    if (only && !mutant.name.includes(only)) continue
    const facts = new Facts()
    const { faults = ['answer lost after the commit'], operator = null, ways, ending } = mutant
    const workload = new Workload(place, facts, `${seedNumber}/${i}`, { name: `m${i}`, faults, operator, ways, ending })
    await workload.prepare()
    let restore = async () => {}
    const started = performance.now()
    try {
      restore = await seed(place, mutant)
      await workload.run(SECONDS * 1000, () => facts.violations.some((v) => mutant.finds.includes(v.kind)))
    } catch (error) {
      facts.violation('outage', error.message)
    }
    await restore()
    const found = facts.violations.find((v) => mutant.finds.includes(v.kind))
    const took = ((performance.now() - started) / 1000).toFixed(1)
    test(found !== undefined, `race: found when ${mutant.name} (${took} s)`, found ? [] : facts.violations.slice(0, 3).map((v) => `${v.kind}: ${v.text}`))
  }
}
