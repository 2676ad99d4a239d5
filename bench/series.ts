import { isDeepStrictEqual } from 'node:util';
import {
  environmentOf,
  PROJECT,
  secretName,
  tokenOf,
  valueOf,
  type BenchEnvironment,
  type BenchOrg,
  type BenchUsers,
} from './data-set.js';
import type { Request } from './load.js';

/** Requests of one kind to one server, and how a right answer to the first of them looks. */
export type Series = Readonly<{
  url: string;
  connections: number;
  requests: readonly Request[];
  status: number;
  isRight: (body: string) => boolean;
}>;

export type Target = Readonly<{ url: string; kind: 'service' | 'floor' }>;

const JSON_BODY = { 'content-type': 'application/json' };

/** One value after the other, in each of the organisations in turn. */
export function oneValue(
  target: Target,
  orgs: readonly BenchOrg[],
  environmentName: string,
  connections: number,
  floor: 'one' | 'audited' = 'one',
): Series {
  const places = placesIn(orgs, environmentName, 200);
  const requests = places.map(({ org, environment, index }) => {
    const name = secretName(index);
    return target.kind === 'floor'
      ? floorRequest('GET', [floor, org.id, environment.id, name])
      : serviceRequest('GET', org, environment, `secrets/${name}/value`, 'consumer');
  });
  const [{ environment, index }] = places;
  const expected = { name: secretName(index), value: valueOf(environment, index), version: 1 };
  const isRight = (body: string): boolean => isDeepStrictEqual(JSON.parse(body), expected);
  return { url: target.url, connections, requests, status: 200, isRight };
}

/** All values of an environment. */
export function allValues(
  target: Target,
  org: BenchOrg,
  environmentName: string,
  connections: number,
): Series {
  const environment = environmentOf(org, environmentName);
  const request =
    target.kind === 'floor'
      ? floorRequest('GET', ['values', org.id, environment.id])
      : serviceRequest('GET', org, environment, 'values', 'consumer');
  const expected = Object.fromEntries(
    Array.from({ length: environment.size }, (_, index) => [secretName(index), valueOf(environment, index)]),
  );
  const isRight = (body: string): boolean => isDeepStrictEqual(field(body, 'values'), expected);
  return { url: target.url, connections, requests: [request], status: 200, isRight };
}

/** Asks for values that the client has already. */
export function knownValues(
  target: Target,
  org: BenchOrg,
  environmentName: string,
  connections: number,
): Series {
  const environment = environmentOf(org, environmentName);
  const request = serviceRequest('GET', org, environment, 'values', 'consumer');
  // The data set has one revision for each of its values.
  const headers = { ...request.headers, 'if-none-match': `"${String(environment.size)}"` };
  return {
    url: target.url,
    connections,
    requests: [{ ...request, headers }],
    status: 304,
    isRight: (body) => body === '',
  };
}

/** The secrets of an environment, without their values. */
export function list(target: Target, org: BenchOrg, environmentName: string, connections: number): Series {
  const environment = environmentOf(org, environmentName);
  const request =
    target.kind === 'floor'
      ? floorRequest('GET', ['list', org.id, environment.id])
      : serviceRequest('GET', org, environment, 'secrets', 'consumer');
  const isRight = (body: string): boolean => {
    const items: unknown = JSON.parse(body);
    return Array.isArray(items) && items.length === environment.size;
  };
  return { url: target.url, connections, requests: [request], status: 200, isRight };
}

/** Sets one value after the other, in each of the organisations in turn. */
export function setValue(
  target: Target,
  orgs: readonly BenchOrg[],
  environmentName: string,
  connections: number,
): Series {
  const requests = placesIn(orgs, environmentName, 100).map(({ org, environment, index }) => {
    const body = { value: valueOf(environment, index) };
    const name = secretName(index);
    return target.kind === 'floor'
      ? floorRequest('PUT', ['set', org.id, environment.id, name], body)
      : serviceRequest('PUT', org, environment, `secrets/${name}/value`, 'deployer', body);
  });
  const isRight = (body: string): boolean => Number(field(body, 'version')) > 1;
  return { url: target.url, connections, requests, status: 200, isRight };
}

/** Sets all values of an environment in one request. */
export function changeValues(
  target: Target,
  org: BenchOrg,
  environmentName: string,
  connections: number,
): Series {
  const environment = environmentOf(org, environmentName);
  const changes = Array.from({ length: environment.size }, (_, index) => ({
    op: 'set',
    name: secretName(index),
    value: valueOf(environment, index),
  }));
  const request = serviceRequest('POST', org, environment, 'changes', 'deployer', { changes });
  const isRight = (body: string): boolean => field(body, 'applied') === environment.size;
  return { url: target.url, connections, requests: [request], status: 200, isRight };
}

export function login(target: Target, users: BenchUsers, connections: number): Series {
  const requests = users.names.map((name): Request => {
    const body = JSON.stringify({ login: name, password: users.password });
    const path = target.kind === 'floor' ? '/login' : '/auth/login';
    return { method: 'POST', path, headers: JSON_BODY, body };
  });
  const isRight = (body: string): boolean =>
    target.kind === 'floor' ? field(body, 'matches') === true : field(body, 'tokenType') === 'Bearer';
  return { url: target.url, connections, requests, status: 200, isRight };
}

export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

/** Sends the first request once and throws unless it is answered as it must be: wrong answers are not worth measuring. Throws `WrongAnswer`. */
export async function checkAnswer({ url, requests, status, isRight }: Series): Promise<void> {
  const [first] = requests;
  if (first === undefined) throw new Error('A series has no request.');
  const { method, path, headers, body = null } = first;
  const answer = await fetch(`${url}${path}`, { method, headers, body });
  const text = await answer.text();
  if (answer.status === status && isRight(text)) return;
  const found = answer.status === status ? 'another answer' : `${String(answer.status)} ${text}`;
  throw new WrongAnswer(`${method} ${path} must be answered ${String(status)}; found ${found}.`);
}

type Place = Readonly<{ org: BenchOrg; environment: BenchEnvironment; index: number }>;

/** About `count` secrets, spread over the environment and turn by turn over the organisations. At least one. */
function placesIn(orgs: readonly BenchOrg[], environmentName: string, count: number): [Place, ...Place[]] {
  const each = Math.ceil(count / orgs.length);
  const places = Array.from({ length: each }, (_, turn) =>
    orgs.map((org) => {
      const environment = environmentOf(org, environmentName);
      return { org, environment, index: Math.floor((turn * environment.size) / each) };
    }),
  ).flat();
  const [first, ...rest] = places;
  if (first === undefined) throw new Error('A series needs an organisation.');
  return [first, ...rest];
}

function serviceRequest(
  method: Request['method'],
  org: BenchOrg,
  environment: BenchEnvironment,
  route: string,
  role: 'consumer' | 'deployer',
  body?: object,
): Request {
  const authorization = `Bearer ${tokenOf(org, role)}`;
  const path = `/${org.slug}/${PROJECT}/envs/${environment.name}/${route}`;
  return body === undefined
    ? { method, path, headers: { authorization } }
    : { method, path, headers: { authorization, ...JSON_BODY }, body: JSON.stringify(body) };
}

function floorRequest(method: Request['method'], path: readonly string[], body?: object): Request {
  const request = { method, path: `/${path.join('/')}`, headers: {} };
  return body === undefined ? request : { ...request, headers: JSON_BODY, body: JSON.stringify(body) };
}

function field(body: string, name: string): unknown {
  const parsed: unknown = JSON.parse(body);
  return typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, name) : undefined;
}
