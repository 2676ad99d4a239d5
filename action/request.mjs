// One request, tried again for a while when the trouble will pass, and told in a sentence when it will not.

import { setTimeout as wait } from 'node:timers/promises';

const ATTEMPTS = 4;
const TIMEOUT_MS = 30_000;
const LONGEST_WAIT_S = 20;
const PASSING = new Set([429, 500, 502, 503, 504]);

/** The body and the headers of a 200. Follows no redirect, which would carry the token along. */
export async function requestText(url, options, who) {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attemptOnce(url, options, who);
    if (outcome.failure === undefined) return outcome;
    if (attempt === ATTEMPTS || !outcome.mayPass) throw new Error(outcome.failure);
    await wait(1_000 * (outcome.retryAfter ?? 2 ** (attempt - 1)));
  }
}

async function attemptOnce(url, options, who) {
  let response;
  let text;
  try {
    response = await fetch(url, { ...options, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    text = await response.text();
  } catch (error) {
    const reason = error.cause?.code ?? error.name;
    return { failure: `${who} cannot be reached at ${new URL(url).origin} (${reason}).`, mayPass: true };
  }
  if (response.status === 200) return { text, headers: response.headers };
  const after = Number(response.headers.get('retry-after') ?? NaN);
  return {
    failure: `${who} answered ${response.status}: ${reasonIn(text)}`,
    mayPass: PASSING.has(response.status) && !(after > LONGEST_WAIT_S),
    retryAfter: after >= 0 ? after : undefined,
  };
}

/** What an error says of itself, in the server's form or in OAuth's. */
function reasonIn(text) {
  try {
    const { error, error_description: description, details = [] } = JSON.parse(text);
    const named = details.map((detail) => detail.name ?? detail.permission ?? detail.field).filter(Boolean);
    const sentence = description ?? error;
    if (typeof sentence === 'string')
      return named.length === 0 ? sentence : `${sentence} (${named.join(', ')})`;
  } catch {
    // Not JSON: a proxy answered, whose page helps nobody here.
  }
  return 'no reason was given.';
}
