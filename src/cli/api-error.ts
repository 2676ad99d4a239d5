import { EXIT, Failure, type ExitCode } from './failure.js';
import type { Answer } from './http.js';
import { isRecord, parsed } from './json.js';
import { printable } from './terminal.js';

/** A refusal by the service, in words for a person. `code` is the service's word for programs. */
export class Refused extends Failure {
  constructor(
    exitCode: ExitCode,
    message: string,
    readonly status: number,
    readonly code: string | null,
    readonly details: readonly Readonly<Record<string, unknown>>[],
  ) {
    super(exitCode, message);
  }
}

/** What an answer that is no success means. `whose` says which credential was sent, `about` what was asked for. */
export function refusal(answer: Answer, server: string, whose: string | null, about = ''): Failure {
  const body = isJson(answer) ? parsed(answer.body.toString('utf8')) : undefined;
  const said = isRecord(body) ? sentenceOf(body) : null;
  if (!isRecord(body) || said === null) return stranger(answer, server);
  const code = typeof body['code'] === 'string' ? body['code'] : null;
  const details = Array.isArray(body['details']) ? body['details'].filter(isRecord) : [];
  const lines = [...details, ...validationsOf(body)].map(detailLine).filter((line) => line !== null);
  const where = answer.status === 404 && about !== '' ? [`Looked for: ${printable(about)}`] : [];
  const message = [said + advice(answer, whose), ...lines, ...where].join('\n');
  return new Refused(exitCodeOf(answer.status, code), message, answer.status, code, details);
}

type Head = Pick<Answer, 'status' | 'headers'>;

/** A success that is not the JSON that Coffer answers with. */
export function stranger(answer: Head, server: string): Failure {
  const { status } = answer;
  if (status >= 300 && status < 400) {
    return new Failure(
      EXIT.unreachable,
      `${server} sends its callers elsewhere (${String(status)}), and a credential does not follow. Name the server's own address: --server URL`,
    );
  }
  return new Failure(
    EXIT.unreachable,
    `What answers at ${server} is not Coffer, or something stands between (${String(status)}, ${typeOf(answer)}). Check the address: coffer config`,
  );
}

export function isJson({ headers }: Head): boolean {
  return /^application\/(?:[a-z.-]+\+)?json\b/i.test(headers['content-type'] ?? '');
}

function typeOf({ headers }: Head): string {
  const type = /^[a-z]+\/[a-z0-9.+-]+/i.exec(headers['content-type'] ?? '')?.[0];
  return type ?? 'without a type';
}

/** The sentence of any of the service's envelopes. */
function sentenceOf(body: Readonly<Record<string, unknown>>): string | null {
  const said = [body['error'], body['message'], body['detail']].find((each) => typeof each === 'string');
  return typeof said === 'string' ? printable(inOurWords(said)) : null;
}

/** The service speaks to programs: of parameters, and of details that stand below here. */
function inOurWords(said: string): string {
  return said
    .replace(/\bsee details\b/, 'see below')
    .replace(/\bin details\b/, 'below')
    .replace(/\bforce=true\b/, '--force')
    .replace(/\bifVersion\b/, '--if-version');
}

/** The door to personal secrets names broken fields in its own way. */
function validationsOf(body: Readonly<Record<string, unknown>>): Record<string, unknown>[] {
  const { validations } = body;
  if (!Array.isArray(validations)) return [];
  return validations.filter(isRecord).map(({ field, detail }) => ({ field, error: detail }));
}

/** `  value: is too long`; what has neither a field nor a name is in the sentence already. */
function detailLine(detail: Readonly<Record<string, unknown>>): string | null {
  const what = [detail['field'], detail['name']].find((each) => typeof each === 'string');
  if (typeof what !== 'string') return null;
  const error = detail['error'];
  return `  ${printable(what)}${typeof error === 'string' ? `: ${printable(error)}` : ''}`;
}

function exitCodeOf(status: number, code: string | null): ExitCode {
  if (code === 'no_value' || code === 'values_missing') return EXIT.valueMissing;
  if (status === 401 || status === 403) return EXIT.denied;
  if (status >= 502 && status <= 504) return EXIT.unreachable;
  return EXIT.failed;
}

function advice({ status, headers }: Answer, whose: string | null): string {
  if (status === 401 && whose !== null)
    return `\nThe credential from ${whose} was refused: it is unknown, has expired or was revoked.`;
  const after = headers['retry-after'];
  if ((status === 429 || status === 503) && after !== undefined && /^\d{1,6}$/.test(after)) {
    return `\nTry again in ${after} seconds.`;
  }
  if (status === 500 && typeof headers['x-request-id'] === 'string') {
    return `\nRequest id: ${printable(headers['x-request-id'])}`;
  }
  return '';
}
