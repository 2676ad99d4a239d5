import { PrimaryClient, type PrimaryClientConfig } from './primary-client.js';

const CHANNEL = 'coffer_revision';

/** The class of the advisory locks that say "somebody listens"; the trigger that speaks knows it too. */
const LOCK_CLASS = 7_263_338;

const HEARTBEAT_MS = 10_000;

/**
 * One connection that listens. For each environment that somebody waits for it holds a shared lock: a writer who meets it announces its
 * commit, one who does not keeps silent. Taking it waits for a writer who has looked already, so that nothing falls between.
 */
export class ListeningLine {
  /** Resolves when the connection is gone, for whatever reason, after it was started. */
  readonly lost: Promise<void>;
  private readonly client: PrimaryClient;
  private readonly locks = new Map<string, Promise<void>>();
  private readonly heartbeat: NodeJS.Timeout;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(config: PrimaryClientConfig, word: (environmentId: string) => void) {
    this.client = new PrimaryClient(config);
    this.client.on('notification', ({ payload }) => {
      word(payload ?? '');
    });
    // The end of the connection follows.
    this.client.on('error', () => undefined);
    // A peer that is gone without a word is noticed by its silence.
    this.heartbeat = setInterval(() => {
      this.ask('select 1', []).catch(() => {
        this.cut();
      });
    }, HEARTBEAT_MS).unref();
    this.lost = new Promise((resolve) => {
      this.client.on('end', () => {
        clearInterval(this.heartbeat);
        resolve();
      });
    });
  }

  /** Connects and takes the locks of these environments. */
  async start(environmentIds: readonly string[]): Promise<void> {
    try {
      await this.client.connect();
      await this.ask(`listen ${CHANNEL}`, []);
      const all = this.ask(`${LOCK} from unnest($2::uuid[]) as id`, [LOCK_CLASS, environmentIds]);
      for (const id of environmentIds) this.locks.set(id, all);
      await all;
    } catch (error) {
      this.cut();
      throw error;
    }
  }

  /** Resolves when no change of the environment can go unheard any more. */
  hold(environmentId: string): Promise<void> {
    const held = this.locks.get(environmentId);
    if (held !== undefined) return held;
    const taken = this.ask(`${LOCK} from (select $2::uuid as id) one`, [LOCK_CLASS, environmentId]);
    this.locks.set(environmentId, taken);
    taken.catch(() => this.locks.delete(environmentId));
    return taken;
  }

  letGo(environmentId: string): void {
    if (!this.locks.delete(environmentId)) return;
    this.ask('select pg_advisory_unlock_shared($1, coffer_watch_bucket($2))', [
      LOCK_CLASS,
      environmentId,
    ]).catch(() => {
      this.cut();
    });
  }

  held(): readonly string[] {
    return [...this.locks.keys()];
  }

  close(): void {
    this.client.end().catch(() => undefined);
  }

  /** One statement at a time, in the order in which they were asked for. */
  private ask(sql: string, parameters: readonly unknown[]): Promise<void> {
    const answer = this.turn.then(async () => {
      await this.client.query(sql, [...parameters]);
    });
    this.turn = answer.catch(() => undefined);
    return answer;
  }

  private cut(): void {
    clearInterval(this.heartbeat);
    this.client.connection.stream.destroy();
  }
}

const LOCK = 'select pg_advisory_lock_shared($1, coffer_watch_bucket(id))';
