import { Injectable } from '@nestjs/common';
import type { Access } from '../access/access.js';
import type { Page } from '../access/answer.js';
import { pageOf } from '../access/paging.js';
import { Database } from '../database/database.js';
import { firstRow, rows, type Transaction } from '../database/transaction.js';
import { allowed } from './audit-event.js';
import { EVENT_COLUMNS, EventView, type EventRow, type HeadView } from './audit-event.view.js';
import { Audit } from './audit.js';
import { readHead } from './event-rows.js';
import { genesis, type Chain } from './hash-chain.js';
import { HeadSigner } from './head-signer.js';
import type { ExportQuery, TrailQuery } from './trail.requests.js';
import { placesStatement, trailStatement, type Places } from './trail-statement.js';

const EVENTS_PER_PAGE = 100;
const EVENTS_PER_READ = 1_000;

/** Reads the trails: listed and filtered, exported as a chain, and its signed head. Reading is on record as well. */
@Injectable()
export class Trail {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly signer: HeadSigner,
  ) {}

  /** An organisation's events, newest first. Whoever may read one project's trail sees that project's events only. */
  list(access: Access<'audit:read'>, query: TrailQuery): Promise<Page<EventView>> {
    const filters = { ...query, ...access.place };
    return this.database.forOrg(access.org.id, async (tx) => {
      const page = await listed(tx, { kind: 'org', id: access.org.id }, filters);
      await this.audit.record(tx, access.org.id, allowed(access, 'audit.list', {}));
      return page;
    });
  }

  /** The caller's own events: logins, tokens, personal secrets. */
  listOwn(access: Access<'user'>, query: TrailQuery): Promise<Page<EventView>> {
    const { id } = access.user;
    return this.database.forUser(id, async (tx) => {
      const page = await listed(tx, { kind: 'user', id }, query);
      await this.audit.recordForUser(tx, id, allowed(access, 'user.audit', {}));
      return page;
    });
  }

  /** The chain as lines of JSON, oldest first, up to what is there when the export begins: its own record is the last line. */
  async export(access: Access<'audit:read'>, query: ExportQuery): Promise<AsyncIterable<string>> {
    const last = await this.database.forOrg(access.org.id, async (tx) => {
      await this.audit.record(tx, access.org.id, allowed(access, 'audit.export', { ...query }));
      return readHead(tx, { kind: 'org', id: access.org.id });
    });
    const to = Math.min(query.to ?? Number.MAX_SAFE_INTEGER, last?.seq ?? 0);
    return this.lines(access.org.id, query.from ?? 1, to);
  }

  /** The head as it is before this very read is recorded, so that it fits an export made just before or just after. */
  head(access: Access<'audit:read'>): Promise<HeadView> {
    const chain: Chain = { kind: 'org', id: access.org.id };
    return this.database.forOrg(access.org.id, async (tx) => {
      const head = (await readHead(tx, chain)) ?? this.signer.sign(genesis(chain), new Date(0).toISOString());
      await this.audit.record(tx, access.org.id, allowed(access, 'audit.head', {}));
      const { seq, hash, at, signature } = head;
      return { seq, hash, at, signature, publicKey: this.signer.publicKey };
    });
  }

  private async *lines(orgId: string, from: number, to: number): AsyncGenerator<string> {
    for (let next = from; next <= to; next += EVENTS_PER_READ) {
      const most = Math.min(to, next + EVENTS_PER_READ - 1);
      const found = await this.database.forOrg(orgId, (tx) =>
        rows<EventRow>(
          tx,
          `select ${EVENT_COLUMNS.org} from org_events where org_id = $1 and seq between $2 and $3 order by seq`,
          [orgId, next, most],
        ),
      );
      yield found.map((row) => `${JSON.stringify(EventView.of(row))}\n`).join('');
    }
  }
}

async function listed(tx: Transaction, chain: Chain, query: TrailQuery): Promise<Page<EventView>> {
  const limit = query.limit ?? EVENTS_PER_PAGE;
  const { text, parameters } = trailStatement(chain, query, await placesOf(tx, chain, query), limit + 1);
  const found = await rows<EventRow>(tx, text, parameters);
  return pageOf(found, limit, (row) => [row.seq], EventView.of);
}

const ANYWHERE: Places = { after: null, before: null };

async function placesOf(tx: Transaction, { kind, id }: Chain, query: TrailQuery): Promise<Places> {
  const isTimed = query.since !== undefined || query.until !== undefined;
  if (kind === 'user' || !isTimed) return ANYWHERE;
  const { text, parameters } = placesStatement(id, query);
  return (await firstRow<Places>(tx, text, parameters)) ?? ANYWHERE;
}
