// The package is what npm would publish: complete, nothing beside it, and usable by whoever installs it.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

interface Packed {
  filename: string;
  size: number;
  unpackedSize: number;
  files: { path: string; size: number }[];
}
interface Manifest {
  exports: Record<string, string | Record<string, string>>;
  license: string;
  types: string;
}
const pack = async (...options: string[]): Promise<Packed> => {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', ...options], { cwd: root });
  return (JSON.parse(stdout) as Packed[])[0]!;
};

describe('the package', async () => {
  const packed = await pack('--dry-run');
  const paths = packed.files.map(({ path }) => path);

  it('has the built modules with their types, the engine, the licence and the readme, and nothing else', () => {
    for (const path of ['README.md', 'package.json', 'dist/LICENSE', 'dist/engine.wasm']) expect(paths).toContain(path);
    for (const entry of ['index', 'node', 'generated/index']) {
      for (const kind of ['js', 'd.ts']) expect(paths).toContain(`dist/${entry}.${kind}`);
    }
    const other = paths.filter((path) => !/^dist\/([\w/]+\.(js|d\.ts)|LICENSE|engine\.wasm)$/.test(path));
    expect(other.sort()).toEqual(['README.md', 'package.json']);
  });

  it('has every export, and keeps to its size', async () => {
    const { exports, license, types } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;
    const named = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry)));
    for (const file of [...named, types]) expect(paths).toContain(file.slice(2));
    expect(license).toBe('Apache-2.0');
    // Half of it is the engine, and most of the rest types.
    expect(packed.size).toBeLessThan(400_000);
    expect(packed.unpackedSize).toBeLessThan(2_500_000);
  });

  it('imports files and kit alone, asks for Node in its own entry only, and names no machine', async () => {
    const modules = paths.filter((path) => path.endsWith('.js'));
    expect(modules.length).toBeGreaterThan(100);
    for (const path of modules) {
      const text = await readFile(join(root, path), 'utf8');
      for (const [, target] of text.matchAll(/(?:from|import)\s+'([^']+)'/g)) {
        const allowed = /^\.{1,2}\/[\w./-]+\.js$/.test(target!) || /^@solana\/kit(\/[\w-]+)?$/.test(target!);
        expect(allowed || (path === 'dist/node.js' && target!.startsWith('node:')), `${path}: ${target}`).toBe(true);
      }
      expect(text, path).not.toMatch(/\b(process|Buffer|require|__dirname)\b[.(\[]/);
    }
    const engine = await readFile(join(root, 'dist/engine.wasm'), 'latin1');
    expect(engine).not.toMatch(/\/(root|home|tmp|Users)\//);
  });
});

describe('whoever installs it', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sdk-consumer-'));
    const { filename } = await pack('--pack-destination', folder);
    const installed = join(folder, 'node_modules/@portfolio-margin/sdk');
    await mkdir(installed, { recursive: true });
    await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', installed]);
    await symlink(join(root, 'node_modules/@solana'), join(folder, 'node_modules/@solana'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has an engine in Node, by name', async () => {
    const script = `
      import { EngineError, PORTFOLIO_MARGIN_PROGRAM_ADDRESS } from '@portfolio-margin/sdk';
      import { getTradeDiscriminatorBytes } from '@portfolio-margin/sdk/generated';
      import { loadEngine } from '@portfolio-margin/sdk/node';
      const engine = await loadEngine();
      try { engine.marginBytes(new Uint8Array(3)); } catch (error) {
        console.log(error instanceof EngineError, getTradeDiscriminatorBytes().length, PORTFOLIO_MARGIN_PROGRAM_ADDRESS.length);
      }`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder });
    expect(stdout.trim()).toBe('true 8 44');
  });

  const CONSUMER = `
    import { getTradeInstruction } from '@portfolio-margin/sdk/generated';
    import { loadAccount, type Directory, type GreeksReport, type MarginReport, type RiskMatrix, Engine } from '@portfolio-margin/sdk';
    import { loadEngine } from '@portfolio-margin/sdk/node';
    import type { Address, Rpc, GetMultipleAccountsApi } from '@solana/kit';
    export async function health(rpc: Rpc<GetMultipleAccountsApi>, directory: Directory, key: Address): Promise<bigint> {
      const engine: Engine = await loadEngine();
      const report: MarginReport = engine.margin(await loadAccount(rpc, directory, key));
      return report.initialHealth;
    }
    export const trade: typeof getTradeInstruction = getTradeInstruction;
    export const vega = (report: GreeksReport): bigint => report.sum.net.vega;
    export const worst = ({ worst }: RiskMatrix): number | undefined => worst.kind === 'scenario' ? worst.index : undefined;
    // @ts-expect-error: amounts are bigints
    export const wrong: number = ({} as MarginReport).equity;`;
  const tsc = async (...options: string[]) => {
    await writeFile(join(folder, 'consumer.ts'), CONSUMER);
    const all = ['--noEmit', '--strict', '--target', 'ES2022', '--lib', 'ES2023,DOM', ...options, 'consumer.ts'];
    return run(join(root, 'node_modules/.bin/tsc'), all, { cwd: folder });
  };

  it.each([
    ['Node16', 'Node16'],
    ['NodeNext', 'NodeNext'],
    ['ESNext', 'bundler'],
  ])('has types in a strict project of modules %s, resolved as %s', async (module, resolution) => {
    await tsc('--skipLibCheck', '--module', module, '--moduleResolution', resolution);
    expect(await readdir(folder)).toContain('consumer.ts');
  });

  it('finds no fault in the types themselves where it checks libraries, too', async () => {
    const checked = await tsc('--module', 'NodeNext', '--types', '').catch((failed: { stdout: string }) => failed);
    // those of kit have faults of their own
    expect(checked.stdout.split('\n').filter((line) => /consumer|portfolio-margin/.test(line))).toEqual([]);
  });
});
