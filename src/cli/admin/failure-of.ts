import { ConfigError } from '../../config/config.js';
import { SealBroken } from '../../crypto/envelope.js';
import { DatabaseUnusable } from '../../database/database-unusable.js';
import { EmbeddedPostgresError } from '../../database/embedded/embedded-postgres-error.js';
import { sqlStateOf } from '../../database/postgres-errors.js';
import { CofferError } from '../../errors/errors.js';
import { EXIT, Failure, type ExitCode } from '../failure.js';

/** The login, the database or its rights are not what the settings say: authorisation, no such database, privilege, no such role. */
const SETTINGS_ARE_WRONG = /^(28|3D|42501$|22023$)/;
/** Connections, resources, shutdowns, and the network below them. */
const UNREACHABLE = /^(08|53|57P|58)|^E[A-Z]+$/;

/** What went wrong in `coffer admin`, with the exit code of it. Never a row: PostgreSQL's details are left out. */
export function failureOf(error: unknown): unknown {
  if (error instanceof Failure) return error;
  if (error instanceof ConfigError) return new Failure(EXIT.configuration, error.message);
  if (error instanceof EmbeddedPostgresError) return new Failure(EXIT.unreachable, error.message);
  if (error instanceof DatabaseUnusable) {
    // Without a cause it is our own judgement of the login or of its role.
    const otherwise = error.cause === undefined ? EXIT.configuration : EXIT.unreachable;
    return new Failure(exitCodeOf(error.cause, otherwise), error.message);
  }
  if (error instanceof CofferError) return ofCoffer(error);
  // The service's own sentence about a root key that does not fit.
  if (error instanceof Error && error.cause instanceof SealBroken)
    return new Failure(EXIT.configuration, error.message);
  const state = sqlStateOf(error);
  if (state !== undefined && error instanceof Error)
    return new Failure(exitCodeOf(error, EXIT.failed), `The database refused: ${sentence(error, state)}`);
  if (error instanceof Error && /^Connection terminated|not queryable/.test(error.message)) {
    return new Failure(
      EXIT.unreachable,
      'The connection to the database was lost. Nothing is half done: run the command again.',
    );
  }
  return error;
}

function ofCoffer(error: CofferError): Failure {
  if (error.code !== 'unavailable') return new Failure(EXIT.failed, error.message);
  const { cause } = error.facts;
  const reason = typeof cause === 'string' ? ` (${cause})` : '';
  return new Failure(EXIT.unreachable, `${error.message.replace(/\.$/, '')}${reason}.`);
}

function exitCodeOf(error: unknown, otherwise: ExitCode): ExitCode {
  const state = sqlStateOf(error) ?? '';
  if (SETTINGS_ARE_WRONG.test(state)) return EXIT.configuration;
  return UNREACHABLE.test(state) ? EXIT.unreachable : otherwise;
}

/** Class 22 and 23 may repeat data in their very sentence. */
function sentence(error: Error, state: string): string {
  return /^2[23]/.test(state) ? `SQLSTATE ${state}.` : `${error.message.replace(/\.$/, '')} (${state}).`;
}
