import { rows } from '../../database/transaction.js';
import { NotFound } from '../../errors/errors.js';
import type { Call } from '../call.js';
import { EXIT, Failure } from '../failure.js';
import { withProgress } from '../progress.js';
import { environmentArgument, type Environment } from '../scope.js';
import { print, printJson } from '../terminal.js';
import { environmentKeys } from './environment-data-keys.js';
import { forEach, onFoundation, type Foundation } from './foundation.js';
import type { Finished, KeyHolder } from './key-holder.js';
import { rootKeys } from './root-keys.js';
import { atSite, settings } from './site.js';
import { userKeys } from './user-data-keys.js';

/**
 * `coffer admin rotate-data-keys`: a new data key for new values first, for everybody; then what the old ones sealed is sealed anew, and the old
 * ones are destroyed. Where it stands is told by the keys themselves, so that an interrupted run is taken up where it stopped:
 *
 * - A run has begun at the earliest moment at which a key that is still there was retired. Who has a present key from before that moment gets
 *   a new one; who has not, had one in that run.
 * - Old keys are destroyed in the opposite order, the one that was retired last first: so that moment stays known until the very end.
 */

type Outcome = { resumed: boolean; renewed: number; resealed: number; destroyed: number };

export async function rotateDataKeys(call: Call): Promise<void> {
  const keys = await rootKeys(settings(), 'refused');
  const name = call.flags.text('env') ?? call.given.env;
  const scope = name === undefined ? null : environmentArgument(name);
  const outcome = await atSite('refused', (site) =>
    onFoundation(site, keys.both, (foundation) =>
      withProgress('Rotating', async (tell) => {
        const environment = scope === null ? null : await environmentNamed(foundation, scope);
        return rotate(() => holders(foundation, environment), tell);
      }),
    ),
  );
  if (call.json) return printJson(outcome);
  const { resumed, renewed, resealed, destroyed } = outcome;
  return print(
    `${resumed ? 'Took up an interrupted rotation. ' : ''}New data keys: ${String(renewed)}. Values sealed anew: ${String(resealed)}. Old data keys destroyed: ${String(destroyed)}.\nBackups that were made before now still hold the old keys, wrapped by the root key of their time.\n`,
  );
}

async function rotate(find: () => Promise<KeyHolder[]>, tell: (state: string) => void): Promise<Outcome> {
  const before = await find();
  const begun = earliest(before);
  const at = new Date();
  const outcome: Outcome = { resumed: begun !== null, renewed: 0, resealed: 0, destroyed: 0 };
  const due = before.filter(({ presentSince }) => presentSince < (begun ?? at));
  await forEach(due, async (holder) => {
    if (await holder.renew(new Date())) outcome.renewed += 1;
    tell(`(new keys: ${String(outcome.renewed)} of ${String(due.length)})`);
  });
  const unfinished = (await find()).filter(({ firstRetired }) => firstRetired !== null);
  unfinished.sort((a, b) => timeOf(b.firstRetired) - timeOf(a.firstRetired));
  const finish = async (holder: KeyHolder): Promise<void> => {
    const { destroyed } = await finished(holder, (resealed) => {
      outcome.resealed += resealed;
      tell(`(values sealed anew: ${String(outcome.resealed)})`);
    });
    outcome.destroyed += destroyed;
  };
  await forEach(unfinished.slice(0, -1), finish);
  // The one that tells when this run began, alone.
  await forEach(unfinished.slice(-1), finish);
  return outcome;
}

/** Who was deleted meanwhile has taken keys and values along. */
async function finished(holder: KeyHolder, tell: (resealed: number) => void): Promise<Finished> {
  try {
    return await holder.finish(tell);
  } catch (error) {
    if (error instanceof NotFound) return { resealed: 0, destroyed: 0 };
    throw error;
  }
}

/** When the run began that left its old keys behind; null when none did. */
function earliest(holders: readonly KeyHolder[]): Date | null {
  const times = holders.flatMap(({ firstRetired }) =>
    firstRetired === null ? [] : [firstRetired.getTime()],
  );
  // Not Math.min(...times): there may be more of them than a call takes arguments.
  const first = times.reduce((least, time) => Math.min(least, time), Number.POSITIVE_INFINITY);
  return Number.isFinite(first) ? new Date(first) : null;
}

function timeOf(date: Date | null): number {
  return date?.getTime() ?? 0;
}

type EnvironmentIds = Readonly<{ orgId: string; environmentId: string }>;

async function holders(foundation: Foundation, only: EnvironmentIds | null): Promise<KeyHolder[]> {
  if (only !== null) return environmentKeys(foundation, only.orgId, only.environmentId);
  const found: KeyHolder[] = [];
  await forEach(await idsOf(foundation, 'select org_id as id from org_slugs'), async (id) => {
    found.push(...(await environmentKeys(foundation, id, null)));
  });
  await forEach(await idsOf(foundation, 'select id from users'), async (id) => {
    found.push(...(await userKeys(foundation, id)));
  });
  return found;
}

async function idsOf({ database }: Foundation, statement: string): Promise<string[]> {
  const found = await database.shared((tx) => rows<{ id: string }>(tx, statement));
  return found.map(({ id }) => id);
}

async function environmentNamed(
  { database }: Foundation,
  { org, project, environment }: Environment,
): Promise<EnvironmentIds> {
  const found = await database.forOrgNamed(org, async (tx, orgId) => {
    const [row] = await rows<{ id: string }>(
      tx,
      `select e.id from environments e join projects p on p.org_id = e.org_id and p.id = e.project_id
       where e.org_id = $1 and p.slug = $2 and e.name = $3`,
      [orgId, project, environment],
    );
    return row === undefined ? null : { orgId, environmentId: row.id };
  });
  if (found !== null) return found;
  throw new Failure(
    EXIT.failed,
    `There is no environment ${org}/${project}/${environment}. Nothing was changed.`,
  );
}
