import { lastExchange, trustIn } from '../support/exchange.js';
import { GITHUB_CLAIMS, Issuer } from '../support/issuer.js';
import { TestApp } from '../support/app.js';
import type { Person } from '../support/world.js';

describe('POST /{o}/{p}/trusts/{id}/simulate', () => {
  let app: TestApp;
  let issuer: Issuer;
  let owner: Person;
  let path: string;

  beforeAll(async () => {
    app = await TestApp.start({ config: { allowPrivateIssuers: true } });
    issuer = await Issuer.start({ path: '/_services/token' });
    owner = await app.world.user('olivia');
    await app.world.org('acme', owner);
    await app.world.environment('acme/web/prod', owner);
    await app.world.environment('acme/web/dev', owner);
    const claims = { repository_id: '74', ref: ['refs/heads/main', 'refs/heads/release'] };
    const { id } = await trustIn(app, owner, 'acme/web/prod', issuer, { claims });
    path = `/acme/web/trusts/${id}/simulate`;
  });

  afterAll(async () => {
    await app.close();
    await issuer.stop();
  });

  const simulate = async (body: object) => (await app.as(owner).post(path, body).expect(200)).body;

  describe('with claims', () => {
    it('200: they match', async () => {
      expect(await simulate({ claims: GITHUB_CLAIMS })).toEqual({ matches: true, mismatches: [] });
    });

    it('200: tells each that does not, with what was expected and what came', async () => {
      const claims = { ...GITHUB_CLAIMS, repository_id: 75, ref: 'refs/heads/feature' };
      expect(await simulate({ claims })).toEqual({
        matches: false,
        mismatches: [
          { claim: 'ref', expected: ['refs/heads/main', 'refs/heads/release'], actual: 'refs/heads/feature' },
          { claim: 'repository_id', expected: '74', actual: 75 },
        ],
      });
    });

    it('200: a claim that is missing is null, a number is its digits', async () => {
      const { mismatches } = await simulate({ claims: { repository_id: 74 } });
      expect(mismatches).toEqual([
        { claim: 'ref', expected: ['refs/heads/main', 'refs/heads/release'], actual: null },
      ]);
      expect((await simulate({ claims: {} })).mismatches).toHaveLength(2);
    });

    it('200: issuer and audience count where they are given', async () => {
      const claims = { ...GITHUB_CLAIMS, iss: issuer.url, aud: ['coffer'] };
      expect(await simulate({ claims })).toMatchObject({ matches: true });
      const { mismatches } = await simulate({ claims: { ...claims, aud: 'https://github.com/octo-org' } });
      expect(mismatches).toEqual([
        { claim: 'aud', expected: 'coffer', actual: 'https://github.com/octo-org' },
      ]);
    });
  });

  describe('with a token', () => {
    it('200: it would be exchanged, and is not', async () => {
      const before = (await app.events('acme')).length;
      const answer = await simulate({ subject_token: await issuer.token(GITHUB_CLAIMS) });
      expect(answer).toEqual({ matches: true, mismatches: [] });
      expect((await app.sql.query('select 1 from federated_tokens')).rowCount).toBe(0);
      expect((await app.events('acme')).length).toBe(before);
    });

    it('200: tells everything that is wrong with it at once', async () => {
      const claims = { ...GITHUB_CLAIMS, aud: 'another', exp: 1_700_000_000, ref: { deep: [1] } };
      const { matches, mismatches } = await simulate({ subject_token: await issuer.token(claims) });
      expect(matches).toBe(false);
      expect(mismatches).toEqual([
        { claim: 'aud', expected: 'coffer', actual: 'another' },
        { claim: 'exp', expected: expect.stringMatching(/^after 2/), actual: '2023-11-14T22:13:20.000Z' },
        { claim: 'ref', expected: expect.any(Array), actual: 'an object' },
      ]);
    });

    it('200: a forged one does not match, whatever it says', async () => {
      const forged = (await issuer.token(GITHUB_CLAIMS)).replace(/.{8}$/, 'AAAAAAAA');
      const { mismatches } = await simulate({ subject_token: forged });
      expect(mismatches).toEqual([
        {
          claim: 'signature',
          expected: 'made with a key that the issuer publishes',
          actual: 'by another key',
        },
      ]);
    });

    it('200: says why the keys of an issuer cannot be had', async () => {
      const silent = await Issuer.start();
      await silent.stop();
      const { id } = await trustIn(app, owner, 'acme/web/prod', silent, { name: 'silent' });
      const body = { subject_token: await silent.token() };
      const answer = await app.as(owner).post(`/acme/web/trusts/${id}/simulate`, body).expect(200);
      expect(answer.body.mismatches).toMatchObject([
        { claim: 'signature', actual: expect.stringContaining('ECONNREFUSED') },
      ]);
    });

    it('200: something that is no token', async () => {
      const { mismatches } = await simulate({ subject_token: 'no token' });
      expect(mismatches).toEqual([
        { claim: 'subject_token', expected: 'a signed JSON Web Token', actual: null },
      ]);
    });
  });

  it.each([
    ['neither', {}, ['claims']],
    ['both', { subject_token: 'a', claims: {} }, ['claims', 'subject_token']],
    ['a list of claims', { claims: [] }, ['claims']],
    ['null', { claims: null }, ['claims']],
    ['an empty token', { subject_token: '' }, ['subject_token']],
    ['a token that is a number', { subject_token: 7 }, ['subject_token']],
    ['a token of 20,000 characters', { subject_token: 'x'.repeat(20_000) }, ['subject_token']],
    ['an unknown field', { claims: {}, trust: 'x' }, ['trust']],
  ])('400: %s', async (_, body, fields) => {
    const answer = await app.as(owner).post(path, body).expect(400);
    const found = (answer.body.details as { field: string }[]).map(({ field }) => field);
    expect([...new Set(found)].sort()).toEqual(fields);
  });

  it('403: whoever may manage tokens in one environment learns nothing of a trust of the whole project', async () => {
    const admin = await app.world.user('dev-admin');
    await app.world.grant(owner, admin, 'admin', 'acme/web/dev');
    const whole = await trustIn(app, owner, 'acme/web', issuer, {
      name: 'whole',
      claims: { repository_id: '74' },
    });
    await app.as(admin).post(`/acme/web/trusts/${whole.id}/simulate`, { claims: {} }).expect(403);
    expect((await app.events('acme')).at(-1)).toMatchObject({ action: 'trust.simulate', outcome: 'denied' });
    await app.as(admin).post(path, { claims: {} }).expect(404);
  });

  it('404: an id of nothing', async () => {
    const other = path.replace(/[0-9a-f-]{36}/, '7f9f2a4e-0f0c-4a3f-8f4e-0b6d1c2e3a40');
    await app.as(owner).post(other, { claims: {} }).expect(404);
    await expect(lastExchange(app)).rejects.toThrow('no exchange');
  });
});
