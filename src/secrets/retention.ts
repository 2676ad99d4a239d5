import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Audit } from '../audit/audit.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { Database } from '../database/database.js';
import { rows } from '../database/transaction.js';

const MINUTE = 60 * 1000;
const HOUR = 60 * MINUTE;
const SYSTEM = { type: 'system', id: null, name: 'retention' } as const;
const NOWHERE = { ip: '', userAgent: '', requestId: '' };

/**
 * Destroys what was deleted longer ago than it can be restored. The routes stop showing it by the clock already; this makes it true on
 * disk. Every node may do it at the same time.
 */
@Injectable()
export class Retention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('retention');
  private first: NodeJS.Timeout | undefined;
  private timer: NodeJS.Timeout | undefined;
  private hasEnded = false;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Soon after the start, so that a service that is started every day destroys as well, and then every hour. */
  onApplicationBootstrap(): void {
    const round = (): void => {
      this.running = this.destroyExpired().catch((error: unknown) => {
        this.logger.warn({
          message: 'Deleted secrets could not be destroyed; the next round tries again.',
          cause: String(error),
        });
      });
    };
    this.first = setTimeout(round, MINUTE).unref();
    this.timer = setInterval(round, HOUR).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    this.hasEnded = true;
    clearTimeout(this.first);
    clearInterval(this.timer);
    await this.running;
  }

  /** One round over all organisations, each in its own transaction. */
  async destroyExpired(now = new Date()): Promise<void> {
    const before = new Date(now.getTime() - this.config.retentionDays * 24 * HOUR);
    const orgs = await this.database.shared((tx) =>
      rows<{ org_id: string }>(tx, 'select org_id from org_slugs'),
    );
    for (const { org_id: orgId } of orgs) {
      if (this.hasEnded) return;
      await this.destroyIn(orgId, before);
    }
  }

  private async destroyIn(orgId: string, before: Date): Promise<void> {
    await this.database.forOrg(orgId, async (tx) => {
      const gone = await rows<{ name: string }>(
        tx,
        'delete from secrets where org_id = $1 and deleted_at <= $2 returning name',
        [orgId, before],
      );
      if (gone.length === 0) return;
      await this.audit.record(tx, orgId, {
        actor: SYSTEM,
        origin: NOWHERE,
        action: 'secret.destroy',
        resource: { secrets: gone.map(({ name }) => ({ secret: name })) },
        outcome: 'allowed',
      });
    });
  }
}
