import type { Format } from '../formats/format.js';
import type { ReadableFormat } from '../formats/read.js';

/** The names of the formats, without loading what writes them. */
export const EXPORT_FORMATS = [
  'dotenv',
  'shell',
  'json',
  'yaml',
  'docker',
  'compose',
  'github-env',
  'github-mask',
  'gitlab-dotenv',
  'k8s',
  'systemd',
] as const satisfies readonly Format[];

export const IMPORT_FORMATS = ['dotenv', 'json', 'yaml', 'k8s'] as const satisfies readonly ReadableFormat[];
