import type { Test } from 'supertest';
import type { Permission } from '../../src/access/permissions.js';
import { TestApp } from './app.js';
import type { Person } from './world.js';

export type Made = Readonly<{ id: string; token: string }>;

export const TOKENS = '/acme/web/tokens';

/**
 * For specs about service tokens: olivia owns acme, adam administers its project web, tess only web/dev; maria is a member everywhere, and
 * the stranger owns another organisation with the same names.
 */
export class TokenWorld {
  private constructor(
    readonly app: TestApp,
    readonly olivia: Person,
    readonly adam: Person,
    readonly tess: Person,
    readonly maria: Person,
    readonly stranger: Person,
  ) {}

  static async start(): Promise<TokenWorld> {
    const app = await TestApp.start({ config: { trustedProxies: ['127.0.0.0/8'] } });
    const { world } = app;
    const olivia = await world.user('olivia');
    const adam = await world.user('adam');
    const tess = await world.user('tess');
    const maria = await world.user('maria');
    const stranger = await world.user('stranger');
    await world.org('acme', olivia);
    await world.org('other', stranger);
    for (const path of ['acme/web/prod', 'acme/web/dev', 'acme/api/prod']) {
      await world.environment(path, olivia);
    }
    await world.environment('other/web/prod', stranger);
    await world.grant(olivia, adam, 'admin', 'acme/web');
    await world.grant(olivia, tess, 'admin', 'acme/web/dev');
    await world.grant(olivia, maria, 'member', 'acme');
    return new TokenWorld(app, olivia, adam, tess, maria, stranger);
  }

  create(by: { token: string }, body: object, path = TOKENS): Test {
    return this.app.as(by).post(path, body);
  }

  async made(by: { token: string }, body: object, path = TOKENS): Promise<Made> {
    return (await this.create(by, { name: 'token', ...body }, path).expect(201)).body as Made;
  }

  /** The names of the tokens that somebody is shown, in their order. */
  async names(by: { token: string }, path = TOKENS): Promise<string[]> {
    const { body } = await this.app.as(by).get(path).expect(200);
    return body.map(({ name }: { name: string }) => name);
  }

  /** A custom role of acme's. */
  role(name: string, permissions: readonly Permission[]): Promise<void> {
    return this.app.world.role(this.olivia, 'acme', name, permissions);
  }
}
