// The real service in a browser: HYDRA_URL is where it answers, HYDRA_ORDERS where the hall is told
// what happens. Started by services/query/tests/served/browser.rs.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { browser, open as openPage } from '../browser.mjs';

const { HYDRA_URL, HYDRA_ORDERS } = process.env;
export const url = HYDRA_URL;
export const shots = new URL('../../../shots/', import.meta.url).pathname;
export const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
let chrome;

export async function launch() {
  mkdirSync(shots, { recursive: true });
  chrome = await browser();
}
export const close = () => chrome?.close();

export async function open(path, options) {
  const opened = await openPage(chrome, HYDRA_URL + path, options);
  await opened.page.waitForFunction(() => document.querySelector('.app')?.dataset.link === 'up', null, { timeout: 15_000 });
  return opened;
}
export async function order(what, params) {
  const answer = await fetch(`${HYDRA_ORDERS}/${what}?${new URLSearchParams(params)}`, { method: 'POST' });
  assert.equal(answer.status, 200, what);
  return answer.text();
}
export const get = async (path) => (await fetch(`${HYDRA_URL}/api/v1${path}`)).json();
