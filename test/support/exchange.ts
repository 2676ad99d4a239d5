import request, { type Response } from 'supertest';
import type { TestApp } from './app.js';
import type { Issuer } from './issuer.js';
import type { Person } from './world.js';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT = 'urn:ietf:params:oauth:token-type:jwt';
export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** Exchanges a token at a trust named `org/project/name`, as a form. */
export async function exchange(app: TestApp, audience: string, token: string, more = {}): Promise<Response> {
  return request(app.server)
    .post('/auth/federation/token')
    .type('form')
    .send({
      grant_type: TOKEN_EXCHANGE,
      subject_token: token,
      subject_token_type: JWT,
      audience,
      ...more,
    });
}

export type Trust = Readonly<{ id: string; name: string }>;

/** A trust named `ci` in `org/project` or `org/project/environment`, which asks for the subject that the tests' issuer gives. */
export async function trustIn(
  app: TestApp,
  owner: Person,
  scope: string,
  issuer: Issuer | string,
  more: object = {},
): Promise<Trust> {
  const [org, project, envName] = scope.split('/');
  const body = {
    name: 'ci',
    issuer: typeof issuer === 'string' ? issuer : issuer.url,
    audience: 'coffer',
    claims: { sub: 'a-workload' },
    role: 'consumer',
    envName,
    ttlSeconds: 300,
    ...more,
  };
  const made = await app.as(owner).post(`/${org ?? ''}/${project ?? ''}/trusts`, body);
  if (made.status !== 201) throw new Error(`the trust could not be made: ${made.text}`);
  return { id: made.body.id, name: made.body.name };
}

/** What the trail says of the last exchange. */
export async function lastExchange(app: TestApp, org = 'acme') {
  const event = (await app.events(org)).findLast(({ action }) => action === 'trust.exchange');
  if (event === undefined) throw new Error('no exchange stands in the trail');
  return event as typeof event & {
    resource: { mismatches?: { claim: string; expected: unknown; actual?: unknown }[]; subject?: string };
  };
}
