import type { Entry } from './entry.js';
import { environmentForm } from './names.js';
import { yamlText } from './yaml.js';

/** Which Secret the manifest describes. Without a namespace, the one that `kubectl` is set to is meant. */
export interface SecretIdentity {
  readonly name: string;
  readonly namespace?: string | undefined;
}

const LONGEST_LABEL = 63;
const LONGEST_SUBDOMAIN = 253;
const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** Why Kubernetes would refuse the name of a Secret (a subdomain of RFC 1123), or null. */
export function kubernetesNameProblem(name: string): string | null {
  if (name.length > LONGEST_SUBDOMAIN) {
    return `The name of a Kubernetes Secret has at most ${LONGEST_SUBDOMAIN} characters.`;
  }
  if (name.split('.').every((label) => LABEL.test(label))) return null;
  return 'The name of a Kubernetes Secret consists of a-z, 0-9, hyphens and dots, with a letter or digit at both ends of each part.';
}

/** Why Kubernetes would refuse the name of a namespace (a label of RFC 1123), or null. */
export function kubernetesNamespaceProblem(namespace: string): string | null {
  if (namespace.length > LONGEST_LABEL) {
    return `The name of a Kubernetes namespace has at most ${LONGEST_LABEL} characters.`;
  }
  if (LABEL.test(namespace)) return null;
  return 'The name of a Kubernetes namespace consists of a-z, 0-9 and hyphens, with a letter or digit at both ends.';
}

/** The manifest of an opaque Secret, its keys in environment form so that `envFrom` takes them. Carries every value. */
export function writeK8s(entries: readonly Entry[], { name, namespace }: SecretIdentity): string {
  const problem =
    kubernetesNameProblem(name) ?? (namespace === undefined ? null : kubernetesNamespaceProblem(namespace));
  if (problem !== null) throw new TypeError(problem);

  const data = entries.map(({ name, value }) => [environmentForm(name), base64(value)] as const);
  const manifest = new Map<string, unknown>([
    ['apiVersion', 'v1'],
    ['kind', 'Secret'],
    ['metadata', namespace === undefined ? { name } : { name, namespace }],
    ['type', 'Opaque'],
    ['data', new Map(data)],
  ]);
  const variables = new Set(data.map(([variable]) => variable));
  return yamlText(manifest, (key) => variables.has(key));
}

function base64(value: string): string {
  return Buffer.from(value, 'utf8').toString('base64');
}
