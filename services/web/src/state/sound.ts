/** Two soft notes, made here: no file to load. Browsers allow it after the first click or key. */

let audio: AudioContext | null = null;

/** Whether a sound would be heard: browsers allow none before the first click or key on a page. */
export function isAllowed(): boolean {
  return navigator.userActivation?.hasBeenActive ?? true;
}

export function beep(): void {
  audio ??= new AudioContext();
  void audio.resume();
  note(audio, 587, 0);
  note(audio, 440, 0.22);
}

function note(audio: AudioContext, hertz: number, afterS: number): void {
  const start = audio.currentTime + afterS;
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = hertz;
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.25, start + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, start + 0.45);
  tone.connect(volume).connect(audio.destination);
  tone.start(start);
  tone.stop(start + 0.5);
}
