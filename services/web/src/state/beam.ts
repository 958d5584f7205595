/** What the newest reading of the beam says of now. Pure, so that it can be tested. */
import type { Hall } from '../api/types';
import { ageS, span } from './time';

/** A reading comes with an image, with every chunk of five minutes: after two without one it says
 * nothing of now. */
export const BEAM_SPEAKS_S = 600;

export interface BeamNow {
  /** `unknown` also where the reading is old: then it excuses nothing. */
  state: 'on' | 'off' | 'unknown';
  /** E.g. `on · 48.2 nA`, or `was on · 48.2 nA, 12 min ago`. */
  text: string;
}

export function beamNow(facts: Pick<Hall, 'beam' | 'last_image'> | null, nowUs: number): BeamNow {
  const beam = facts?.beam;
  if (!beam || beam.state === 'unknown' || beam.at_us === null) return { state: 'unknown', text: 'unknown' };
  // The condition's name ends with its unit, if it has one: beam_current_nA.
  const named = /_([munpkMG]?)(a|hz)$/i.exec(beam.condition ?? '');
  const unit = named ? ` ${named[1]}${named[2]?.toLowerCase() === 'a' ? 'A' : 'Hz'}` : '';
  const text = beam.reading === null ? beam.state : `${beam.state} · ${Number(beam.reading.toPrecision(3))}${unit}`;
  // A producer's clock that is ahead must not keep a reading young.
  const age = ageS(Math.min(beam.at_us, facts.last_image?.arrived_at_us ?? Infinity), nowUs);
  return age > BEAM_SPEAKS_S ? { state: 'unknown', text: `was ${text}, ${span(age)} ago` } : { state: beam.state, text };
}
