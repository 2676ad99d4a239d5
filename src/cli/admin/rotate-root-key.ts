import { wrappingContext, type KeyOwner } from '../../crypto/keyring.js';
import { rows, type Transaction } from '../../database/transaction.js';
import type { Call } from '../call.js';
import { EXIT, Failure } from '../failure.js';
import { withProgress } from '../progress.js';
import { print, printJson } from '../terminal.js';
import { forEach, onFoundation, recordOf, type Foundation } from './foundation.js';
import { opens, requireOpening, rewrapped, rewrapServiceKeys, type Pass } from './rewrap.js';
import { isMissing, previousRootKey, rootKeys, type RootKeys } from './root-keys.js';
import { asOwner, atSite, requireThisVersion, settings } from './site.js';

// `coffer admin rotate-root-key`: what the previous root key wraps is wrapped by the present one. Each key is replaced where it still is
// what was read, so an interrupted run, or a second one at the same time, does no harm: the next run does what is left.

/** A node that was not restarted yet may go on wrapping new keys by the previous root key, but not for ever. */
const MOST_PASSES = 5;

type StoredKey = Readonly<{ id: string; wrapped: Buffer; owner: KeyOwner }>;

export async function rotateRootKey(call: Call): Promise<void> {
  const config = settings();
  const previous = await previousRootKey(config);
  if (previous === null) throw noPrevious();
  const {
    rewrapped: done,
    already,
    total,
  } = await atSite('refused', async (site) => {
    // No new root key is made for what the previous one does not open.
    if (await isMissing(config)) await asOwner(site, (owner) => requireOpening(owner, previous));
    const keys = await rootKeys(config, 'made');
    if (keys.isSame) throw sameKey();
    const first = await asOwner(site, async (owner) => {
      await requireThisVersion(owner);
      return rewrapServiceKeys(owner, keys);
    });
    return onFoundation(site, keys.both, (foundation) =>
      withProgress('Rewrapping', (tell) => rewrapAll(foundation, keys, first, tell)),
    );
  });
  if (call.json) return printJson({ rewrapped: done, already, verified: total });
  return print(
    `Rewrapped ${count(done)}; ${count(already)} had the present root key already.\nVerified: all ${count(total)} of this database open with the present root key.\nThe previous root key is needed here no more: restart every node without COFFER_PREVIOUS_ROOT_KEY[_FILE]. Destroy it when the last backup that was made before now is gone: those open with it alone.\n`,
  );
}

/** Passes over all keys until one finds nothing to do: that one is the proof. */
async function rewrapAll(
  foundation: Foundation,
  keys: RootKeys,
  first: Pass,
  tell: (state: string) => void,
): Promise<Pass & { total: number }> {
  let { rewrapped } = first;
  let { already } = first;
  for (let number = 1; number <= MOST_PASSES; number += 1) {
    const pass: Pass = { rewrapped: 0, already: 0 };
    await forEach(await tenants(foundation, 'org'), async (id) => {
      await rewrapTenant(foundation, keys, 'org', id, pass);
      tell(`(${count(pass.rewrapped + pass.already)})`);
    });
    await forEach(await tenants(foundation, 'user'), async (id) => {
      await rewrapTenant(foundation, keys, 'user', id, pass);
      tell(`(${count(pass.rewrapped + pass.already)})`);
    });
    rewrapped += pass.rewrapped;
    if (number === 1) already += pass.already;
    const ofService = first.rewrapped + first.already;
    if (pass.rewrapped === 0) return { rewrapped, already, total: pass.already + ofService };
  }
  throw new Failure(
    EXIT.failed,
    'A node of the service still wraps new keys by the previous root key. Restart every node with the present one, and run this again.',
  );
}

async function tenants({ database }: Foundation, kind: 'org' | 'user'): Promise<string[]> {
  const statement =
    kind === 'org' ? 'select org_id as id from org_slugs order by 1' : 'select id from users order by 1';
  const found = await database.shared((tx) => rows<{ id: string }>(tx, statement));
  return found.map(({ id }) => id);
}

/** The key provider is asked between two transactions, never inside one. */
async function rewrapTenant(
  { database, audit }: Foundation,
  keys: RootKeys,
  kind: 'org' | 'user',
  id: string,
  pass: Pass,
): Promise<void> {
  const stored =
    kind === 'org'
      ? await database.forOrg(id, (tx) => keysOfOrg(tx, id))
      : await database.forUser(id, (tx) => keysOfUser(tx, id));
  const due: { id: string; before: Buffer; after: Uint8Array }[] = [];
  for (const { id: keyId, wrapped, owner } of stored) {
    const context = wrappingContext(owner, keyId);
    if (await opens(keys.present, wrapped, context)) pass.already += 1;
    else if (await opens(keys.both, wrapped, context))
      due.push({ id: keyId, before: wrapped, after: await rewrapped(keys, wrapped, context) });
    else throw foreignKey(kind, id, keyId);
  }
  if (due.length === 0) return;
  const parameters = [
    id,
    due.map((key) => key.id),
    due.map(({ before }) => before),
    due.map(({ after }) => after),
  ];
  pass.rewrapped +=
    kind === 'org'
      ? await database.forOrg(id, async (tx) => {
          const changed = await rows(tx, replaceIn('data_keys', 'org_id'), parameters);
          if (changed.length > 0) await audit.record(tx, id, recordOf(ACTION, { keys: changed.length }));
          return changed.length;
        })
      : await database.forUser(id, async (tx) => {
          const changed = await rows(tx, replaceIn('user_data_keys', 'user_id'), parameters);
          if (changed.length > 0)
            await audit.recordForUser(tx, id, recordOf(ACTION, { keys: changed.length }));
          return changed.length;
        });
}

const ACTION = 'root-key.rotate';

async function keysOfOrg(tx: Transaction, orgId: string): Promise<StoredKey[]> {
  const found = await rows<{
    id: string;
    wrapped: Buffer;
    project_id: string;
    environment_id: string | null;
  }>(tx, 'select id, wrapped, project_id, environment_id from data_keys where org_id = $1', [orgId]);
  return found.map(({ id, wrapped, project_id: projectId, environment_id: environmentId }) => ({
    id,
    wrapped,
    owner: { orgId, projectId, environmentId },
  }));
}

async function keysOfUser(tx: Transaction, userId: string): Promise<StoredKey[]> {
  const found = await rows<{ id: string; wrapped: Buffer }>(
    tx,
    'select id, wrapped from user_data_keys where user_id = $1',
    [userId],
  );
  return found.map(({ id, wrapped }) => ({ id, wrapped, owner: { userId } }));
}

/** Only where the key is still what was read. */
function replaceIn(table: string, owner: string): string {
  return `update ${table} k set wrapped = n.after from unnest($2::uuid[], $3::bytea[], $4::bytea[]) as n (id, before, after)
    where k.${owner} = $1 and k.id = n.id and k.wrapped = n.before returning k.id`;
}

function count(keys: number): string {
  return keys === 1 ? '1 key' : `${String(keys)} keys`;
}

function noPrevious(): Failure {
  return new Failure(
    EXIT.configuration,
    'Which root key is to be replaced? Name it in COFFER_PREVIOUS_ROOT_KEY_FILE (or COFFER_PREVIOUS_ROOT_KEY), and the new one as the root key. With the root key in the data directory: move it there to root.key.previous and name that file; a new root.key is made. Step by step: docs/operating.md',
  );
}

function sameKey(): Failure {
  return new Failure(
    EXIT.configuration,
    'The previous root key and the present one are the same key. Nothing was changed.',
  );
}

function foreignKey(kind: 'org' | 'user', id: string, keyId: string): Failure {
  const owner = kind === 'org' ? 'organisation' : 'user';
  return new Failure(
    EXIT.failed,
    `The data key ${keyId} of ${owner} ${id} opens with neither root key: it was altered, or an earlier rotation was not finished before this one began. Run this with that earlier root key as the previous one first. What was rewrapped so far stays so.`,
  );
}
