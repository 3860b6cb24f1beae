// The package in a real Chromium, as an integrator ships it: installed from what npm packs, bundled, served, against the local network.
import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Page as Steps } from './page/main.js';
import { installed, opened, served, started, type Host } from './host.js';

const localnet = inject('localnet');
const user = (name: string) => {
  const wallet = localnet.wallets.find((known) => known.name === name);
  if (!wallet?.margin_account) throw new Error(`the network has no trader ${name}`);
  return { margin: wallet.margin_account, wallet: wallet.tokens['USDC']!, keypair: wallet.keypair };
};
const carol = user('carol');
/** Accounts that the page looks at. */
const looked = ['alice', 'bob', 'carol', 'maker'].map((name) => user(name).margin);

describe.sequential('a page in Chromium', () => {
  let [folder, host, browser]: [string?, Host?, Browser?] = [];
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    folder = await installed();
    host = await served(folder);
    browser = await started();
    ({ page, faults } = await opened(browser, host.url, [localnet.rpc_url, localnet.ws_url]));
  });
  afterAll(async () => {
    await browser?.close();
    await host?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  /** One of the page's steps, run in the page. */
  const step = <K extends keyof Steps>(
    name: K,
    ...given: Parameters<Steps[K]>
  ): Promise<Awaited<ReturnType<Steps[K]>>> =>
    page.evaluate(
      ([called, values]) =>
        (globalThis as unknown as { page: Record<string, (...all: unknown[]) => unknown> }).page[called]!(...values),
      [name, given] as [string, unknown[]],
    ) as Promise<Awaited<ReturnType<Steps[K]>>>;

  it('is bundled from the installed package, with the engine beside it as a file of its own', async () => {
    const assets = await readdir(join(folder!, 'dist/assets'));
    const engine = assets.find((name) => name.endsWith('.wasm'));
    const shipped = await readFile(join(folder!, 'node_modules/@portfolio-margin/sdk/dist/engine.wasm'));
    expect((await readFile(join(folder!, 'dist/assets', engine!))).equals(shipped)).toBe(true);
    const script = assets.find((name) => name.endsWith('.js'));
    const text = await readFile(join(folder!, 'dist/assets', script!), 'utf8');
    // the engine is not inlined, and what the page does not use is not there
    expect((await stat(join(folder!, 'dist/assets', script!))).size).toBeLessThan(400_000);
    expect(text).not.toContain('getInitializeMarketInstruction');
  });

  it('loads the house over the network: the server lets pages of other origins ask', async () => {
    const key = JSON.parse(await readFile(carol.keypair, 'utf8')) as number[];
    const { rpc_url: rpcUrl, house } = localnet;
    expect(new URL(rpcUrl).origin).not.toBe(new URL(host!.url).origin);
    const markets = await step('start', { rpcUrl, house, key, margin: carol.margin, wallet: carol.wallet });
    expect(markets).toBe(3);
  });

  it('computes margins, Greeks and matrices that are the bytes of the program', async () => {
    let all = 0;
    for (const account of looked) {
      const [compared, equal] = await step('compare', account);
      expect(equal, account).toBe(compared);
      all += compared;
    }
    expect(all).toBeGreaterThan(3 * looked.length);
    expect(await page.locator('#accounts tr').count()).toBe(looked.length);
  });

  it('signs a quote with the Ed25519 of the browser, and verifies that and no other', async () => {
    const { isExtractable, isVerified, refusal } = await step('quote');
    expect([isExtractable, isVerified]).toEqual([false, true]);
    expect(refusal).toMatch(/^QuoteError: the signature is not one/);
  });

  it('deposits', async () => {
    expect(await step('deposit', '1234567')).toBe('1234567');
    expect(await page.locator('#state').innerText()).toMatch(/^deposited 1\.23 USD: \w{80,90}$/);
  });

  it('hears of the next price through a WebSocket', async () => {
    expect(BigInt(await step('nextPrice', localnet.ws_url))).toBeGreaterThan(0n);
  });

  it('did all of it without an error or a warning in its console, and asked nobody else', () => {
    expect(faults).toEqual([]);
  });
});
