/** Keys that work on every page; pages add their own. None works while one types, and all can be
 * switched off for those whose voice control types letters. */
import { recall, remember } from './prefs';
import { url } from './url.svelte';

export interface KeyHelp {
  keys: string;
  does: string;
}

export const KEY_HELP: readonly KeyHelp[] = [
  { keys: 'r  l  b  s  ?', does: 'Run, Log, Board, Status, Help' },
  { keys: '/', does: 'search a plot' },
  { keys: '← → ↑ ↓', does: 'from card to card' },
  { keys: 'Enter', does: 'open the card' },
  { keys: 'n', does: 'next card that calls for you' },
  { keys: 'h', does: 'heat map on or off' },
  { keys: '[  ]', does: 'heat map fainter, stronger' },
  { keys: 'w', does: 'wall mode' },
  { keys: 'm', does: 'mute the sound for an hour' },
  { keys: 'Esc', does: 'close what is open' },
];

const PAGES: Record<string, string> = { r: '/', l: '/log', b: '/board', s: '/status', '?': '/help' };

type Handler = (key: string) => boolean;
const handlers = new Set<Handler>();

/** Adds a page's keys; returns what takes them away again. */
export function addKeys(handler: Handler): () => void {
  handlers.add(handler);
  return () => handlers.delete(handler);
}

export const keysAreOn = (): boolean => recall('keys') !== 'off';
export const setKeys = (on: boolean): void => remember('keys', on ? null : 'off');

export function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
  const target = event.target as HTMLElement;
  if (target.isContentEditable || ['TEXTAREA', 'SELECT'].includes(target.tagName)) return;
  if (target instanceof HTMLInputElement && !['checkbox', 'radio', 'button'].includes(target.type)) return;
  if (event.key.length === 1 && !keysAreOn()) return;
  for (const handler of handlers) {
    if (handler(event.key)) {
      event.preventDefault();
      return;
    }
  }
  const page = PAGES[event.key];
  if (page && !document.querySelector('dialog[open]')) {
    event.preventDefault();
    url.go(page);
  }
}
