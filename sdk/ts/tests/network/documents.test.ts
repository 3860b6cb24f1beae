// The examples in the documents run as they stand there: all `js` blocks of a page as one module, whose output is what the page says.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, inject, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const docs = join(root, '../../docs');

/** The fenced blocks of a language, with what stands in a `text` block right behind one, line by line. */
function blocksOf(page: string, language: string): { code: string; expected: string[] }[] {
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`\\n(?:\`\`\`text\\n(.*?)^\`\`\`\\n)?`, 'gms');
  return [...page.matchAll(fence)].map(([, code, text]) => ({
    code: code!,
    expected: text?.trimEnd().split('\n') ?? [],
  }));
}

/** The output as the page states it: `...` stands for anything, and alone in a line for any number of lines. */
function patternOf(expected: string[]): RegExp {
  const plain = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const lines = expected.map((line) =>
    line === '...' ? '(?:.*\n)*?' : `${line.split('...').map(plain).join('.*')}\n`,
  );
  return new RegExp(`^${lines.join('')}$`);
}

const pages: [string, string][] = [
  ['README.md', join(root, 'README.md')],
  ['docs/integrator.md', join(docs, 'integrator.md')],
];

describe('the examples', () => {
  it.each(pages)('of %s run, and print what they are said to', async (_name, file) => {
    const blocks = blocksOf(await readFile(file, 'utf8'), 'js');
    expect(blocks.length).toBeGreaterThan(0);
    const folder = await mkdtemp(join(tmpdir(), 'sdk-document-'));
    try {
      await mkdir(join(folder, 'node_modules/@portfolio-margin'), { recursive: true });
      await symlink(root, join(folder, 'node_modules/@portfolio-margin/sdk'));
      await symlink(join(root, 'node_modules/@solana'), join(folder, 'node_modules/@solana'));
      await writeFile(join(folder, 'network.json'), JSON.stringify(inject('localnet')));
      await writeFile(join(folder, 'page.mjs'), blocks.map(({ code }) => code).join('\n'));
      const { stdout } = await promisify(execFile)(process.execPath, ['page.mjs'], { cwd: folder });
      expect(stdout).toMatch(patternOf(blocks.flatMap(({ expected }) => expected)));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('are in no other page, and in no other language that nothing runs', async () => {
    for (const name of await readdir(docs)) {
      if (!name.endsWith('.md')) continue;
      const page = await readFile(join(docs, name), 'utf8');
      const isRun = pages.some(([, file]) => file === join(docs, name));
      if (!isRun) expect(blocksOf(page, 'js'), name).toEqual([]);
      for (const language of ['ts', 'typescript', 'javascript', 'mjs'])
        expect(blocksOf(page, language), name).toEqual([]);
    }
  });
});
