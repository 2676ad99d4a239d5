import type { Permission } from '../../src/access/permissions.js';
import type { TestApp } from './app.js';
import type { Client } from './client.js';

export const PASSWORD = 'correct horse battery staple';

export type Person = Readonly<{
  username: string;
  email: string;
  id: string;
  token: string;
  refreshToken: string;
}>;

/** Something with a token that was shown once. */
export type Made = Readonly<{ id: string; token: string }>;

/** Arranges what a test needs, through the same routes that people use. */
export class World {
  constructor(private readonly app: Pick<TestApp, 'as'>) {}

  async user(username: string): Promise<Person> {
    const email = `${username}@example.com`;
    const { body } = await this.app
      .as(null)
      .post('/auth/signup', { email, username, password: PASSWORD })
      .expect(201);
    return { username, email, id: body.user.id, token: body.accessToken, refreshToken: body.refreshToken };
  }

  /** An organisation of that owner's. */
  async org(slug: string, owner: Person): Promise<void> {
    await this.app.as(owner).post('/orgs', { slug }).expect(201);
  }

  /** `org/project/environment`; the organisation must exist, the rest is made when it is missing. */
  async environment(path: string, owner: Person): Promise<Environment> {
    const [org, project, environment] = path.split('/');
    const client = this.app.as(owner);
    const made = await client.post(`/orgs/${org}/projects`, { slug: project });
    if (![201, 409].includes(made.status)) throw new Error(`the project could not be made: ${made.text}`);
    if (environment !== 'default')
      await client.post(`/${org}/${project}/environments`, { name: environment }).expect(201);
    return new Environment(`/${org}/${project}/envs/${environment}`, client);
  }

  /** Gives a role in `org`, `org/project` or `org/project/environment`. */
  async grant(owner: Person, user: Person, role: string, scope: string): Promise<string> {
    const [org, project, environment] = scope.split('/');
    const body = { user: user.username, role, project, environment };
    const given = await this.app.as(owner).post(`/orgs/${org}/grants`, body).expect(201);
    return given.body.id;
  }

  /** A custom role of an organisation. */
  async role(owner: Person, org: string, name: string, permissions: readonly Permission[]): Promise<void> {
    await this.app.as(owner).post(`/orgs/${org}/roles`, { name, permissions }).expect(201);
  }

  /** An open invitation to a role in `org`, `org/project` or `org/project/environment`. */
  async invitation(owner: Person, role: string, scope: string, more: object = {}): Promise<Made> {
    const [org, project, environment] = scope.split('/');
    const body = { role, project, environment, ...more };
    const { body: made } = await this.app.as(owner).post(`/orgs/${org}/invitations`, body).expect(201);
    return { id: made.id, token: made.token };
  }

  /** A service token in `org/project` or `org/project/environment`. */
  async serviceToken(
    owner: Person,
    role: string,
    scope: string,
    name = `${role} of ${scope}`,
  ): Promise<Made> {
    const [org, project, envName] = scope.split('/');
    const body = { name, role, envName };
    const { body: made } = await this.app.as(owner).post(`/${org}/${project}/tokens`, body).expect(201);
    return { id: made.id, token: made.token };
  }
}

/** An environment with the client of its owner. */
export class Environment {
  constructor(
    readonly path: string,
    private readonly owner: Client,
  ) {}

  /** Declares a secret, and sets its value when one is given. */
  async secret(name: string, value?: string): Promise<void> {
    await this.owner.post(`${this.path}/secrets`, { kind: 'Secret', name }).expect(201);
    if (value !== undefined)
      await this.owner.put(`${this.path}/secrets/${name}/value`, { value }).expect(200);
  }

  secretPath(name: string): string {
    return `${this.path}/secrets/${name}`;
  }
}
