// Asks the worker. One that failed is replaced: nothing it says later is heard.
import type { Answer } from './answer';
import type { Question, Reply } from './worker';

/** Longest wait for one document; a full account takes a hundredth of it. */
const PATIENCE_MS = 10_000;

export interface Answered {
  answer: Answer;
  milliseconds: number;
}

interface Pending {
  resolve(answered: Answered): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

export type StartWorker = () => Worker;

const start: StartWorker = () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'risk-engine' });

export class Engine {
  private worker: Worker | null = null;
  private readonly pending = new Map<number, Pending>();
  private last = 0;

  constructor(private readonly startWorker: StartWorker = start) {}

  /** Evaluates a document. Rejects where the engine itself failed; what is wrong with a document is an answer. */
  ask(document: string): Promise<Answered> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.fail('the engine does not answer'), PATIENCE_MS);
      this.pending.set(id, { resolve, reject, timer });
      try {
        this.running().postMessage({ id, document } satisfies Question);
      } catch (error) {
        this.fail(error instanceof Error ? error.message : String(error));
      }
    });
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    const worker = this.startWorker();
    worker.addEventListener('message', (event: MessageEvent<Reply>) => this.hear(event.data));
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.fail(event.message || 'the worker could not be started');
    });
    worker.addEventListener('messageerror', () => this.fail('the worker sent what cannot be read'));
    this.worker = worker;
    return worker;
  }

  private hear(reply: Reply): void {
    const asked = this.pending.get(reply.id);
    if (!asked) return;
    if ('error' in reply) {
      this.fail(reply.error);
      return;
    }
    this.pending.delete(reply.id);
    clearTimeout(asked.timer);
    asked.resolve({ answer: reply.answer, milliseconds: reply.milliseconds });
  }

  /** Ends the worker and everything asked of it. The next question starts another. */
  private fail(reason: string): void {
    this.worker?.terminate();
    this.worker = null;
    const asked = [...this.pending.values()];
    this.pending.clear();
    for (const { reject, timer } of asked) {
      clearTimeout(timer);
      reject(new Error(reason));
    }
  }
}
