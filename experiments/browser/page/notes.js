// Notes of a contour: the best division of each voiced stretch into pieces of one pitch, found exactly.
// The same as lightning_modules/decoding/pitch/notes.py, which says where it comes from; a test holds them together.

import { noteOf } from "./pitch.js";

const STEP = 0.1; // semitones between the pitches that a piece may have
const CHANGE = 0.06; // cost of a change of pitch, semitones times seconds
const FARTHEST = 1.5; // semitones; a frame farther from its note costs no more
const SHORTEST = 0.06; // s
const GAP = 0.03; // s; unvoiced stretches up to this length within a note belong to it

/** The nearest whole number, of two the even one. */
export function nearest(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 ? below + 1 : below;
  return rest < 0.5 ? below : below + 1;
}

/** `{ start, end, pitch, confidence }` of each note, in order of time: s, s, MIDI note with a fraction, 0 to 1. */
export function notesOf({ step, frames, f0, confidence }, threshold) {
  if (frames < 2) return [];
  const least = Math.max(nearest(SHORTEST / step), 1);
  const voiced = (frame) => confidence[frame] > threshold && f0[frame] > 0;
  const found = [];
  for (const [begin, end] of stretches(frames, voiced, nearest(GAP / step))) {
    if (end - begin < least) continue;
    const held = new Float64Array(end - begin); // frames of a bridged gap repeat the last pitch
    for (let i = 0; i < held.length; i += 1) held[i] = voiced(begin + i) ? noteOf(f0[begin + i]) : held[i - 1];
    for (const [first, last] of pieces(held, step, least)) {
      const inside = [];
      let sure = 0;
      for (let i = first; i < last; i += 1) {
        if (voiced(begin + i)) {
          inside.push(held[i]);
          sure += confidence[begin + i];
        }
      }
      const start = (begin + first - 0.5) * step;
      const stop = (begin + last - 0.5) * step;
      found.push({ start: Math.max(start, 0), end: stop, pitch: median(inside), confidence: sure / inside.length });
    }
  }
  return found;
}

function* stretches(frames, voiced, bridged) {
  let begin = -1;
  let end = -1;
  for (let frame = 0; frame < frames; frame += 1) {
    if (!voiced(frame)) continue;
    if (begin < 0) begin = frame;
    else if (frame - end > bridged) {
      yield [begin, end];
      begin = frame;
    }
    end = frame + 1;
  }
  if (begin >= 0) yield [begin, end];
}

function* pieces(pitch, step, least) {
  let low = Infinity;
  let high = -Infinity;
  for (const each of pitch) {
    low = Math.min(low, each);
    high = Math.max(high, each);
  }
  low = Math.floor(low / STEP) * STEP;
  const candidates = Float64Array.from({ length: nearest((high - low) / STEP) + 2 }, (_, k) => low + STEP * k);
  const path = bestPieces(pitch, candidates, CHANGE / step, least);
  let first = 0;
  for (let frame = 1; frame <= path.length; frame += 1) {
    if (frame === path.length || path[frame] !== path[first]) {
      yield [first, frame];
      first = frame;
    }
  }
}

function bestPieces(pitch, candidates, change, least) {
  const frames = pitch.length;
  const count = candidates.length;
  const score = new Float64Array(count).fill(Infinity);
  const recent = new Float64Array(least * count); // costs of the last frames, whose sum is that of the shortest piece
  const total = new Float64Array(count);
  const best = new Float64Array(frames + 1).fill(Infinity);
  const winner = new Int32Array(frames + 1);
  const entered = new Uint8Array(frames * count);
  best[0] = -change; // the first piece is no change
  for (let frame = 0; frame < frames; frame += 1) {
    const slot = (frame % least) * count;
    let least_k = 0;
    for (let k = 0; k < count; k += 1) {
      const cost = Math.min(Math.abs(pitch[frame] - candidates[k]), FARTHEST);
      total[k] += cost - recent[slot + k];
      recent[slot + k] = cost;
      score[k] += cost;
      if (frame + 1 >= least) {
        const fresh = best[frame + 1 - least] + change + total[k];
        if (fresh < score[k]) {
          score[k] = fresh;
          entered[frame * count + k] = 1;
        }
      }
      if (score[k] < score[least_k]) least_k = k;
    }
    winner[frame + 1] = least_k;
    best[frame + 1] = score[least_k];
  }
  const path = new Int32Array(frames);
  for (let frame = frames; frame > 0; ) {
    const k = winner[frame];
    let last = frame - 1;
    while (!entered[last * count + k]) last -= 1;
    const begin = last + 1 - least;
    path.fill(k, begin, frame);
    frame = begin;
  }
  return path;
}

function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
