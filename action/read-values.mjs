// The one step of the action, run by the runner's Node and with nothing but it: the job's own OIDC token is exchanged for a short-lived token
// of the server, and the values that one reads are hidden in the log before anything else is done with them. Every failure ends the job.

import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { URLSearchParams } from 'node:url';
import { masksOf, readEntries } from './github-env.mjs';
import { requestText } from './request.mjs';

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** What the person who runs the workflow reads as the reason. */
class Failure extends Error {}

/** A workflow command must be one line, and its data must not end it. */
function encoded(data) {
  return data.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function say(line) {
  return new Promise((resolve) => process.stdout.write(`${line}\n`, resolve));
}

async function hide(texts) {
  for (const text of texts) await say(`::add-mask::${encoded(text)}`);
}

function input(name, pattern, what) {
  const value = (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
  if (!pattern.test(value)) throw new Failure(`The input ${name} must be ${what}.`);
  return value;
}

function readInputs() {
  const server = input(
    'server',
    /^https?:\/\/[^\s?#@]+$/,
    'the URL of the server, such as https://coffer.example.com',
  );
  const { protocol, hostname } = new URL(server);
  if (protocol !== 'https:' && !LOOPBACK.test(hostname)) {
    throw new Failure(
      'The input server must be an https URL: the values would travel for everybody to read.',
    );
  }
  const trust = input('trust', /^[^/\s]+\/[^/\s]+\/.+$/, 'organisation/project/trust');
  const [org, project] = trust.split('/');
  return {
    server: server.replace(/\/+$/, ''),
    trust,
    place: [org, project, 'envs', input('environment', /^[a-z0-9-]+$/, 'the name of an environment')],
    audience: input('audience', /^/, 'a text') || server,
    names: input('names', /^[\w.,\s-]*$/, 'names of secrets, separated by commas').replaceAll(/\s+/g, ''),
    missing: input('missing', /^(?:fail|omit)$/, 'fail or omit'),
    exportTo: input('export', /^(?:env|output)$/, 'env or output'),
  };
}

function runnerFile(name) {
  const path = process.env[name];
  if (!path) throw new Failure(`${name} is not set: this is to be run by a GitHub runner.`);
  return path;
}

/** The job's own token, which says which repository and which branch it is. */
async function fetchSubjectToken(audience) {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = process.env;
  if (!url || !token) {
    throw new Failure(
      'This job has no OIDC token. Give it one: permissions: { contents: read, id-token: write }.',
    );
  }
  const target = new URL(url);
  target.searchParams.set('audience', audience);
  const { text } = await requestText(
    target,
    { headers: { authorization: `Bearer ${token}` } },
    "GitHub's OIDC service",
  );
  return textIn(text, 'value', "GitHub's OIDC service");
}

async function exchange(server, trust, subjectToken) {
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: subjectToken,
    audience: trust,
  });
  const { text } = await requestText(
    `${server}/auth/federation/token`,
    { method: 'POST', body },
    'The exchange',
  );
  return textIn(text, 'access_token', 'The exchange');
}

function textIn(json, field, who) {
  let value;
  try {
    value = JSON.parse(json)[field];
  } catch {
    // Said below, like every other answer that is none.
  }
  if (typeof value !== 'string' || value === '') throw new Failure(`${who} answered without ${field}.`);
  return value;
}

async function readValues({ server, place, names, missing }, token) {
  const url = new URL(`${server}/${place.map(encodeURIComponent).join('/')}/values`);
  url.searchParams.set('format', 'github-env');
  if (names !== '') url.searchParams.set('names', names);
  if (missing === 'omit') url.searchParams.set('missing', 'omit');
  const { text, headers } = await requestText(
    url,
    { headers: { authorization: `Bearer ${token}` } },
    'The server',
  );
  return { text, revision: (headers.get('etag') ?? '').replaceAll('"', '') };
}

/** `NAME<<DELIMITER`: whatever the value is, it ends where nobody could guess. */
function asOutput(name, value) {
  const delimiter = `coffer_${randomBytes(16).toString('hex')}`;
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}

async function main() {
  const inputs = readInputs();
  const files = { env: runnerFile('GITHUB_ENV'), output: runnerFile('GITHUB_OUTPUT') };
  const subjectToken = await fetchSubjectToken(inputs.audience);
  await hide([subjectToken]);
  const token = await exchange(inputs.server, inputs.trust, subjectToken);
  await hide([token]);
  const { text, revision } = await readValues(inputs, token);
  const entries = readEntries(text);
  await hide(masksOf(entries));

  const names = entries.map(({ name }) => name).join(',');
  if (inputs.exportTo === 'env') appendFileSync(files.env, text);
  const values = Object.fromEntries(entries.map(({ name, value }) => [name, value]));
  const outputs = {
    revision,
    names,
    ...(inputs.exportTo === 'output' ? { values: JSON.stringify(values) } : {}),
  };
  appendFileSync(
    files.output,
    Object.entries(outputs)
      .map(([name, value]) => asOutput(name, value))
      .join(''),
  );
  await say(
    `Coffer: read ${entries.length} values of ${inputs.place[0]}/${inputs.place[1]}/${inputs.place[3]}, revision ${revision}: ${names}`,
  );
}

main().catch(async (error) => {
  await say(`::error title=Coffer::${encoded(error instanceof Error ? error.message : String(error))}`);
  process.exitCode = 1;
});
