// What the page says of a contour.

import { clock, named, signed } from "./pitch.js";

const EMPTY = { note: "–", cents: "–", hertz: "–" };

/** At a frame: `note`, `cents`, `hertz`. */
export function frameWords(contour, frame, threshold) {
  if (frame < 0 || !contour.isVoiced(frame, threshold)) return EMPTY;
  const hertz = contour.f0[frame];
  const { name, cents } = named(hertz);
  return { note: name, cents: signed(cents), hertz: hertz.toFixed(1) };
}

/** Of a whole recording, in one line. */
export function factsOf(contour, seconds, threshold, notes) {
  const pitches = contour.voicedPitches(threshold);
  if (!pitches.length) return `${clock(seconds, 1)} · no pitch found at this threshold`;
  const at = (part) => pitches[Math.floor(part * (pitches.length - 1))];
  const word = (hertz) => `${named(hertz).name} (${hertz.toFixed(0)} Hz)`;
  const parts = [
    clock(seconds, 1),
    `${word(at(0.01))} to ${word(at(0.99))}`,
    `median ${word(at(0.5))}`,
    `${Math.round((100 * pitches.length) / contour.frames)} % voiced`,
  ];
  if (notes) parts.push(`${notes.length} ${notes.length === 1 ? "note" : "notes"}`);
  return parts.join(" · ");
}
