import { Controller, Get, Module } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import ts from 'typescript';
import { join } from 'node:path';
import { Public } from '../../src/access/route-policy.js';
import { RouteCheck } from '../../src/http/route-check.js';
import { RESERVED_SLUGS } from '../../src/tenancy/slug.js';
import { TestApp } from '../support/app.js';
import { routesOf } from '../support/routes.js';
import { ROOT } from '../support/sources.js';

@Controller('forgotten')
class ForgottenController {
  @Get()
  open(): string {
    return 'nobody said who may see this';
  }
}

@Controller('twice')
class TwiceController {
  @Get('a')
  @Public('same.action', 'One.')
  a(): void {
    return;
  }

  @Get('b')
  @Public('same.action', 'Two.')
  b(): void {
    return;
  }
}

@Module({ imports: [DiscoveryModule], controllers: [ForgottenController], providers: [RouteCheck] })
class ForgottenModule {}

@Module({ imports: [DiscoveryModule], controllers: [TwiceController], providers: [RouteCheck] })
class TwiceModule {}

async function start(module: object): Promise<void> {
  const app = await NestFactory.create(module, new FastifyAdapter(), { logger: false, abortOnError: false });
  await app.init();
}

describe('the first wall: every route says who may use it', () => {
  it('keeps the service from starting when a route declares nothing', async () => {
    await expect(start(ForgottenModule)).rejects.toThrow(
      'ForgottenController.open has neither @Requires nor @Public',
    );
  });

  it('keeps the service from starting when two routes share an action', async () => {
    await expect(start(TwiceModule)).rejects.toThrow('same.action');
  });

  it('reserves the first segment of every route as an organisation slug', async () => {
    const app = await TestApp.start();
    const segments = new Set(routesOf(app.app).map(({ path }) => path.split('/')[1] ?? ''));
    await app.close();
    const words = [...segments].filter((segment) => /^[a-z0-9-]+$/.test(segment));
    expect(words.filter((word) => !RESERVED_SLUGS.has(word))).toEqual([]);
    for (const word of ['docs', 'metrics', 'admin', 'root', 'system', 'me', 'new', 'null', 'undefined']) {
      expect(RESERVED_SLUGS).toContain(word);
    }
  });

  it.each([
    ['the proof of the same permission', "'secrets:read'", 0],
    ['the proof of another permission', "'secrets:set-value'", 1],
    ['the proof of more than one permission', "'secrets:read' | 'secrets:write'", 1],
  ])('compiles a route whose method takes %s: %s', (_, permission, errors) => {
    expect(problemsOf(routeTaking(permission))).toHaveLength(errors);
  });

  it.each([
    ['a claim to the same permission', 'Claim', "'secrets:read'", 0],
    ['a claim to another permission', 'Claim', "'secrets:set-value'", 1],
    ['a proof, which nobody has given yet', 'Access', "'secrets:read'", 1],
  ])('compiles a route that may be answered from memory and takes %s: %s', (_, kind, permission, errors) => {
    const source = routeTaking(permission)
      .replaceAll('Requires', 'Claims')
      .replaceAll('Proof', 'Claimed')
      .replace('access: Access<', `claim: ${kind}<`)
      .replace('return access', 'return claim')

      .replace('export class', "import type { Claim } from '../../src/access/claim.js';\nexport class");
    expect(problemsOf(source)).toHaveLength(errors);
  });

  it('does not compile a route whose method takes a claim where a proof is needed', () => {
    const source = routeTaking("'secrets:read'")
      .replace('access: Access<', 'access: Claim<')
      .replace('export class', "import type { Claim } from '../../src/access/claim.js';\nexport class");
    expect(problemsOf(source)).toHaveLength(1);
  });

  it('does not compile a route whose method takes no proof', () => {
    const source = routeTaking("'secrets:read'").replace(/@Proof\(\) access: Access<.*>/, 'access: string');
    expect(problemsOf(source)).toEqual([expect.stringContaining("not assignable to type 'Proven")]);
  });
});

function routeTaking(permission: string): string {
  return `
    import type { Access } from '../../src/access/access.js';
    import { Proof, Requires } from '../../src/access/route-policy.js';
    export class Routes {
      @Requires('secrets:read', 'some.action', 'Something.')
      route(@Proof() access: Access<${permission}>): unknown {
        return access;
      }
    }`;
}

/** What the compiler says of a file that stands in this folder, with the project's own settings. */
function problemsOf(source: string): string[] {
  const path = join(ROOT, 'test/walls/compiled-in-memory.ts');
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (name) => ts.sys.readFile(name)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const readFile = host.getSourceFile.bind(host);
  host.getSourceFile = (name, version) =>
    name === path ? ts.createSourceFile(name, source, version) : readFile(name, version);
  const fileExists = host.fileExists.bind(host);
  host.fileExists = (name) => name === path || fileExists(name);
  const program = ts.createProgram([path], { ...options, noEmit: true, noUnusedLocals: false }, host);
  return ts
    .getPreEmitDiagnostics(program, program.getSourceFile(path))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
