import { ApiClient } from './api-client.js';
import { Bearer } from './credential.js';
import { EXIT, Failure, whereIn } from './failure.js';
import type { Flags } from './flags.js';
import { Connection } from './http.js';
import { nameOf, type Environment } from './scope.js';
import { version } from './version.js';
import { findCredential, findEnvironment, findServer, type Given } from './where.js';

/** One call of a command: what was typed, and what follows from it about server, credential and environment. */
export class Call {
  /** For a command that has done its work and still has bad news. */
  exitCode = 0;

  #connection: Connection | undefined;
  #bearer: Bearer | undefined;

  constructor(
    private readonly operands: readonly string[],
    readonly flags: Flags,
    readonly given: Given & { readonly timeoutSeconds: number },
    readonly json: boolean,
  ) {}

  /** An operand that the parser has insisted on. */
  argument(position: number): string {
    const value = this.operands[position];
    if (value === undefined) throw new Error(`the operand ${String(position)} is not declared as required`);
    return value;
  }

  optional(position: number): string | undefined {
    return this.operands[position];
  }

  /** The operands from a position on. */
  rest(position: number): readonly string[] {
    return this.operands.slice(position);
  }

  get connection(): Connection {
    this.#connection ??= new Connection(findServer(this.given).value, this.given.timeoutSeconds);
    return this.#connection;
  }

  get bearer(): Bearer {
    this.#bearer ??= this.#findBearer();
    return this.#bearer;
  }

  get api(): ApiClient {
    return new ApiClient(this.connection, this.bearer);
  }

  /** The chosen environment. Throws when none is chosen. */
  get environment(): Environment {
    const found = findEnvironment(this.given);
    if (found !== null) return found.value;
    throw new Failure(
      EXIT.configuration,
      'No environment is chosen. Choose one with --env org/project/environment, with COFFER_ENV, or for this folder: coffer use org/project/environment',
    );
  }

  /** The chosen environment as the parameters of its paths. */
  get place(): { o: string; p: string; envName: string } {
    const { org, project, environment } = this.environment;
    return { o: org, p: project, envName: environment };
  }

  get placeName(): string {
    return nameOf(this.environment);
  }

  /** The shape of an answer is believed until something trips over it: then it was no answer of Coffer's, or one of another age. */
  explained(error: unknown): unknown {
    if (!(error instanceof TypeError) || this.#connection?.hasAnswered !== true) return error;
    return new Failure(
      EXIT.unreachable,
      `What ${this.#connection.server} answered is not what this version of the command knows (${whereIn(error)}). Is it Coffer, and of version ${version()} as the command is?`,
    );
  }

  close(): void {
    this.#connection?.close();
  }

  #findBearer(): Bearer {
    const { server } = this.connection;
    const credential = findCredential(this.given, server);
    if (credential !== null) return new Bearer(credential, this.connection);
    // What is wrong with the environment is told first: it can be put right without asking anybody.
    findEnvironment(this.given);
    throw new Failure(
      EXIT.denied,
      `There is no credential for ${server}. Log in: coffer login --server ${server}\nor give a token: COFFER_TOKEN, or --token-file FILE`,
    );
  }
}
