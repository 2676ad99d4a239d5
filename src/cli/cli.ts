#!/usr/bin/env node
// The `coffer` command: it parses, asks the service over HTTP and prints. No part of the service is loaded here, so that it
// starts at once; `admin` loads what works on the service's own database when it is asked to. The version needs no parser.
import { print } from './terminal.js';
import { version } from './version.js';

const [first, ...rest] = process.argv.slice(2);
const asksForVersion = (first === '--version' || first === '-V') && rest.length === 0;

if (asksForVersion) await print(`${version()}\n`);
else process.exit(await (await import('./main.js')).main());
