// The client of the worker: late, failing and silent workers never leave an answer that could be taken for a fresh one.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Engine } from '../../src/engine/client';
import type { Question, Reply } from '../../src/engine/worker';

/** A worker that does what a test tells it. */
class Fake extends EventTarget {
  readonly asked: Question[] = [];
  isTerminated = false;
  postMessage(question: Question): void {
    this.asked.push(question);
  }
  terminate(): void {
    this.isTerminated = true;
  }
  say(reply: Reply): void {
    this.dispatchEvent(new MessageEvent('message', { data: reply }));
  }
}

const fakes: Fake[] = [];
const engine = () => new Engine(() => {
  const fake = new Fake();
  fakes.push(fake);
  return fake as unknown as Worker;
});
const failure = { failure: { kind: 'document', path: 'cash', text: 'missing' } } as const;

beforeEach(() => {
  vi.useFakeTimers();
  fakes.length = 0;
});
afterEach(() => void vi.useRealTimers());

test('answers go to who asked', async () => {
  const one = engine();
  const [first, second] = [one.ask('a'), one.ask('b')];
  fakes[0]?.say({ id: 2, answer: failure, milliseconds: 2 });
  fakes[0]?.say({ id: 1, answer: failure, milliseconds: 1 });
  expect((await first).milliseconds).toBe(1);
  expect((await second).milliseconds).toBe(2);
  expect(fakes.length).toBe(1);
});

test('a worker that reports an error is replaced, and all that was asked of it fails', async () => {
  const one = engine();
  const [first, second] = [one.ask('a'), one.ask('b')];
  fakes[0]?.say({ id: 1, error: 'unreachable' });
  await expect(first).rejects.toThrow('unreachable');
  await expect(second).rejects.toThrow('unreachable');
  expect(fakes[0]?.isTerminated).toBe(true);
  const third = one.ask('c');
  expect(fakes.length).toBe(2);
  fakes[1]?.say({ id: 3, answer: failure, milliseconds: 1 });
  expect((await third).answer).toBe(failure);
});

test('a worker that does not start fails what was asked', async () => {
  const one = engine();
  const asked = one.ask('a');
  fakes[0]?.dispatchEvent(Object.assign(new Event('error', { cancelable: true }), { message: '' }));
  await expect(asked).rejects.toThrow('could not be started');
});

test('silence is a failure', async () => {
  const asked = engine().ask('a');
  const outcome = expect(asked).rejects.toThrow('does not answer');
  await vi.advanceTimersByTimeAsync(10_000);
  await outcome;
  expect(fakes[0]?.isTerminated).toBe(true);
});

test('what a worker says to nobody is not heard', async () => {
  const one = engine();
  const asked = one.ask('a');
  fakes[0]?.say({ id: 7, answer: failure, milliseconds: 1 });
  fakes[0]?.say({ id: 1, answer: failure, milliseconds: 3 });
  expect((await asked).milliseconds).toBe(3);
});
