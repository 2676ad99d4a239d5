import { DataKeys } from '../src/crypto/data-key.js';
import { Child } from './child.js';
import type { BenchKey, BenchOrg, DataSet } from './data-set.js';

/** What the floors know from the start; the service has to find out for itself. */
export type FloorFacts = Readonly<{
  databaseUrl: string;
  passwordHash: string;
  keys: FloorKeys;
}>;

/** By environment: its own key, and its project's for fingerprints. */
export type FloorKeys = ReadonlyMap<string, Readonly<{ own: BenchKey; project: BenchKey }>>;

export type FloorPlace = Readonly<{ url: string }>;

export function floorFacts(databaseUrl: string, { orgs, users }: DataSet): FloorFacts {
  const keys = new Map(orgs.flatMap(keysOf));
  return { databaseUrl, passwordHash: users.passwordHash, keys };
}

function keysOf(org: BenchOrg): [string, { own: BenchKey; project: BenchKey }][] {
  return org.environments.map(({ id, key }) => [id, { own: key, project: org.projectKey }]);
}

export function dataKeysOf({ id, bytes }: BenchKey): DataKeys {
  return new DataKeys(new Map([[id, bytes]]), id);
}

export function startFloor(): Child<FloorFacts, FloorPlace> {
  return Child.start('floor-process.ts');
}
