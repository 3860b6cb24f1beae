// Starts the local network that the tests in this folder share, or takes the one that LOCALNET_JSON names, and ends what it started.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

/** What scripts/localnet prints, as far as the tests read it. */
export interface Localnet {
  rpc_url: string;
  ws_url: string;
  program: string;
  house: string;
  population: { accounts: number };
  wallets: {
    name: string;
    address: string;
    keypair: string;
    margin_account: string | null;
    tokens: Record<string, string>;
  }[];
}

declare module 'vitest' {
  interface ProvidedContext {
    localnet: Localnet;
  }
}

/** Margin accounts beside those of the named users. */
const POPULATION = 150;

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const file = process.env['LOCALNET_JSON'];
  if (file) {
    project.provide('localnet', JSON.parse(await readFile(file, 'utf8')) as Localnet);
    return async () => {};
  }
  const keys = await mkdtemp(join(tmpdir(), 'localnet-keys-'));
  const script = fileURLToPath(new URL('../../../../scripts/localnet', import.meta.url));
  const options = ['--port', '0', '--scenario', 'walk', '--accounts', `${POPULATION}`, '--keys', keys];
  const child = spawn(script, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    new Promise<string>((resolve) => lines.once('line', resolve)),
    ended.then((code) => Promise.reject(new Error(`scripts/localnet ended with ${code}`))),
  ]);
  project.provide('localnet', JSON.parse(first) as Localnet);
  return async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(keys, { recursive: true, force: true });
  };
}
