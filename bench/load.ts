/** One series of requests, sent over and over by a number of connections, and what came of it. */
export type Request = Readonly<{
  method: 'GET' | 'PUT' | 'POST';
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
}>;

export type Job = Readonly<{
  url: string;
  /** Sent in turn; each connection starts at another one. */
  requests: readonly Request[];
  connections: number;
  warmUpSeconds: number;
  seconds: number;
  /** The one status that counts. */
  status: number;
  /** Requests a second, all connections together; null for as many as possible. */
  rate: number | null;
}>;

export type Measured = Readonly<{
  /** Requests a second. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  /** How many were not answered as expected, by the status that they got, or `no answer`. */
  failures: Failures;
}>;

export type Failures = Readonly<Record<string, number>>;

export function together(all: readonly Failures[]): Failures {
  const sum: Record<string, number> = {};
  for (const [what, count] of all.flatMap(Object.entries<number>)) sum[what] = (sum[what] ?? 0) + count;
  return sum;
}
