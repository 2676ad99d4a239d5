// The load, in a process of its own: autocannon, so that whoever answers has its processor to itself. Times are taken
// here request by request, since autocannon's own histogram knows whole milliseconds only.

import { performance } from 'node:perf_hooks';
import autocannon from 'autocannon';
import { answerQuestions } from './child.js';
import type { Job, Measured, Request } from './load.js';

const SAMPLES_EVERY_MS = 50;

answerQuestions((job: Job) => load(job));

function load(job: Job): Promise<Measured> {
  const times: number[] = [];
  const failures: Record<string, number> = {};
  const fail = (what: string): void => {
    failures[what] = (failures[what] ?? 0) + 1;
  };
  let connection = 0;
  let from = Infinity;
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url: job.url,
        connections: job.connections,
        duration: job.warmUpSeconds + job.seconds,
        sampleInt: SAMPLES_EVERY_MS,
        timeout: 30,
        ...(job.rate === null ? {} : { overallRate: job.rate }),
        setupClient: (client) => {
          const first = Math.floor((connection * job.requests.length) / job.connections);
          connection += 1;
          client.setRequests(startingAt(job.requests, first));
        },
      },
      (error: Error | null) => {
        if (error !== null) reject(error);
        else resolve({ ...summary(times, job.seconds), failures });
      },
    );
    instance.on('start', () => {
      from = performance.now() + job.warmUpSeconds * 1000;
    });
    instance.on('response', (_client, status, _bytes, milliseconds) => {
      const counted = (performance.now() - from) / 1000;
      if (status !== job.status) fail(String(status));
      else if (counted >= 0 && counted < job.seconds) times.push(milliseconds);
    });
    instance.on('reqError', () => {
      fail('no answer');
    });
  });
}

function startingAt(requests: readonly Request[], first: number): autocannon.Request[] {
  return [...requests.slice(first), ...requests.slice(0, first)].map(({ method, path, headers, body }) => ({
    method,
    path,
    headers: { ...headers },
    ...(body === undefined ? {} : { body }),
  }));
}

function summary(times: number[], seconds: number): Pick<Measured, 'rate' | 'p50' | 'p99'> {
  const sorted = Float64Array.from(times).sort();
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
  return { rate: sorted.length / seconds, p50: at(0.5), p99: at(0.99) };
}
