/** f0 (Hz, the best guess) and confidence (0 to 1) of frames that are `step` seconds apart; it may grow. */
export class Contour {
  constructor(step, frames = 0) {
    this.step = step;
    this.frames = frames;
    this.f0 = new Float32Array(frames);
    this.confidence = new Float32Array(frames);
  }

  get seconds() {
    return this.frames * this.step;
  }

  /** Puts frames in their place; what lies behind them is forgotten if `last` says so. */
  put(first, f0, confidence) {
    const end = first + f0.length;
    if (end > this.f0.length) {
      for (const name of ["f0", "confidence"]) {
        const larger = new Float32Array(Math.max(end, 2 * this[name].length));
        larger.set(this[name]);
        this[name] = larger;
      }
    }
    this.f0.set(f0, first);
    this.confidence.set(confidence, first);
    this.frames = Math.max(this.frames, end);
  }

  /** The frame at a time, or -1. */
  frameAt(seconds) {
    const frame = Math.round(seconds / this.step);
    return frame >= 0 && frame < this.frames ? frame : -1;
  }

  isVoiced(frame, threshold) {
    return this.confidence[frame] > threshold && this.f0[frame] > 0;
  }

  /** f0 of the voiced frames, in order of pitch. */
  voicedPitches(threshold) {
    const found = [];
    for (let frame = 0; frame < this.frames; frame += 1) {
      if (this.isVoiced(frame, threshold)) found.push(this.f0[frame]);
    }
    return Float32Array.from(found).sort();
  }
}
