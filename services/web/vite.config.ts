import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  // `npm run dev` takes its facts from a query service, or from tests/pages/fixture, on this port.
  server: { proxy: { '/api': 'http://127.0.0.1:8088' } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
