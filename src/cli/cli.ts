#!/usr/bin/env node
// The `coffer` command: it parses, asks the service over HTTP and prints. No part of the service is loaded here, so that it
// starts at once; `admin` loads what works on the service's own database when it is asked to. The version needs no parser.
import { printNow } from './terminal.js';
import { version } from './version.js';

const [first, ...rest] = process.argv.slice(2);
const asksForVersion = (first === '--version' || first === '-V') && rest.length === 0;

process.exit(asksForVersion ? await printVersion() : await (await import('./main.js')).main());

async function printVersion(): Promise<number> {
  try {
    printNow(`${version()}\n`);
    return 0;
  } catch (error) {
    return (await import('./main.js')).told(error);
  }
}
