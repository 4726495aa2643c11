// Pitch as musicians write it. Notes are MIDI numbers with a fraction: 69 is A4, 440 Hz.

const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const BLACK = new Set([1, 3, 6, 8, 10]);

export const noteOf = (hertz) => 69 + 12 * Math.log2(hertz / 440);

export const hertzOf = (note) => 440 * 2 ** ((note - 69) / 12);

export const isBlack = (key) => BLACK.has(((key % 12) + 12) % 12);

export function nameOf(key) {
  return `${NAMES[((key % 12) + 12) % 12]}${Math.floor(key / 12) - 1}`;
}

/** The nearest key and how far from it, such as `{ name: "A4", cents: -12 }`. */
export function named(hertz) {
  const note = noteOf(hertz);
  const key = Math.round(note);
  return { name: nameOf(key), cents: Math.round(100 * (note - key)) };
}

export function signed(cents) {
  return cents < 0 ? `−${-cents}` : `+${cents}`;
}

export function clock(seconds, digits = 2) {
  const rounded = Number(Math.max(seconds, 0).toFixed(digits));
  const rest = (rounded % 60).toFixed(digits);
  return `${Math.floor(rounded / 60)}:${rest.padStart(digits ? 3 + digits : 2, "0")}`;
}
