// What the browser tests share: the built page on localhost, a real Chromium, and a page that notes what it should not do.
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';
import { preview } from 'vite';

const workspace = new URL('../../../', import.meta.url);
const pm = process.env.PM ?? new URL('target/debug/pm', workspace).pathname;

export const shots = new URL('../../screenshots/', import.meta.url).pathname;

/** What `pm margin` prints for a document. */
export function margin(document) {
  return JSON.parse(execFileSync(pm, ['margin', '-'], { input: document, encoding: 'utf8' }));
}

export async function started() {
  const root = new URL('../../', import.meta.url).pathname;
  const server = await preview({ root, preview: { host: '127.0.0.1', port: 4400, strictPort: false }, logLevel: 'error' });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  });
  const { port } = server.httpServer.address();
  const stop = async () => {
    await browser.close();
    await new Promise((done) => {
      server.httpServer.close(done);
      server.httpServer.closeAllConnections();
    });
  };
  return { url: `http://127.0.0.1:${port}/`, browser, stop };
}

/** A page at this width. `faults` collects console errors, exceptions and requests that leave localhost. */
export async function opened({ url, browser }, { width = 1440, scheme = 'light', prepare = async () => {} } = {}) {
  const context = await browser.newContext({
    viewport: { width, height: 900 }, colorScheme: scheme, locale: 'de-DE', timezoneId: 'Pacific/Auckland',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const faults = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`));
  page.on('requestfailed', (request) => faults.push(`failed: ${request.url()}`));
  context.on('request', (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob):/.test(request.url())) faults.push(`request: ${request.url()}`);
  });
  await prepare(page);
  await page.goto(url);
  return { page, faults, close: () => context.close() };
}

/** Waits until the numbers on screen belong to what is typed. */
export async function fresh(page) {
  await page.locator('.state[data-phase=fresh]').waitFor();
}

/** Begins with one of the books. */
export async function begin(page, book) {
  await page.getByRole('navigation').getByRole('button', { name: book, exact: true }).click();
  await fresh(page);
}

/** The document as the page exports it. */
export async function exported(page) {
  await page.getByRole('button', { name: 'Document', exact: true }).click();
  const text = await page.getByLabel('The portfolio as JSON').inputValue();
  await page.getByRole('button', { name: 'Close' }).click();
  return text;
}

/** Every digit of a number on screen, and how it is written there. */
export async function number(locator) {
  const data = locator.locator('data').or(locator.and(locator.page().locator('data')));
  return { value: await data.getAttribute('value'), text: (await data.innerText()).trim() };
}
