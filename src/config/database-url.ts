// URLs of databases as PostgreSQL's own clients read them
// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING): several hosts, each with its port, and
// what a host must be like to be worked with.

import { Malformed } from './malformed.js';

export type DatabaseHost = Readonly<{ host: string; port: number }>;

/** Which hosts will do: every one, one that takes writes, or one that follows no other. */
export type Target = (typeof TARGETS)[number];

export type DatabaseAddress = Readonly<{
  /** For a driver that knows of one host: the first one's. */
  url: string;
  /** In the order in which they are tried. Empty when there is no choice: then `url` says it all. */
  hosts: readonly DatabaseHost[];
  target: Target;
}>;

const TARGETS = ['any', 'read-write', 'primary'] as const;
const DEFAULT_PORT = 5432;

const SHAPE =
  /^(?<login>postgres(?:ql)?:\/\/(?:[^@/?#\s]*@)?)(?<places>[^@/?#\s]*)(?<path>\/[^?#\s]*)?(?:\?(?<query>[^#\s]*))?$/;

/** The text itself, when it is the URL of a database. */
export function databaseUrlFromText(text: string): string {
  databaseAddressFrom(text);
  return text;
}

/**
 * What such a URL says. Of several hosts one is sought that takes writes, unless the URL asks for something else: there is no use for another.
 * Throws `Malformed` with everything that is wrong.
 */
export function databaseAddressFrom(url: string): DatabaseAddress {
  const shape = SHAPE.exec(url)?.groups;
  if (shape === undefined) {
    throw new Malformed('must be a PostgreSQL URL, such as postgresql://user:password@host:5432/database');
  }
  if (!isDecodable(url)) {
    throw new Malformed('has a % that begins no escape; write % itself as %25');
  }
  const { login = '', places = '', path = '', query = '' } = shape;
  const parameters = new URLSearchParams(query);
  const hosts = namesOf(places, parameters);
  const ports = portsOf(places, parameters);
  const target = targetOf(parameters);
  const problems = [
    ...problemsOfHosts(places, hosts, ports),
    ...(target === null ? [`must have one of these as its target_session_attrs: ${TARGETS.join(', ')}`] : []),
  ];
  if (problems.length > 0) throw new Malformed(problems.join('; and it '));
  if (hosts.length < 2) return { url, hosts: [], target: target ?? 'any' };
  const [first = ''] = hosts;
  const rest = query
    .split('&')
    .filter((pair) => pair !== '' && !/^(host|port|target_session_attrs)=/.test(pair));
  return {
    url: `${login}${written(first)}${path}${rest.length === 0 ? '' : `?${rest.join('&')}`}`,
    hosts: hosts.map((host, index) => ({
      host,
      port: Number(ports[ports.length === 1 ? 0 : index]) || DEFAULT_PORT,
    })),
    target: target ?? 'read-write',
  };
}

function namesOf(places: string, parameters: URLSearchParams): string[] {
  const listed = parameters.get('host') ?? '';
  if (listed !== '') return listed.split(',');
  return places
    .split(',')
    .map((place) => decodeURIComponent(place.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1')));
}

function portsOf(places: string, parameters: URLSearchParams): string[] {
  const listed = parameters.get('port') ?? '';
  if (listed !== '') return listed.split(',');
  return places.split(',').map((place) => /:(\d*)$/.exec(place)?.[1] ?? '');
}

/** Null for one that is not known. */
function targetOf(parameters: URLSearchParams): Target | undefined | null {
  const wanted = parameters.getAll('target_session_attrs').at(-1);
  return wanted === undefined ? undefined : (TARGETS.find((target) => target === wanted) ?? null);
}

function problemsOfHosts(places: string, hosts: readonly string[], ports: readonly string[]): string[] {
  const problems: string[] = [];
  const arePlaces = places.split(',').every((place) => place === '' || URL.canParse(`postgresql://${place}`));
  if (!arePlaces || ports.some((port) => !/^\d*$/.test(port) || Number(port) > 65_535)) {
    problems.push('has a host or a port that cannot be one');
  }
  if (hosts.length > 1 && hosts.includes('')) problems.push('has an empty place in its list of hosts');
  if (ports.length > 1 && ports.length !== hosts.length) {
    problems.push('must have one port for each of its hosts, or one for all of them');
  }
  return problems;
}

/** A host as a URL has it: an IPv6 address in brackets, the folder of a socket without slashes. */
function written(host: string): string {
  return host.includes(':') ? `[${host}]` : encodeURIComponent(host);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
