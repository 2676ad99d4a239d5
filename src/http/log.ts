import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../config/config.js';

type Level = 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'fatal';

/** Parts of Nest that tell of every module and route at each start, and of what keeps it from starting: `main` says that in words, once. */
const FRAMEWORK = new Set<unknown>([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
  'ExceptionHandler',
]);

/** JSON lines on stdout, through Nest's logger interface. Bodies and headers are never given to it. */
export class JsonLog implements LoggerService {
  private readonly pino: Logger;

  constructor(level: Config['logLevel'], destination?: DestinationStream) {
    const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
    this.pino = destination === undefined ? pino(options) : pino(options, destination);
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(FRAMEWORK.has(rest.at(-1)) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write(FRAMEWORK.has(rest.at(-1)) ? 'debug' : 'error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest gives the name of the part that speaks last, and a stack before it. */
  private write(level: Level, message: unknown, rest: unknown[]): void {
    const part = rest.at(-1);
    const facts = message instanceof Error ? { message: message.message } : factsOf(message);
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? { stack: rest[0] } : {};
    this.pino[level]({ ...(typeof part === 'string' ? { part } : {}), ...facts, ...stack });
  }
}

function factsOf(message: unknown): object {
  return typeof message === 'object' && message !== null ? { ...message } : { message: String(message) };
}
