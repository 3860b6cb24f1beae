// For Node alone: the engine from the file in this package.
import { readFile } from 'node:fs/promises';
import { Engine } from './engine.js';

/** Loads the engine that this package ships. */
export async function loadEngine(): Promise<Engine> {
  return Engine.load(await readFile(new URL('./engine.wasm', import.meta.url)));
}
