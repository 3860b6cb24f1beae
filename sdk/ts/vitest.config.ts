// Which tests run, and how long one may take: those against the network wait for blocks.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['tests/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 240_000 },
});
