/** The stream that all pages of this browser share, where the browser can do that. */
import workerUrl from './live.worker?sharedworker&url';
import type { Frame, Hear } from './stream';

interface Policy {
  createScriptURL(url: string): string;
}
interface Policies {
  createPolicy(name: string, rules: Policy): Policy;
}

/** `false`: this browser has no such workers, the page needs a stream of its own. `fail` is
 * called when it turns out later that the worker does not run. */
export function share(hear: Hear, fail: () => void): boolean {
  if (!('SharedWorker' in globalThis)) return false;
  try {
    // The address is ours, made by the build: the one thing that this policy lets pass.
    const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
    const policy = policies?.createPolicy('hydra-worker', { createScriptURL: () => workerUrl });
    const worker = new SharedWorker(policy?.createScriptURL('') ?? workerUrl, 'hydra');
    worker.onerror = fail;
    const { port } = worker;
    port.onmessage = ({ data: [name, data] }: MessageEvent<[Frame, string]>) => hear(name, data);
    // A page that is put aside and comes back (back and forward) is told again.
    addEventListener('pagehide', () => port.postMessage('bye'));
    addEventListener('pageshow', () => port.postMessage('here'));
    return true;
  } catch {
    return false;
  }
}
