// The rows of the table, each with the bars that it has to clear. A bar is a ratio within one run: this machine, this
// server, these rows.

import type { BenchOrg, DataSet, Shape } from './data-set.js';
import {
  allValues,
  changeValues,
  knownValues,
  list,
  login,
  oneValue,
  setValue,
  type Series,
  type Target,
} from './series.js';

export type Bar = Readonly<{ least: number } | { most: number }>;

export type Comparison = Readonly<{
  with: string;
  series: Series;
  bar: Bar;
  /** How many requests of the comparison one request of the row stands for. */
  weight: number;
}>;

export type Row = Readonly<{
  title: string;
  by: 'rate' | 'p50';
  series: Series;
  against: readonly Comparison[];
}>;

/** One organisation with a thousand secrets, and nineteen smaller ones. */
export const SMALL: readonly Shape[] = Array.from({ length: 20 }, (_, index) => ({
  hundred: 100,
  writes: 100,
  'floor-writes': 100,
  ...(index === 0 ? { thousand: 1_000 } : {}),
}));

/** A thousand organisations with a thousand secrets each. */
export const MILLION: readonly Shape[] = Array.from({ length: 1_000 }, (_, index) => ({
  thousand: 1_000,
  ...(index < 20 ? { hundred: 100, writes: 100 } : {}),
}));

/** What the API description must name before the row of the same key can be measured. */
export const ROUTES: Readonly<Partial<Record<string, string>>> = {
  'changes of 100 values': '/{o}/{p}/envs/{envName}/changes',
};

const CONNECTIONS = 10;
const MANY_CONNECTIONS = 50;

export function rowsOf(service: Target, floor: Target, data: DataSet): Row[] {
  const { one, twenty } = orgsOf(data);
  const of = rates(service, data);
  return [
    row('get one value, 50 connections, one organisation', of.oneValue, [
      ['floor', oneValue(floor, one, 'thousand', MANY_CONNECTIONS), { least: 0.8 }],
      ['audited floor', oneValue(floor, one, 'thousand', MANY_CONNECTIONS, 'audited'), { least: 6 }],
    ]),
    row('get one value, 50 connections, twenty organisations', of.oneValueOfTwenty, [
      ['floor', oneValue(floor, twenty, 'hundred', MANY_CONNECTIONS), { least: 0.7 }],
      ['audited floor', oneValue(floor, twenty, 'hundred', MANY_CONNECTIONS, 'audited'), { least: 6 }],
    ]),
    {
      ...row('get one value, 1 connection', oneValue(service, one, 'thousand', 1), [
        ['audited floor', oneValue(floor, one, 'thousand', 1, 'audited'), { most: 1.5 }],
      ]),
      by: 'p50',
    },
    row('100 values', of.hundred, [
      ['floor', allValues(floor, one[0], 'hundred', CONNECTIONS), { least: 3 }],
    ]),
    row('1,000 values', of.thousand, [
      ['floor', allValues(floor, one[0], 'thousand', CONNECTIONS), { least: 5 }],
    ]),
    row('304 on values', of.known, [
      ['get one value', oneValue(service, one, 'thousand', CONNECTIONS), { least: 0.9 }],
    ]),
    row('list 100 secrets', of.list, [
      ['floor', list(floor, one[0], 'hundred', CONNECTIONS), { least: 0.5 }],
    ]),
    row('set a value, one organisation', of.set, [
      ['audited floor', setValue(floor, one, 'floor-writes', CONNECTIONS), { least: 0.5 }],
    ]),
    row('set a value, twenty organisations', of.setOfTwenty, [
      ['audited floor', setValue(floor, twenty, 'floor-writes', CONNECTIONS), { least: 0.5 }],
    ]),
    row('changes of 100 values', changeValues(service, one[0], 'writes', CONNECTIONS), [
      ['set a value', of.set, { least: 20 }, 100],
    ]),
    row('login', login(service, data.users, CONNECTIONS), [
      ['bare argon2', login(floor, data.users, CONNECTIONS), { least: 0.85 }],
    ]),
  ];
}

/** What must be about as fast on a database with a million secrets as on one with a thousand, each against itself. */
export function millionRowsOf(service: Target, data: DataSet, million: Target, much: DataSet): Row[] {
  const few = rates(service, data);
  const many = rates(million, much);
  const again = (title: string, kind: keyof typeof few): Row =>
    row(`among a million: ${title}`, many[kind], [['among 1,000', few[kind], { least: 0.8 }]]);
  return [
    again('get one value, 50 connections, one organisation', 'oneValue'),
    again('get one value, 50 connections, twenty organisations', 'oneValueOfTwenty'),
    again('100 values', 'hundred'),
    again('1,000 values', 'thousand'),
    again('304 on values', 'known'),
    again('list 100 secrets', 'list'),
    again('set a value, one organisation', 'set'),
    again('set a value, twenty organisations', 'setOfTwenty'),
  ];
}

function rates(service: Target, data: DataSet) {
  const { one, twenty } = orgsOf(data);
  return {
    oneValue: oneValue(service, one, 'thousand', MANY_CONNECTIONS),
    oneValueOfTwenty: oneValue(service, twenty, 'hundred', MANY_CONNECTIONS),
    hundred: allValues(service, one[0], 'hundred', CONNECTIONS),
    thousand: allValues(service, one[0], 'thousand', CONNECTIONS),
    known: knownValues(service, one[0], 'hundred', CONNECTIONS),
    list: list(service, one[0], 'hundred', CONNECTIONS),
    set: setValue(service, one, 'writes', CONNECTIONS),
    setOfTwenty: setValue(service, twenty, 'writes', CONNECTIONS),
  };
}

function row(
  title: string,
  series: Series,
  against: readonly (readonly [with_: string, series: Series, bar: Bar, weight?: number])[],
): Row {
  const comparisons = against.map(([name, reference, bar, weight = 1]) => ({
    with: name,
    series: reference,
    bar,
    weight,
  }));
  return { title, by: 'rate', series, against: comparisons };
}

function orgsOf({ orgs }: DataSet): { one: readonly [BenchOrg]; twenty: readonly BenchOrg[] } {
  const [first] = orgs;
  if (first === undefined) throw new Error('The data set has no organisation.');
  return { one: [first], twenty: orgs.slice(0, 20) };
}
