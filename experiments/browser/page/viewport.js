// Which part of time and pitch is seen.

import { noteOf } from "./pitch.js";

const NARROWEST = 0.25; // s
const FLATTEST = 3; // semitones
const LOWEST = 18; // notes that can be reached
const HIGHEST = 102;
const USUAL = [52, 76];

const within = (value, low, high) => Math.min(Math.max(value, low), high);

export class Viewport {
  constructor() {
    this.duration = 10;
    this.whole();
    [this.low, this.high] = USUAL;
  }

  get span() {
    return this.end - this.begin;
  }

  get height() {
    return this.high - this.low;
  }

  whole() {
    this.begin = 0;
    this.end = this.duration;
  }

  /** A recording of so many seconds from its beginning, and all of its pitches. */
  fit(seconds, pitches) {
    this.duration = Math.max(seconds, NARROWEST);
    this.whole();
    this.fitPitch(pitches);
  }

  /** Nearly all of the pitches, sorted Hz. */
  fitPitch(pitches) {
    if (!pitches.length) {
      [this.low, this.high] = USUAL;
      return;
    }
    const at = (part) => noteOf(pitches[Math.floor(part * (pitches.length - 1))]);
    const [low, high] = [at(0.005), at(0.995)];
    const margin = Math.max(1.5, (12 - (high - low)) / 2);
    [this.low, this.high] = [within(low - margin, LOWEST, HIGHEST - 4), within(high + margin, LOWEST + 4, HIGHEST)];
  }

  /** What is being recorded: the last seconds, with some room to the right. */
  follow(seconds, width) {
    this.duration = Math.max(seconds, width);
    this.begin = Math.max(0, seconds - 0.88 * width);
    this.end = this.begin + width;
  }

  zoomTime(factor, at) {
    const span = within(this.span * factor, Math.min(NARROWEST, this.duration), this.duration);
    this.moveTo(at - ((at - this.begin) * span) / this.span, span);
  }

  moveTo(begin, span = this.span) {
    this.begin = within(begin, 0, Math.max(0, this.duration - span));
    this.end = this.begin + span;
  }

  zoomPitch(factor, at) {
    const height = within(this.height * factor, FLATTEST, HIGHEST - LOWEST);
    const low = at - ((at - this.low) * height) / this.height;
    this.low = within(low, LOWEST, HIGHEST - height);
    this.high = this.low + height;
  }

  movePitch(semitones) {
    const low = within(this.low + semitones, LOWEST, HIGHEST - this.height);
    this.high = low + this.height;
    this.low = low;
  }

  /** Turns a page when a time leaves the view. */
  keep(seconds) {
    if (seconds < this.begin || seconds > this.end) this.moveTo(seconds - 0.05 * this.span);
  }
}
