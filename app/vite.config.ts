// How the page is built and served: no network at run time, the engine's module copied beside the worker.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  base: './',
  build: { target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  worker: { format: 'es' },
  preview: { host: '127.0.0.1', strictPort: true },
  test: { include: ['tests/unit/**/*.test.ts'] },
});
