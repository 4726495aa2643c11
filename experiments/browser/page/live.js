// The contour of what is being recorded. The model's last frames see silence where the future will be: so their pitch
// is right 40 ms after the sound, and their voicing settles in the 300 ms for which they are computed again.

import { Contour } from "./contour.js";
import { Resampler, rounded } from "./resampling.js";

const LAG = 4; // frames
const SETTLING = 30; // frames

export class Live {
  /** With an Engine, samples per second of what will be pushed, and what is called when the contour has grown. */
  constructor(engine, rate, grown) {
    this.engine = engine;
    this.grown = grown;
    this.resampler = new Resampler(rate, engine.model.rate);
    this.rate = rate;
    this.blocks = [];
    this.length = 0; // samples at `rate`
    this.samples = new Float32Array(engine.model.rate * 30); // at the model's rate
    this.filled = 0;
    this.contour = new Contour(engine.step);
    this.busy = false;
    this.ended = false;
    this.delay = 0; // s, of `behind`, over the last second or so
  }

  get seconds() {
    return this.length / this.rate;
  }

  /** s between what was last heard and what is shown of it. */
  get behind() {
    return this.seconds - this.contour.seconds;
  }

  push(block) {
    this.blocks.push(block);
    this.length += block.length;
    const samples = rounded(this.resampler.push(block));
    if (this.filled + samples.length > this.samples.length) {
      const larger = new Float32Array(2 * this.samples.length);
      larger.set(this.samples);
      this.samples = larger;
    }
    this.samples.set(samples, this.filled);
    this.filled += samples.length;
    if (!this.busy) this.follow();
  }

  async follow() {
    const end = Math.floor(this.filled / this.engine.model.hop) - LAG;
    if (end <= this.contour.frames || this.ended) return;
    this.busy = true;
    const first = Math.max(0, this.contour.frames - SETTLING);
    const { f0, confidence } = await this.engine.piece(this.samples.subarray(0, this.filled), { first, frames: end - first });
    this.busy = false;
    if (this.ended) return;
    this.contour.put(first, f0, confidence);
    this.delay += (this.behind - this.delay) * (this.delay ? 0.1 : 1);
    this.grown(this);
    this.follow();
  }

  /** All that was recorded, at `rate`. */
  finish() {
    this.ended = true;
    const found = new Float32Array(this.length);
    let place = 0;
    for (const block of this.blocks) {
      found.set(block, place);
      place += block.length;
    }
    return found;
  }
}
