import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** Fragments are built node by node: no markup is ever parsed at run time. */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true, fragments: 'tree' },
};
