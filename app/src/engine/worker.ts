// The worker: loads the engine once and answers documents in order.
import { evaluatorOf, type Evaluate } from './module';
import type { Answer } from './answer';
import moduleUrl from '../../../target/wasm/risk_wasm.wasm?url';

export interface Question {
  id: number;
  document: string;
}

export type Reply =
  | { id: number; answer: Answer; milliseconds: number }
  | { id: number; error: string };

async function load(): Promise<Evaluate> {
  const response = await fetch(new URL(moduleUrl, import.meta.url));
  if (!response.ok) throw new Error(`the engine's module cannot be loaded: ${response.status} ${response.statusText}`);
  const { instance } = await WebAssembly.instantiate(await response.arrayBuffer(), {});
  return evaluatorOf(instance);
}

let engine: Promise<Evaluate> | undefined;

self.addEventListener('message', async (event: MessageEvent<Question>) => {
  const { id, document } = event.data;
  try {
    engine ??= load();
    const evaluate = await engine;
    const start = performance.now();
    const answer = evaluate(document);
    self.postMessage({ id, answer, milliseconds: performance.now() - start } satisfies Reply);
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies Reply);
  }
});
