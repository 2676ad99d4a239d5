import { TestApp } from '../../support/app.js';
import type { Person } from '../../support/world.js';
import { Coffer } from './coffer.js';

/** The service, an owner with the right to read values, an environment, and the owner's command. */
export class Workplace {
  private constructor(
    readonly app: TestApp,
    readonly owner: Person,
    readonly coffer: Coffer,
  ) {}

  /** `path` is `org/project/environment`. */
  static async open(path = 'acme/web/dev'): Promise<Workplace> {
    const app = await TestApp.start();
    const owner = await app.world.user('olivia');
    const [org = ''] = path.split('/');
    await app.world.org(org, owner);
    await app.world.environment(path, owner);
    await app.world.grant(owner, owner, 'consumer', org);
    const coffer = new Coffer({ COFFER_SERVER: app.url, COFFER_ENV: path, COFFER_TOKEN: owner.token });
    return new Workplace(app, owner, coffer);
  }

  async close(): Promise<void> {
    this.coffer.close();
    await this.app.close();
  }
}
