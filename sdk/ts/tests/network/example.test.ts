// The example runs as it stands in the package, on the package as it is built.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, it } from 'vitest';

it('a maker quotes and a taker takes, as the example says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sdk-example-'));
  try {
    const file = join(folder, 'network.json');
    await writeFile(file, JSON.stringify(inject('localnet')));
    const script = new URL('../../examples/quote.mjs', import.meta.url);
    const { stdout } = await promisify(execFile)(process.execPath, [script.pathname, file]);
    const lines = stdout.trim().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^before: initial health -?\d+\.\d\d USD$/),
      expect.stringMatching(/^filled 4 of 10 lots in \d+ compute units: \w{80,90}$/),
      expect.stringMatching(/^after: initial health -?\d+\.\d\d USD$/),
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
