import type { Response } from 'supertest';
import { TestApp } from './app.js';
import type { Person } from './world.js';

/** What carries a right: each can be given in a scope, and is taken at a path of its own. `member` is all grants of one user. */
export type Carrier = 'grant' | 'member' | 'invitation' | 'service token' | 'trust';

const TRUST = {
  issuer: 'https://issuer.example.com',
  audience: 'coffer',
  claims: { sub: 'build' },
  ttlSeconds: 600,
};

/**
 * For specs about giving and taking: olivia owns acme with its projects web (prod and dev) and api (prod); adam administers all of it, tess
 * only web/prod.
 */
export class RightsWorld {
  private made = 0;

  private constructor(
    readonly app: TestApp,
    readonly olivia: Person,
    readonly adam: Person,
    readonly tess: Person,
  ) {}

  static async start(): Promise<RightsWorld> {
    const app = await TestApp.start();
    const { world } = app;
    const [olivia, adam, tess] = [
      await world.user('olivia'),
      await world.user('adam'),
      await world.user('tess'),
    ];
    await world.org('acme', olivia);
    for (const path of ['acme/web/prod', 'acme/web/dev', 'acme/api/prod']) {
      await world.environment(path, olivia);
    }
    await world.grant(olivia, adam, 'admin', 'acme');
    await world.grant(olivia, tess, 'admin', 'acme/web/prod');
    return new RightsWorld(app, olivia, adam, tess);
  }

  name(): string {
    this.made += 1;
    return `thing-${String(this.made)}`;
  }

  /** Somebody new, with these grants. */
  async person(...grants: [role: string, scope: string][]): Promise<Person> {
    const person = await this.app.world.user(this.name());
    for (const [role, scope] of grants) await this.app.world.grant(this.olivia, person, role, scope);
    return person;
  }

  /** Tries to give a role in `org`, `org/project` or `org/project/environment` by one of the routes that do. */
  async give(by: { token: string }, carrier: Carrier, role: string, scope: string): Promise<Response> {
    const [org, project, environment] = scope.split('/');
    const client = this.app.as(by);
    switch (carrier) {
      case 'grant':
      case 'member': {
        const { username } = await this.person();
        return client.post(`/orgs/${org}/grants`, { user: username, role, project, environment });
      }
      case 'invitation':
        return client.post(`/orgs/${org}/invitations`, { role, project, environment });
      case 'service token':
        return client.post(`/${org}/${project}/tokens`, { name: this.name(), role, envName: environment });
      case 'trust':
        return client.post(`/${org}/${project}/trusts`, {
          ...TRUST,
          name: this.name(),
          role,
          envName: environment,
        });
    }
  }

  /** Olivia gives it. Returns where it can be taken away. */
  async given(carrier: Carrier, role: string, scope: string): Promise<string> {
    const [org, project] = scope.split('/');
    const { status, body, text } = await this.give(this.olivia, carrier, role, scope);
    if (status !== 201) throw new Error(`the ${carrier} could not be given: ${text}`);
    const paths: Record<Carrier, string> = {
      grant: `/orgs/${org}/grants/${body.id}`,
      member: `/orgs/${org}/members/${body.user?.username}`,
      invitation: `/orgs/${org}/invitations/${body.id}`,
      'service token': `/${org}/${project}/tokens/${body.id}`,
      trust: `/${org}/${project}/trusts/${body.id}`,
    };
    return paths[carrier];
  }

  /** Every right that somebody has been given, as the database has it: equal before and after when nothing was given, changed or taken. */
  async rights(): Promise<string[]> {
    const found: string[] = [];
    for (const table of ['grants', 'invitations', 'service_tokens', 'trusts', 'roles']) {
      const { rows } = await this.app.sql.query<{ row: string }>(
        `select (to_jsonb(t) - 'last_used_at')::text as row from ${table} t order by 1`,
      );
      found.push(...rows.map(({ row }) => row));
    }
    return found;
  }

  /**
   * Holds up whoever gives or takes rights in acme: lets a request come past the guards and wait for its turn, does something meanwhile, and
   * lets the request go on.
   */
  async heldUp<T>(request: () => PromiseLike<T>, meanwhile: () => Promise<unknown>): Promise<T> {
    const { sql } = this.app;
    await sql.query('begin');
    await sql.query(
      `select from organisations o join org_slugs s using (org_id) where s.slug = 'acme' for update of o`,
    );
    const waiting = Promise.resolve(request());
    while (!(await this.isSomebodyWaiting())) await new Promise((resolve) => setTimeout(resolve, 10));
    await meanwhile();
    await sql.query('commit');
    return waiting;
  }

  private async isSomebodyWaiting(): Promise<boolean> {
    const { rows } = await this.app.sql.query(
      'select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))',
    );
    return rows.length > 0;
  }
}
