// The engine's WebAssembly module (crates/risk-wasm): a document in, an answer out.
import type { Answer } from './answer';

interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  request(length: number): number;
  evaluate(): number;
  answer(): number;
}

export type Evaluate = (document: string) => Answer;

/** The function of a fresh instance. It throws where the module traps; the instance is then of no use any more. */
export function evaluatorOf(instance: WebAssembly.Instance): Evaluate {
  const engine = instance.exports as Exports;
  // Every call may grow the memory, and a view of a grown memory is empty: each access makes its own. Addresses are unsigned.
  const bytes = (address: number, length: number) => new Uint8Array(engine.memory.buffer, address >>> 0, length >>> 0);
  return (document) => {
    const text = new TextEncoder().encode(document);
    const address = engine.request(text.length);
    bytes(address, text.length).set(text);
    const length = engine.evaluate();
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes(engine.answer(), length))) as Answer;
  };
}
