// For `node --import`: runs this repository's TypeScript without building it first.

import { register } from 'node:module';

register('./typescript-loader.mjs', import.meta.url);
