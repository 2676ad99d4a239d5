import { EVENT_COLUMNS, EventView, type EventRow } from '../../audit/audit-event.view.js';
import { TABLES } from '../../audit/event-statements.js';
import { genesis, type Chain, type Head } from '../../audit/hash-chain.js';
import { firstRow, rows, type Transaction } from '../../database/transaction.js';
import { tenantsOf } from '../../database/every-row.js';
import type { OwnerConnection } from '../../database/owner-connection.js';
import type { Call } from '../call.js';
import { EXIT, Failure } from '../failure.js';
import { withProgress } from '../progress.js';
import { print, printable, printJson } from '../terminal.js';
import { ChainCheck, type Finding } from './chain-check.js';
import { forEach, onFoundation, type Foundation } from './foundation.js';
import { rootKeys } from './root-keys.js';
import { asOwner, atSite, settings } from './site.js';

// `coffer admin verify-audit`: every trail in the database, by the rules that the service writes by. The service may go on writing: each
// chain is followed up to the head that it has when its turn comes.

const EVENTS_PER_READ = 1_000;
/** Of one trail; the rest is counted. */
const MOST_FINDINGS = 20;

type Trail = Readonly<{ chain: Chain; name: string; isLive: boolean }>;
type Broken = Readonly<{ trail: string; findings: readonly Finding[]; more: number }>;

export async function verifyAudit(call: Call): Promise<void> {
  const keys = await rootKeys(settings(), 'refused');
  const broken: Broken[] = [];
  let records = 0;
  const trails = await atSite('refused', async (site) => {
    const found = await asOwner(site, trailsOf);
    await onFoundation(site, keys.both, (foundation) =>
      withProgress('Verifying', (tell) =>
        forEach(found, async (trail) => {
          const check = await verified(foundation, trail, (read) => {
            records += read;
            tell(`(${trail.name}, ${String(records)} records)`);
          });
          if (check.findings.length > 0) broken.push({ trail: trail.name, ...check });
        }),
      ),
    );
    return found.length;
  });
  if (broken.length > 0) call.exitCode = EXIT.failed;
  if (call.json) return printJson({ ok: broken.length === 0, trails, records, broken });
  if (broken.length === 0)
    return print(
      `All ${String(records)} records of ${String(trails)} trails are as they were written, up to their signed heads.\n`,
    );
  throw new Failure(EXIT.failed, `Not every trail is as it was written:${broken.map(told).join('')}`);
}

function told({ trail, findings, more }: Broken): string {
  const lines = findings.map((finding) => `\n    ${printable(finding)}`).join('');
  return `\n  ${printable(trail)}:${lines}${more > 0 ? `\n    and ${String(more)} more` : ''}`;
}

/** Those of organisations and users that are there, and of those that are gone. */
async function trailsOf(owner: OwnerConnection): Promise<Trail[]> {
  const { orgs, users } = await owner.inTransaction('', () => tenantsOf(owner));
  const slugs = await namesOf(owner, 'select org_id as id, slug as name from org_slugs');
  const usernames = await namesOf(owner, 'select id, username as name from users');
  return [
    ...orgs.map((id) => trailOf({ kind: 'org', id }, 'organisation', slugs.get(id))),
    ...users.map((id) => trailOf({ kind: 'user', id }, 'user', usernames.get(id))),
  ];
}

function trailOf(chain: Chain, what: string, name: string | undefined): Trail {
  const isLive = name !== undefined;
  return { chain, isLive, name: isLive ? `${what} ${name}` : `${what} ${chain.id} (deleted)` };
}

async function namesOf(owner: OwnerConnection, statement: string): Promise<Map<string, string>> {
  const found = await owner.rows<{ id: string; name: string }>(statement);
  return new Map(found.map(({ id, name }) => [id, name]));
}

async function verified(
  foundation: Foundation,
  { chain, isLive }: Trail,
  tell: (read: number) => void,
): Promise<{ findings: Finding[]; more: number }> {
  const check = new ChainCheck(genesis(chain));
  const kept = new Findings(check);
  const { head, last } = await inTenant(foundation, chain, (tx) => readEnd(tx, chain));
  const end = Math.max(head?.seq ?? 0, last);
  for (let from = 1; from <= end; from += EVENTS_PER_READ) {
    const to = Math.min(end, from + EVENTS_PER_READ - 1);
    const page = await inTenant(foundation, chain, (tx) => readPage(tx, chain, from, to));
    for (const row of page) follow(check, row);
    kept.take();
    tell(page.length);
  }
  check.finish();
  if (head !== null) {
    if (!foundation.signer.isOurs(head))
      check.findings.push('the head is not signed by this service: it was changed');
    check.compareWith(head);
  } else if (last > 0 || isLive) check.findings.push('the signed head is gone');
  return kept.take();
}

/** Remembers the first findings of a trail and counts the rest, so that a trail that is broken throughout needs no more memory. */
class Findings {
  private readonly findings: Finding[] = [];
  private more = 0;

  constructor(private readonly check: ChainCheck) {}

  take(): { findings: Finding[]; more: number } {
    for (const finding of this.check.findings.splice(0)) {
      if (this.findings.length < MOST_FINDINGS) this.findings.push(finding);
      else this.more += 1;
    }
    return { findings: this.findings, more: this.more };
  }
}

/** The columns that events are found by repeat what the event itself says, and no hash covers them. */
type PageRow = EventRow &
  Readonly<{
    project: string | null;
    environment: string | null;
    secret: string | null;
    many: boolean;
    found: boolean;
  }>;

function follow(check: ChainCheck, row: PageRow): void {
  check.add(EventView.of(row));
  const { project, environment, secret, secrets } = row.resource;
  const isSame =
    row.project === (project ?? null) &&
    row.environment === (environment ?? null) &&
    row.secret === (secret ?? null) &&
    row.many === (secrets !== undefined) &&
    row.found;
  if (!isSame)
    check.findings.push(
      `record ${row.seq} was changed: the columns that it is found by do not say what it says`,
    );
}

function inTenant<T>(
  { database }: Foundation,
  { kind, id }: Chain,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return kind === 'org' ? database.forOrg(id, work) : database.forUser(id, work);
}

/** The head and the number of the last event, as they are at one moment. */
async function readEnd(tx: Transaction, chain: Chain): Promise<{ head: Head | null; last: number }> {
  const { events, heads, owner } = TABLES[chain.kind];
  const row = await firstRow<EndRow>(
    tx,
    `select h.seq, h.hash, h.at, h.signature, (select max(e.seq) from ${events} e where e.${owner} = $1) as last
     from (select 1) as one left join ${heads} h on h.${owner} = $1`,
    [chain.id],
  );
  const last = Number(row?.last ?? 0);
  if (row?.hash == null || row.signature === null || row.at === null) return { head: null, last };
  const head = {
    seq: Number(row.seq),
    hash: row.hash.toString('hex'),
    at: row.at.toISOString(),
    signature: row.signature.toString('base64'),
  };
  return { head, last };
}

type EndRow = Readonly<{
  seq: string | null;
  hash: Buffer | null;
  at: Date | null;
  signature: Buffer | null;
  last: string | null;
}>;

/** Whether it names many secrets, and whether the act that it is found by is the one that it tells of. */
const BESIDES = {
  org: `list is not null as many, exists (
    select from org_acts a where a.org_id = org_events.org_id and a.act = org_events.act
      and (a.actor_id, a.actor_name, a.action, a.outcome, a.project, a.environment) is not distinct from
        (org_events.actor_id, org_events.actor_name, org_events.action, org_events.outcome, org_events.project, org_events.environment)
    ) as found`,
  user: 'false as many, true as found',
} as const;

function readPage(tx: Transaction, chain: Chain, from: number, to: number): Promise<PageRow[]> {
  const { events, owner } = TABLES[chain.kind];
  return rows<PageRow>(
    tx,
    `select ${EVENT_COLUMNS[chain.kind]}, project, environment, secret, ${BESIDES[chain.kind]} from ${events}
     where ${owner} = $1 and seq between $2 and $3 order by seq`,
    [chain.id, from, to],
  );
}
