// Which tests run, and how long one may take: those in tests/network and tests/browser share one local network and wait for its blocks.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // what a machine with fifteen times its work has needed, and as long again: for what hangs, not for what is slow
    testTimeout: 180_000,
    hookTimeout: 300_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['tests/unit/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'network',
          include: ['tests/network/*.test.ts', 'tests/browser/*.test.ts'],
          globalSetup: 'tests/network/setup.ts',
          fileParallelism: false,
        },
      },
    ],
  },
});
