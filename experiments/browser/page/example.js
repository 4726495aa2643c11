// A short melody as if it were sung, computed here: slides between the notes, vibrato, breaths.

import { hertzOf } from "./pitch.js";

// [MIDI note, beats]; null is a breath.
const MELODY = [
  [57, 1.5], [60, 0.5], [64, 2], [62, 0.5], [64, 0.5], [65, 0.5], [64, 1.5], [null, 0.6],
  [60, 0.5], [62, 0.5], [64, 1], [69, 2], [67, 0.5], [65, 0.5], [64, 2], [null, 0.6],
  [62, 0.75], [60, 0.25], [59, 1], [60, 0.5], [57, 2.5],
];
const BEAT = 0.5; // s
const SLIDE = 0.035; // s, of the time constant from note to note
const FORMANTS = [[650, 90, 1], [1100, 110, 0.55], [2600, 160, 0.3], [3300, 220, 0.2]]; // Hz, width, weight

export const RATE = 16000;

export function example(rate) {
  const seconds = MELODY.reduce((sum, [, beats]) => sum + beats, 0) * BEAT + 0.8;
  const samples = new Float32Array(Math.ceil(seconds * rate));
  let note = MELODY[0][0] - 2;
  let loud = 0;
  let phase = 0;
  const gains = new Float64Array(40);
  for (let i = 0; i < samples.length; i += 1) {
    const { target, held } = sungAt(i / rate - 0.3);
    loud += ((target === null ? 0 : 1) - loud) / (0.03 * rate);
    if (target !== null) note += (target - note) / (SLIDE * rate);
    const depth = 0.35 * Math.min(Math.max((held - 0.35) / 0.4, 0), 1);
    const hertz = hertzOf(note + depth * Math.sin((2 * Math.PI * 5.6 * i) / rate));
    phase += hertz / rate;
    if (i % 64 === 0) for (let h = 1; h < gains.length; h += 1) gains[h] = gainOf(h * hertz, h);
    let sum = 0;
    for (let h = 1; h < gains.length && h * hertz < 5000; h += 1) sum += gains[h] * Math.sin(2 * Math.PI * h * phase);
    samples[i] = 0.3 * loud * sum;
  }
  return samples;
}

function sungAt(seconds) {
  let begin = 0;
  for (const [target, beats] of MELODY) {
    const end = begin + beats * BEAT;
    if (seconds >= begin && seconds < end) return { target, held: seconds - begin };
    begin = end;
  }
  return { target: null, held: 0 };
}

function gainOf(hertz, harmonic) {
  const shape = FORMANTS.reduce((sum, [at, width, weight]) => sum + weight / (1 + ((hertz - at) / width) ** 2), 0.06);
  return shape / harmonic ** 0.7;
}
