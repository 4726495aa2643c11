// Notes as a MIDI file with the contour as pitch bends, as experiments/transcription/formats/midi.py writes it.

import { noteOf } from "./pitch.js";
import { nearest } from "./notes.js";

const TICKS = 960; // of a quarter note
const TEMPO = 500000; // us of a quarter note
const RANGE = 12; // semitones that a bend reaches to either side

const tickOf = (seconds) => nearest(((seconds * 1e6) / TEMPO) * TICKS);
const within = (value, low, high) => Math.min(Math.max(value, low), high);

/** A standard MIDI file of one track and one channel. */
export function midiOf(notes, contour, threshold) {
  const parts = [];
  const say = (delta, ...bytes) => parts.push(...variable(delta), ...bytes);
  say(0, 0xff, 0x51, 3, (TEMPO >> 16) & 255, (TEMPO >> 8) & 255, TEMPO & 255);
  const range = [[101, 0], [100, 0], [6, RANGE], [38, 0], [101, 127], [100, 127]]; // registered parameter 0
  for (const [control, value] of range) say(0, 0xb0, control, value);
  let now = 0;
  const events = [...eventsOf(notes, contour, threshold)];
  events.sort((a, b) => a.tick - b.tick || a.order - b.order);
  for (const { tick, bytes } of events) {
    say(tick - now, ...bytes);
    now = tick;
  }
  say(0, 0xff, 0x2f, 0);
  const ascii = (text) => [...text].map((each) => each.charCodeAt(0));
  const head = [...ascii("MThd"), 0, 0, 0, 6, 0, 0, 0, 1, TICKS >> 8, TICKS & 255];
  const size = parts.length;
  const track = [...ascii("MTrk"), size >>> 24, (size >> 16) & 255, (size >> 8) & 255, size & 255];
  return Uint8Array.from(head.concat(track, parts));
}

function* eventsOf(notes, contour, threshold) {
  const sounding = [];
  for (let frame = 0; frame < contour.frames; frame += 1) if (contour.isVoiced(frame, threshold)) sounding.push(frame);
  let place = 0;
  for (const note of notes) {
    const key = within(nearest(note.pitch), 0, 127);
    const begin = tickOf(note.start);
    const end = tickOf(note.end);
    yield { tick: begin, order: 2, bytes: [0x90, key, within(nearest(127 * note.confidence), 1, 127)] };
    yield { tick: Math.max(end, begin + 1), order: 0, bytes: [0x80, key, 64] };
    while (place < sounding.length && sounding[place] * contour.step < note.start) place += 1;
    let before = null;
    for (let first = true; place < sounding.length; place += 1, first = false) {
      const seconds = sounding[place] * contour.step;
      if (seconds >= note.end) break;
      const bend = within(nearest(((noteOf(contour.f0[sounding[place]]) - key) / RANGE) * 8192), -8192, 8191);
      if (bend === before) continue;
      // The first bend is there before the note begins.
      yield bent(first ? begin : within(tickOf(seconds), begin, end), first ? 1 : 3, bend);
      before = bend;
    }
    if (before === null) yield bent(begin, 1, 0);
  }
}

function bent(tick, order, bend) {
  const value = bend + 8192;
  return { tick, order, bytes: [0xe0, value & 127, value >> 7] };
}

function variable(value) {
  const bytes = [value & 127];
  for (let rest = value >> 7; rest; rest >>= 7) bytes.unshift((rest & 127) | 128);
  return bytes;
}
