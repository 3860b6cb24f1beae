// The package works where nothing of Node is: bundled as for a page, run among the globals of browsers alone.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, Script } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { createKeyPairSignerFromPrivateKeyBytes } from '@solana/kit';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Sdk from '../../src/index.js';
import { fromHex, golden, goldenDirectory, loaded, side, toHex } from '../golden.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const seed = fromHex(golden.quote['seed'] as string);
/** What pages have and this package may use. */
const GLOBALS = [
  'AbortController',
  'AbortSignal',
  'Event',
  'EventTarget',
  'Response',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'WebAssembly',
];
const FUNCTIONS = ['atob', 'btoa', 'clearTimeout', 'crypto', 'fetch', 'setTimeout'];

describe('in a page', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sdk-page-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** A page's script, bundled: what `source` assigns to `globalThis.page`. */
  async function bundled(source: string): Promise<string> {
    const entry = join(folder, 'entry.js');
    await writeFile(entry, source.replaceAll('@sdk', join(root, 'dist/index.js')));
    const output = { entryFileNames: 'page.js', format: 'iife' as const };
    await build({
      root,
      configFile: false,
      logLevel: 'error',
      build: { outDir: folder, emptyOutDir: false, target: 'es2022', rollupOptions: { input: entry, output } },
    });
    return readFile(join(folder, 'page.js'), 'utf8');
  }

  it('computes margins and signs quotes with nothing of Node', async () => {
    const text = await bundled(`import * as sdk from '@sdk'; globalThis.page = sdk;`);
    const shared = Object.fromEntries(
      [...GLOBALS, ...FUNCTIONS].map((name) => [name, globalThis[name as keyof typeof globalThis]]),
    );
    // Typed arrays are shared: the page's bytes are checked by classes from here.
    const page = { ...shared, Uint8Array, ArrayBuffer, isSecureContext: true } as unknown as { page: typeof Sdk };
    new Script(text).runInContext(createContext(page));
    const sdk = page.page;
    const engine = await sdk.Engine.load(await readFile(join(root, 'dist/engine.wasm')));
    const directory = await goldenDirectory();
    for (const { name, view } of golden.accounts) {
      const bytes = engine.marginBytes(sdk.encodeBundle(BigInt(golden.now), loaded(name, directory).bundle));
      expect(toHex(bytes), name).toBe(view);
    }
    const [market] = await sdk.findMarketPda({ clearinghouse: directory.clearinghouse, index: 1 });
    expect(market).toBe(golden.addresses['market_1']);
    const maker = side('maker');
    const message = fromHex(golden.quote['message'] as string);
    const signed = await sdk.signQuote(sdk.decodeQuote(message), await createKeyPairSignerFromPrivateKeyBytes(seed));
    expect(toHex(signed.signature)).toBe(golden.quote['signature']);
    expect((await sdk.verifyQuote(signed, { maker, now: BigInt(golden.now) })).nonce).toBe(77n);
  });

  it('costs little: a page takes what it uses', async () => {
    const margin = await bundled(
      `import { Engine, loadAccount, loadDirectory } from '@sdk'; globalThis.page = { Engine, loadAccount, loadDirectory };`,
    );
    const [size, engine] = [gzipSync(margin).length, gzipSync(await readFile(join(root, 'dist/engine.wasm'))).length];
    console.log(`margin of accounts in a page: ${size} bytes of script and ${engine} of engine, gzip`);
    expect(size).toBeLessThan(70_000);
    expect(engine).toBeLessThan(250_000);
    expect(margin).not.toContain('getInitializeMarketInstruction');
  });
});
