// An integrator's page: the package packed and installed in a folder of its own, bundled there by vite, served, and opened in Chromium.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build, preview } from 'vite';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

/** A folder with the package installed beside its peers, as npm installs the file that npm packs; who made it removes it. */
export async function installed(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sdk-integrator-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  await cp(fileURLToPath(new URL('page', import.meta.url)), folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"name":"integrator","private":true,"type":"module"}');
  // what npm ci has fetched is in npm's cache
  const options = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=optional'];
  await run('npm', [...options, `./${filename}`, `@solana/kit@${devDependencies['@solana/kit']}`], { cwd: folder });
  return folder;
}

/** Where a page is, and how to end its server. */
export interface Host {
  url: string;
  stop: () => Promise<void>;
}

/** Bundles what is in the folder, and serves it on a port that is free. */
export async function served(folder: string): Promise<Host> {
  const base = { root: folder, configFile: false, logLevel: 'error' } as const;
  await build({ ...base, build: { outDir: 'dist', target: 'es2022' } });
  const server = await preview({ ...base, preview: { host: '127.0.0.1', port: 4500, strictPort: false } });
  const { port } = server.httpServer.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.httpServer.close(() => resolve());
      if ('closeAllConnections' in server.httpServer) server.httpServer.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}/`, stop };
}

/** For Chromium to start and for a page to load, milliseconds: for what hangs. */
const PATIENCE = 120_000;

/** Chromium, as scripts/sdk installs it; CHROMIUM names another. */
export async function started(): Promise<Browser> {
  return chromium.launch({
    timeout: PATIENCE,
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** The page, and what went wrong behind it: console, exceptions, requests that failed or went to a server that is not allowed. */
export async function opened(
  browser: Browser,
  url: string,
  allowed: string[],
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1_000, height: 700 } });
  page.setDefaultTimeout(PATIENCE);
  const faults: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`));
  page.on('requestfailed', (request) => faults.push(`failed: ${request.url()}`));
  page.on('request', (request) => {
    const isOurs = [url, ...allowed].some((known) => request.url().startsWith(known));
    if (!isOurs && !request.url().startsWith('data:')) faults.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  await page.waitForFunction(() => 'page' in globalThis);
  return { page, faults };
}
