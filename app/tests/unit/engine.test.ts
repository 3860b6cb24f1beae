// The module that the page ships against the command line: the same document gives the same report, to the letter.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { BOOKS } from '../../src/books';
import { evaluatorOf, type Evaluate } from '../../src/engine/module';
import { fromText, toText } from '../../src/model/document';

const workspace = new URL('../../../', import.meta.url);
const pm = process.env['PM'] ?? new URL('target/debug/pm', workspace).pathname;
const examples = new URL('cli/examples/', workspace);

/** What `pm margin` prints for a document on its standard input. */
const native = (document: string): unknown => JSON.parse(execFileSync(pm, ['margin', '-'], { input: document, encoding: 'utf8' }));

let evaluate: Evaluate;
beforeAll(async () => {
  const bytes = readFileSync(new URL('target/wasm/risk_wasm.wasm', workspace));
  evaluate = evaluatorOf((await WebAssembly.instantiate(bytes, {})).instance);
});

describe('reports are those of pm margin', () => {
  test.each(readdirSync(examples))('%s', (name) => {
    const document = readFileSync(new URL(name, examples), 'utf8');
    const answer = evaluate(document);
    expect('report' in answer && answer.report).toEqual(native(document));
  });

  test.each(BOOKS.map(({ name, portfolio }) => [name, portfolio] as const))('book %s', (_, portfolio) => {
    const document = toText(portfolio);
    const answer = evaluate(document);
    expect('report' in answer && answer.report).toEqual(native(document));
  });

  test('an example opened by the page gives the report of its file', () => {
    for (const name of readdirSync(examples)) {
      const document = readFileSync(new URL(name, examples), 'utf8');
      expect(evaluate(toText(fromText(document)))).toEqual(evaluate(document));
    }
  });
});

describe('failures', () => {
  const failureOf = (document: string) => {
    const answer = evaluate(document);
    return 'failure' in answer ? answer.failure : null;
  };

  test('name the path', () => {
    const portfolio = fromText(readFileSync(new URL('iron-condor.json', examples), 'utf8'));
    const twice = { ...portfolio, positions: [...portfolio.positions, portfolio.positions[0]!] };
    expect(failureOf(toText(twice))).toEqual({
      kind: 'document', path: 'positions[4]', text: 'the same series as positions[0]: state their sum',
    });
  });

  test('any text is answered', () => {
    for (const text of ['', '{', 'null', '\u0000', '🙂', '['.repeat(100_000)]) expect(failureOf(text)?.text).toBeTruthy();
  });

  test('an answer does not depend on what was asked before', () => {
    const document = readFileSync(new URL('hedged-book.json', examples), 'utf8');
    const before = evaluate(document);
    evaluate('{');
    evaluate(document.replace('"150000"', '"1"'));
    expect(evaluate(document)).toEqual(before);
  });
});
