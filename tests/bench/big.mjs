// SPDX-License-Identifier: Apache-2.0
// A second authorization server beside the measured one, on a copy of its database that is full of clients and grants.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, SERVER_CORE } from './instance.mjs'

const CLIENTS = 100_000
const GRANTS = 1_000_000
const PEOPLE = 1000

const FILL = `
  set synchronous_commit = off;
  insert into authz.people (person_id, username, display_name, scopes, own_scopes)
    select md5('person-' || n)::uuid, 'person-' || n, 'Person ' || n, p.scopes, p.own_scopes
    from authz.people p, generate_series(1, ${PEOPLE}) n where p.username = 'alice';
  insert into authz.clients (client_id, origin, name, auth_method, grant_types, redirect_uris, scope, application_type, metadata_digest,
                             registration_id, lease_due_at, last_used_at)
    select 'client-' || n, 'dynamic', 'Client ' || n, 'none', '{authorization_code,refresh_token}', '{http://127.0.0.1:49152/callback}', '', 'native',
           sha256(convert_to('client-' || n, 'UTF8')), md5('client-' || n)::uuid, now() + interval '7 days', now()
    from generate_series(1, ${CLIENTS}) n;
  insert into authz.grants (grant_id, person_id, client_id, resource, scopes, auth_time, expires_at, generation, redirect_host, created_at)
    select md5('grant-' || n)::uuid, md5('person-' || (1 + n % ${PEOPLE}))::uuid, 'client-' || (1 + n % ${CLIENTS}), r.resource_uri, '{logs:read}', now(),
           now() + interval '80 days', 1, '127.0.0.1', now() - n % 100000 * interval '1 second'
    from generate_series(1, ${GRANTS}) n, (select uri as resource_uri from authz.resources limit 1) r;
  insert into authz.consents (person_id, client_id, resource, redirect_host, document_digest, scopes)
    select distinct on (g.person_id, g.client_id) g.person_id, g.client_id, g.resource, g.redirect_host, ''::bytea, g.scopes
    from authz.grants g where g.client_id like 'client-%';
  vacuum analyze;
  checkpoint;`

/** The instance once more, with the fields of the second server. It has no mcp. */
export async function startBig(instance, say) {
  say(`\nFilling a second database with ${GRANTS} grants of ${CLIENTS} clients ...`)
  const database = 'bench_big'
  await instance.stopDaemon('mcp')
  await instance.stopDaemon('authz')
  await instance.sql(`create database ${database} template sallyport`)
  for (const statement of FILL.split(/;\s*(?:\n|$)/)) if (statement.trim()) await instance.psql(database, '-v', 'ON_ERROR_STOP=1', '-c', statement)
  const port = await freePort()
  const file = instance.configuration('authz').replace(/authz\.yaml$/, 'authz-big.yaml')
  const issuer = `http://127.0.0.1:${port}`
  const text = (await readFile(instance.configuration('authz'), 'utf8'))
    .replace(/^issuer: .*$/m, `issuer: ${issuer}`)
    .replace(/^listen: .*$/m, `listen: 127.0.0.1:${port}`)
    .replace(/^audit_log: (.*)$/m, 'audit_log: $1.big')
    .replaceAll(/dbname=\S+/g, `dbname=${database}`)
  await writeFile(file, text)
  const { uid, gid } = instance.user
  const log = openSync(join(instance.folder, 'authz-big.log'), 'w')
  const child = spawn('setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', 'taskset', '-c', `${SERVER_CORE}`, instance.daemon('authz'), '-c', file, 'serve'],
    { stdio: ['ignore', log, log] })
  closeSync(log)
  instance.peerProcesses.push(child)
  for (let i = 0; !(await fetch(`${issuer}/health`).then((r) => r.ok, () => false)); i++) {
    if (i > 250) throw new Error('the second authorization server does not start')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await instance.startDaemons()
  say(' done\n')
  const conninfo = instance.conninfo.replace(/dbname=\S+/, `dbname=${database}`)
  return Object.assign(Object.create(instance), { issuer, conninfo, pids: { ...instance.pids, authz: child.pid } })
}
