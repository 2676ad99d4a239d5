import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { Permission } from '../access/permissions.js';
import { Plaintext } from '../crypto/plaintext.js';
import { CofferError, type Details } from '../errors/errors.js';
import { nameProblem, SECRET_NAME } from '../formats/names.js';
import { LARGEST_VALUE, valueProblem } from '../formats/value.js';
import {
  CHANGE_OPS,
  isChangeOp,
  PERMISSION_OF,
  type Change,
  type ChangeOp,
  type ChangeProblem,
} from './change.js';

export const MOST_CHANGES = 500;

const LONGEST_DESCRIPTION = 1_024;
const LONGEST_FIELD_NAME = 100;

/** For the API description. Steps are read by hand: what is wrong with them is told by their place in the list. */
export class ChangeBody {
  @ApiProperty({
    enum: CHANGE_OPS,
    description: '`set` needs `secrets:set-value`, the others `secrets:write`.',
  })
  op!: ChangeOp;

  @ApiProperty({ example: 'DATABASE_URL', pattern: SECRET_NAME.source })
  name!: string;

  @ApiPropertyOptional({
    type: String,
    nullable: true,
    maxLength: LONGEST_DESCRIPTION,
    description: 'With `declare` and `describe`; left out means null.',
  })
  description?: string | null;

  @ApiPropertyOptional({
    description: `With \`set\`: at most ${String(LARGEST_VALUE)} bytes of UTF-8, no NUL. "" is a value.`,
  })
  value?: string;
}

export class ChangesBody {
  @ApiProperty({ type: [ChangeBody], minItems: 1, maxItems: MOST_CHANGES })
  changes!: ChangeBody[];

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description: 'The environment must have this revision.',
  })
  ifRevision?: number;
}

export type ChangesRequest = Readonly<{ changes: readonly Change[]; ifRevision: number | undefined }>;

/**
 * Which permissions a body asks for, before anything else is looked at: one for each kind of step that can be made out in it. One in which
 * none can be made out takes either.
 */
export function permissionsAskedFor(body: unknown): ReadonlySet<Permission> {
  const steps = fieldsOf(body)['changes'];
  if (!Array.isArray(steps)) return new Set();
  const ops = steps.map((step: unknown) => fieldsOf(step)['op']).filter(isChangeOp);
  return new Set(ops.map((op) => PERMISSION_OF[op]));
}

/** The steps of a body. Throws `InvalidRequest`'s code with everything that is wrong with it, `also` included. */
export function readChanges(body: unknown, also: Details): ChangesRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw refused('The body must be a JSON object.', also);
  }
  const { changes: steps, ifRevision, ...unknown } = fieldsOf(body);
  const problems = [
    ...also,
    ...Object.keys(unknown).map((field) => ({
      field: tellable(field),
      error: 'is not a field of this request',
    })),
    ...(isRevision(ifRevision)
      ? []
      : [{ field: 'ifRevision', error: 'must be a revision: a whole number from 0 on' }]),
  ];
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > MOST_CHANGES) {
    const error = `must be a list of 1 to ${String(MOST_CHANGES)} changes`;
    throw refused(undefined, [...problems, { field: 'changes', error }]);
  }
  const read = steps.map(readStep);
  const wrong = [...problems, ...read.flatMap((step) => (Array.isArray(step) ? step : []))];
  if (wrong.length > 0) throw refused(undefined, wrong);
  return {
    changes: read.flatMap((step) => (Array.isArray(step) ? [] : [step])),
    ifRevision: isRevision(ifRevision) ? ifRevision : undefined,
  };
}

/** One step, or everything that is wrong with it. */
function readStep(step: unknown, index: number): Change | ChangeProblem[] {
  const { op, name, description, value, ...unknown } = fieldsOf(step);
  const known = typeof name === 'string' && SECRET_NAME.test(name) ? name : null;
  const errors = [
    ...Object.keys(unknown).map((field) => `${tellable(field)} is not a field of a change.`),
    ...(isChangeOp(op) ? [] : [`The op must be one of ${CHANGE_OPS.join(', ')}.`]),
    ...nameErrors(op, name),
    ...descriptionErrors(op, description),
    ...valueErrors(op, value),
  ];
  if (errors.length > 0) return errors.map((error) => ({ index, name: known, error }));
  return changeOf(op as ChangeOp, known ?? '', description, value);
}

function changeOf(op: ChangeOp, name: string, description: unknown, value: unknown): Change {
  if (op === 'set') return { op, name, value: new Plaintext(typeof value === 'string' ? value : '') };
  if (op === 'delete') return { op, name };
  return { op, name, description: typeof description === 'string' ? description : null };
}

/** A name that is not a new one only has to be possible: what was declared once can always be deleted. */
function nameErrors(op: unknown, name: unknown): string[] {
  if (typeof name !== 'string') return ['The name must be a string.'];
  const problem = nameProblem(name);
  return problem === null || (op !== 'declare' && SECRET_NAME.test(name)) ? [] : [problem];
}

function descriptionErrors(op: unknown, description: unknown): string[] {
  if (description === undefined) return [];
  if (isChangeOp(op) && op !== 'declare' && op !== 'describe') return [`A ${op} takes no description.`];
  if (description === null) return [];
  if (typeof description !== 'string') return ['The description must be a string or null.'];
  if (!description.isWellFormed()) return ['The description has a lone surrogate: it is not Unicode text.'];
  if (description.includes('\0')) return ['The description has a NUL character.'];
  if ([...description].length <= LONGEST_DESCRIPTION) return [];
  return [`The description has more than ${LONGEST_DESCRIPTION.toLocaleString('en')} characters.`];
}

function valueErrors(op: unknown, value: unknown): string[] {
  if (op !== 'set')
    return value === undefined || !isChangeOp(op) ? [] : [`A ${op} takes no value: set it by a set.`];
  if (typeof value !== 'string') return ['The value must be a string.'];
  const problem = valueProblem(value);
  return problem === null ? [] : [problem];
}

function isRevision(ifRevision: unknown): ifRevision is number | undefined {
  return ifRevision === undefined || (Number.isSafeInteger(ifRevision) && (ifRevision as number) >= 0);
}

function fieldsOf(part: unknown): Record<string, unknown> {
  return typeof part === 'object' && part !== null && !Array.isArray(part) ? { ...part } : {};
}

function tellable(field: string): string {
  return field.toWellFormed().slice(0, LONGEST_FIELD_NAME);
}

function refused(message: string | undefined, details: Details): CofferError {
  const told = message ?? 'The request breaks the rules named in details. Nothing was changed.';
  return new CofferError('invalid_request', told, details.length > 0 ? { details } : {});
}
