// The engine as this package ships it.
import { readFile } from 'node:fs/promises';
import { Engine } from '../../src/index.js';

export const loadEngine = async (): Promise<Engine> =>
  Engine.load(await readFile(new URL('../../dist/engine.wasm', import.meta.url)));
