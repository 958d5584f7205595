/** What this browser remembers. Storage may be forbidden: then nothing is remembered. */

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`hydra.${name}`);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`hydra.${name}`);
    else localStorage.setItem(`hydra.${name}`, value);
  } catch {
    // Nothing is lost but the memory.
  }
}
