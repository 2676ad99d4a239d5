import type { View } from './api-client.js';
import type { Call } from './call.js';
import { EXIT, usage } from './failure.js';
import { withProgress } from './progress.js';
import { environmentFrom, environmentOf, nameOf, type Project } from './scope.js';
import { printTable } from './table.js';
import { printable, printJson, say } from './terminal.js';

// Two environments of one project, side by side. The service compares and copies; no value comes here.

export async function diff(call: Call): Promise<void> {
  const project = projectOf(call);
  const from = environmentOf(project, call.argument(0));
  const to = environmentOf(project, call.argument(1));
  const path = { o: project.org, p: project.project };
  const compared = await call.api.get('/{o}/{p}/diff', { path, query: { from, to } });
  const differs = compared.some(({ state }) => state !== 'same' && state !== 'no-value');
  if (differs && call.flags.isSet('exitCode')) call.exitCode = EXIT.failed;
  if (call.json) return printJson(compared);
  if (compared.length === 0) {
    say(`Nothing is declared in ${from} or ${to} of ${nameOf(project)}.`);
    return;
  }
  await printTable(
    ['NAME', 'STATE'],
    compared.map(({ name, state }) => [name, wordsFor(state, from, to)]),
  );
}

/** Of the first argument that is a whole path, or of the chosen environment. */
function projectOf(call: Call): Project {
  const whole = environmentFrom(call.argument(0)) ?? environmentFrom(call.argument(1));
  const { org, project } = whole ?? call.environment;
  return { org, project };
}

function wordsFor(state: View<'DiffView'>['state'], from: string, to: string): string {
  switch (state) {
    case 'same':
    case 'different':
      return state;
    case 'only-in-from':
      return `missing in ${to}`;
    case 'only-in-to':
      return `missing in ${from}`;
    case 'no-value-in-from':
      return `without a value in ${from}`;
    case 'no-value-in-to':
      return `without a value in ${to}`;
    case 'no-value':
      return 'without a value in both';
  }
}

export async function promote(call: Call): Promise<void> {
  const target = call.environment;
  const from = environmentOf(target, call.flags.required('from'));
  if (from === target.environment)
    throw usage(`${from} is the chosen environment itself: promote from another one.`);
  const names = [...new Set(call.rest(0))];
  const body = { from, ...(names.length > 0 && { names }) };
  const { promoted, revision } = await withProgress(`Promoting from ${from} to ${call.placeName}`, () =>
    call.api.post('/{o}/{p}/envs/{envName}/promote', { path: call.place, body }),
  );
  if (call.json) return printJson({ revision, promoted });
  if (promoted.length === 0) {
    say(`Nothing has a value in ${from}: nothing was promoted.`);
    return;
  }
  const list = promoted.map((name) => `\n  ${printable(name)}`).join('');
  say(
    `Promoted ${String(promoted.length)} from ${from} to ${call.placeName}, revision ${String(revision)}.${list}`,
  );
}
