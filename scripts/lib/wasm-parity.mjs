#!/usr/bin/env node
// scripts/lib/wasm-parity: evaluates every case of benches/parity/vectors.txt in wasm and prints how many are equal to the bit.
// Then it turns one digit of one result, and fails unless that is noticed. Needs target/wasm (scripts/lib/wasm).
import { readFileSync } from 'node:fs';

const here = new URL('../../', import.meta.url);
const module = readFileSync(new URL('target/wasm/parity_wasm.wasm', here));
const vectors = readFileSync(new URL('benches/parity/vectors.txt', here), 'utf8');
const { instance } = await WebAssembly.instantiate(module, {});
const { memory, request, check } = instance.exports;

/** How many cases are equal, or the negative number of the first line that is not. */
function checked(text) {
  const bytes = new TextEncoder().encode(text);
  const address = request(bytes.length) >>> 0;
  new Uint8Array(memory.buffer, address, bytes.length).set(bytes);
  return check();
}

function fail(message) {
  console.error(`wasm-parity: error: ${message}`);
  process.exit(1);
}

const lines = vectors.split('\n');
const cases = lines.filter((line) => line !== '' && !line.startsWith('#')).length;
const equal = checked(vectors);
if (equal < 0) fail(`line ${-equal} of vectors.txt has another result in wasm`);
if (equal !== cases) fail(`${equal} cases were evaluated, the file has ${cases}`);

const last = lines.findLastIndex((line) => line.startsWith('greeks '));
const digit = Number(lines[last].at(-1));
lines[last] = `${lines[last].slice(0, -1)}${(digit + 1) % 10}`;
if (checked(lines.join('\n')) !== -(last + 1)) fail(`a wrong digit in line ${last + 1} was not noticed`);

console.log(`${equal} cases equal to the bit in wasm`);
