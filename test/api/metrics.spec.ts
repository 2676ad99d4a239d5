import { Metrics } from '../../src/http/metrics.js';
import { TestApp } from '../support/app.js';
import { Client } from '../support/client.js';

describe('metrics', () => {
  let app: TestApp;
  let watcher: Client;

  beforeAll(async () => {
    app = await TestApp.start({ config: { metricsListen: { host: '127.0.0.1', port: 0 } } });
    watcher = new Client(`http://127.0.0.1:${String(app.app.get(Metrics).port)}`, null);
    const owner = await app.world.user('olivia');
    await app.world.org('canary-org', owner);
    await (await app.world.environment('canary-org/canary-project/prod', owner)).secret('CANARY', 'x');
    await app.as(owner).get('/canary-org/canary-project/envs/prod/secrets').expect(200);
    await app.as(owner).get('/canary-org/canary-project/envs/prod/secrets/CANARY/value').expect(403);
    await app.as(null).get('/nowhere/at/all/with/canary').expect(404);
  });

  afterAll(() => app.close());

  it('count requests by route and status, and say how long they took', async () => {
    const { text } = await watcher
      .get('/metrics')
      .expect(200)
      .expect('content-type', /^text\/plain/);
    expect(text).toMatch(
      /coffer_http_requests_total\{method="GET",route="\/:o\/:p\/envs\/:envName\/secrets",status="200"\} 1/,
    );
    expect(text).toMatch(/route="\/:o\/:p\/envs\/:envName\/secrets\/:name\/value",status="403"\} 1/);
    expect(text).toMatch(/coffer_http_request_duration_seconds_count\{/);
  });

  it('tell of the pool, of audit records, of keys in memory and of the process', async () => {
    const { text } = await watcher.get('/metrics').expect(200);
    expect(text).toMatch(/coffer_database_connections\{state="total"\} [1-9]/);
    expect(text).toMatch(/coffer_audit_record_duration_seconds\{quantile="0.99"\} 0\.\d/);
    expect(text).toMatch(/coffer_key_cache_owners [1-9]/);
    expect(text).toMatch(/process_resident_memory_bytes \d/);
  });

  it('carry no name of a tenant', async () => {
    const { text } = await watcher.get('/metrics').expect(200);
    expect(text.toLowerCase()).not.toContain('canary');
    expect(text).not.toContain('olivia');
  });

  it('are served on their own address alone, and nothing else is served there', async () => {
    await app.as(null).get('/metrics').expect(404);
    await watcher.get('/orgs').expect(404);
    await watcher.post('/metrics', {}).expect(404);
  });

  it('keep the service from starting when their port is taken, and say whose it is', async () => {
    const port = app.app.get(Metrics).port ?? 0;
    const second = TestApp.start({ config: { metricsListen: { host: '127.0.0.1', port } } });
    await expect(second).rejects.toThrow(/COFFER_METRICS_LISTEN: .*EADDRINUSE/);
  });

  it('are off by default', async () => {
    const quiet = await TestApp.start();
    expect(quiet.app.get(Metrics).port).toBeNull();
    await quiet.close();
  });
});
