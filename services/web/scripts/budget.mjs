// Fails the build when all scripts and styles together, gzipped, are above the budget.
import { gzipSync } from 'node:zlib';
import { readdirSync, readFileSync } from 'node:fs';

const BUDGET_KB = 150;
const folder = 'dist/assets';
const files = readdirSync(folder).filter((name) => /\.(js|css)$/.test(name));
const size = files.reduce((sum, name) => sum + gzipSync(readFileSync(`${folder}/${name}`)).length, 0);
console.log(`pages: ${(size / 1024).toFixed(1)} KB of scripts and styles, gzipped; allowed are ${BUDGET_KB}`);
if (size > BUDGET_KB * 1024) process.exit(1);
