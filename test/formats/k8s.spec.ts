import { parse } from 'yaml';
import { write } from '../../src/formats/format.js';
import { kubernetesNameProblem, kubernetesNamespaceProblem } from '../../src/formats/k8s.js';

describe('the manifest of a Secret', () => {
  it('has a namespace only when one was asked for', () => {
    expect(manifest({ name: 'web-prod' })).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'web-prod' },
      type: 'Opaque',
      data: { NO: 'eA==' },
    });
    expect(manifest({ name: 'web-prod', namespace: 'shop' })).toMatchObject({
      metadata: { name: 'web-prod', namespace: 'shop' },
    });
  });

  it.each(['null', 'true', 'on', '123', '1e5', '0x1f', 'y', '2001-12-14', '0o7'])(
    'keeps the name %s text for readers of both versions of YAML',
    (name) => {
      for (const version of ['1.1', '1.2'] as const) {
        expect(parse(text({ name, namespace: name.replaceAll('.', '-') }), { version })).toMatchObject({
          metadata: { name, namespace: name },
          data: { NO: 'eA==' },
        });
      }
    },
  );

  it('is never made for a name that Kubernetes would refuse', () => {
    expect(() => text({ name: 'x\ntype: evil' })).toThrow(TypeError);
    expect(() => text({ name: 'web', namespace: 'a.b' })).toThrow(TypeError);
  });
});

describe('a name for Kubernetes', () => {
  it.each(['a', '0', 'web-prod', 'a.b-c.d', 'x'.repeat(253)])('%s is fine for a Secret', (name) => {
    expect(kubernetesNameProblem(name)).toBeNull();
  });

  it.each(['', 'A', 'a_b', '-a', 'a-', 'a..b', '.a', 'a.', 'a.-b', 'a b', 'a\n', 'ä', 'x'.repeat(254)])(
    '%j is refused for a Secret',
    (name) => {
      expect(kubernetesNameProblem(name)).toMatch(/^The name of a Kubernetes Secret/);
    },
  );

  it.each(['a', '0', 'kube-system', 'x'.repeat(63)])('%s is fine for a namespace', (namespace) => {
    expect(kubernetesNamespaceProblem(namespace)).toBeNull();
  });

  it.each(['', 'A', 'a.b', '-a', 'a-', 'a_b', 'a\n', 'x'.repeat(64)])(
    '%j is refused for a namespace',
    (namespace) => {
      expect(kubernetesNamespaceProblem(namespace)).toMatch(/^The name of a Kubernetes namespace/);
    },
  );
});

function text(secret: { name: string; namespace?: string }): string {
  const written = write('k8s', [{ name: 'no', value: 'x' }], { secret });
  return 'text' in written ? written.text : '';
}

function manifest(secret: { name: string; namespace?: string }): unknown {
  return parse(text(secret));
}
