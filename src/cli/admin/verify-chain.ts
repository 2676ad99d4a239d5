import { createPublicKey, type KeyObject } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isSignedBy, type Head } from '../../audit/hash-chain.js';
import type { Call } from '../call.js';
import { EXIT, Failure, systemReason, usage } from '../failure.js';
import { isRecord, parsed } from '../json.js';
import { print, printable, printJson } from '../terminal.js';
import { ChainCheck } from './chain-check.js';

// `coffer audit verify`: needs the exported file and nothing else. It works by the rules of `src/audit/hash-chain.ts`, which
// the service writes by.

type SignedHead = Head & Readonly<{ publicKey: string }>;

const MOST_SHOWN = 100;

export async function verify(call: Call): Promise<void> {
  const file = call.argument(0);
  const given = call.flags.text('head');
  const check = new ChainCheck();
  const inFile = await readChain(file, check);
  check.finish();
  if (given !== undefined && inFile !== null)
    throw usage(`The head is the last line of ${file} already: leave --head out.`);
  const head = given === undefined ? inFile : readHead(given);
  checkHead(head, check, call.flags.text('publicKey'));
  const { findings, count } = check;
  if (findings.length > 0) call.exitCode = EXIT.failed;
  if (call.json) return printJson({ ok: findings.length === 0, records: count, head, findings });
  if (findings.length === 0) {
    return print(
      `All ${String(count)} records are as they were written, up to the head that was signed at ${printable(head?.at ?? '')}.\nSigned with: ${printable(head?.publicKey ?? '')}\n`,
    );
  }
  const shown = findings.slice(0, MOST_SHOWN).map((finding) => `\n  ${printable(finding)}`);
  const rest = findings.length - shown.length;
  throw new Failure(
    EXIT.failed,
    `${file} is not the chain that was written:${shown.join('')}${rest > 0 ? `\n  and ${String(rest)} more` : ''}`,
  );
}

/** Hands every record to `check`; gives back the head, when the file ends with one. */
async function readChain(file: string, check: ChainCheck): Promise<SignedHead | null> {
  let head: SignedHead | null = null;
  let number = 0;
  try {
    for await (const line of createInterface({
      input: createReadStream(file),
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      number += 1;
      if (line === '') continue;
      const data = parsed(line);
      if (head !== null)
        check.findings.push(`line ${String(number)} stands after the head, which ends the file`);
      const found = headIn(data);
      if (found !== null) head = found;
      else if (!check.add(data)) check.findings.push(damaged(number, data, check));
      else if (JSON.stringify(data) !== line) check.findings.push(rewritten(number, data));
    }
  } catch (error) {
    throw new Failure(EXIT.failed, `The file ${file} cannot be read: ${systemReason(error)}.`);
  }
  return head;
}

/** A line whose fields are not those of a record may still say which one it was. */
function damaged(number: number, data: unknown, { last }: ChainCheck): string {
  const seq = isRecord(data) && Number.isSafeInteger(data['seq']) ? Number(data['seq']) : null;
  if (seq !== null)
    return `record ${String(seq)} was changed: line ${String(number)} is no record of a trail any more`;
  return `line ${String(number)}, where record ${String((last?.seq ?? 0) + 1)} belongs, is damaged or cut off`;
}

/** A key that comes twice is read by one program as this and by another as that, and the hash fits all the same. */
function rewritten(number: number, data: unknown): string {
  const seq = isRecord(data) ? Number(data['seq']) : 0;
  return `record ${String(seq)} was changed: line ${String(number)} is not as the service writes it`;
}

function checkHead(head: SignedHead | null, check: ChainCheck, expectedKey: string | undefined): void {
  const { findings, last } = check;
  if (head === null) {
    findings.push(
      `there is no signed head: whether record ${String((last?.seq ?? 0) + 1)} and later ones were cut off cannot be told (give it with --head)`,
    );
    return;
  }
  const key = publicKeyFrom(head.publicKey);
  if (key === null || !isSignedBy(key, head))
    findings.push('the signature of the head does not hold: the head was changed');
  if (expectedKey !== undefined && expectedKey !== head.publicKey) {
    findings.push('the head was signed with another key than --public-key names');
  }
  check.compareWith(head);
}

function readHead(file: string): SignedHead {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(EXIT.failed, `The file ${file} cannot be read: ${systemReason(error)}.`);
  }
  const data = parsed(text);
  const head = headIn(data);
  if (head === null)
    throw new Failure(EXIT.failed, `${file} holds no signed head: {seq, hash, at, signature, publicKey}.`);
  return head;
}

/** As `coffer audit export` writes it, or as the service answers. */
function headIn(data: unknown): SignedHead | null {
  if (!isRecord(data)) return null;
  const { seq, hash, at, signature, publicKey } = isRecord(data['head']) ? data['head'] : data;
  if (typeof seq !== 'number' || typeof hash !== 'string' || typeof at !== 'string') return null;
  if (typeof signature !== 'string' || typeof publicKey !== 'string') return null;
  return { seq, hash, at, signature, publicKey };
}

function publicKeyFrom(text: string): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}
