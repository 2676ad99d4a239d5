import request from 'supertest';
import { isOlder } from '../../src/http/min-client.js';
import { TestApp } from '../support/app.js';
import type { Person } from '../support/world.js';

describe('the oldest client that is served', () => {
  describe('is compared by its release', () => {
    it.each([
      ['coffer/1.3.9', '1.4.0'],
      ['dreadnode-sdk/0.99.0', '1.4.0'],
      ['coffer/1.9.0', '1.10.0'],
      ['coffer/1.3.9-rc.1', '1.4.0'],
      ['coffer/1.3.9+build.7', '1.4.0'],
      ['coffer/1.4.0', '1.4.1-rc.1'],
      ['python-httpx/0.27 dreadnode-sdk/1.0.0', '1.4.0'],
      ['coffer/0.0.1 (linux; x64)', '1.4.0'],
      ['coffer/9007199254740992.0.0', '9007199254740993.0.0'],
    ])('%s is older than %s', (userAgent, minimum) => {
      expect(isOlder(userAgent, minimum)).toBe(true);
    });

    it.each([
      ['coffer/1.4.0', '1.4.0'],
      ['coffer/1.4.0-rc.1', '1.4.0'],
      ['coffer/1.4.0', '1.4.0-rc.1'],
      ['coffer/1.4.0-alpha', '1.4.0-beta'],
      ['coffer/2.0.0', '1.4.0'],
      ['coffer/1.10.0', '1.9.9'],
      ['coffer/1.4', '1.5.0'],
      ['coffer/v1.0.0', '1.4.0'],
      ['coffer/01.0.0', '1.4.0'],
      ['coffer/1.3.9-a..b', '1.4.0'],
      ['coffer/1.3.9-01', '1.4.0'],
      ['coffer/1.3.9+a..b', '1.4.0'],
      ['coffer/1.0.0.0', '1.4.0'],
      ['coffer/', '1.4.0'],
      ['coffer', '1.4.0'],
      ['mycoffer/1.0.0', '1.4.0'],
      ['coffer-x/1.0.0', '1.4.0'],
      ['curl/8.5.0', '1.4.0'],
      ['curl/8.5.0 (like coffer/1.0.0 )', '1.4.0'],
      ['', '1.4.0'],
    ])('%s is not older than %s, or cannot be compared', (userAgent, minimum) => {
      expect(isOlder(userAgent, minimum)).toBe(false);
    });
  });

  describe('when it is configured', () => {
    let app: TestApp;
    let person: Person;

    beforeAll(async () => {
      app = await TestApp.start({ config: { minClient: '1.4.0' } });
      person = await app.world.user('olivia');
    });

    afterAll(() => app.close());

    const get = (path: string, userAgent: string) =>
      request(app.server).get(path).set('user-agent', userAgent);

    it.each(['coffer/1.3.0', 'dreadnode-sdk/1.3.0'])(
      '426 for %s everywhere, before its credential is looked at, in each envelope',
      async (userAgent) => {
        for (const path of ['/orgs', '/auth/me', '/openapi.json', '/no/such/path']) {
          const { body } = await get(path, userAgent).expect(426);
          expect(body).toEqual({ error: expect.stringContaining('1.4.0'), code: 'upgrade_required' });
        }
        for (const path of ['/api/v2/users/me/secrets', '/api/v2/users/secrets', '/api/v2/users/none']) {
          const { body } = await get(path, userAgent).expect(426);
          expect(body).toEqual({ message: expect.stringContaining('1.4.0') });
        }
        const { body } = await get('/api/v1/user/secrets', userAgent).expect(426);
        expect(body).toEqual({
          code: 426,
          detail: expect.stringContaining('1.4.0'),
          type: 'upgrade_required_error',
        });
        await request(app.server).post('/auth/login').set('user-agent', userAgent).send({}).expect(426);
        await request(app.server).delete('/auth/me').set('user-agent', userAgent).expect(426);
      },
    );

    it('health is for every client', async () => {
      for (const path of ['/healthz', '/readyz', '/healthz?verbose']) {
        expect((await get(path, 'coffer/0.1.0')).status).not.toBe(426);
      }
      await request(app.server).head('/readyz').set('user-agent', 'coffer/0.1.0').expect(200);
    });

    it.each(['coffer/1.4.0', 'coffer/1.4.0-rc.1', 'coffer/dev', 'curl/8.5.0', ''])(
      'serves %s',
      async (userAgent) => {
        await get('/auth/me', userAgent).set('authorization', `Bearer ${person.token}`).expect(200);
      },
    );
  });

  it('is any, when none is configured', async () => {
    const app = await TestApp.start();
    try {
      await request(app.server).get('/openapi.json').set('user-agent', 'coffer/0.0.1').expect(200);
    } finally {
      await app.close();
    }
  });
});
