import { isSlug } from '../../src/access/slug.js';
import { RESERVED_SLUGS } from '../../src/tenancy/slug.js';
import { TestApp } from '../support/app.js';
import { routesOf } from '../support/routes.js';

describe('the slugs that the service keeps for itself', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start();
  });

  afterAll(() => app.close());

  it('are at least every first path segment of its own routes', () => {
    const firsts = new Set(routesOf(app.app).map(({ path }) => path.split('/')[1] ?? ''));
    const words = [...firsts].filter((first) => !first.startsWith('{'));
    expect(words).toEqual(expect.arrayContaining(['orgs', 'auth', 'healthz']));
    expect(words.filter((word) => isSlug(word) && !RESERVED_SLUGS.has(word))).toEqual([]);
  });

  it('are slugs: a word that could not be one needs no keeping', () => {
    expect([...RESERVED_SLUGS].filter((word) => !isSlug(word))).toEqual([]);
  });

  it('leave no organisation in the way of another path of the service', () => {
    const withOrganisation = routesOf(app.app).filter(({ path }) => path.includes('{o}'));
    const starts = new Set(withOrganisation.map(({ path }) => path.split('/').slice(1, 2).join('/')));
    expect([...starts].sort()).toEqual(['orgs', '{o}']);
  });
});
