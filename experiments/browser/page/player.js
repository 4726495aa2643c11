// The recording and the tone of its contour, begun at the same instant of one clock.

import { bufferOf } from "./decoding.js";
import { loudnessOf, toneOf } from "./sonification.js";

const GAINS = { recording: [1, 0], pitch: [0, 1], both: [0.6, 0.7] };

export class Player {
  /** Of what gives an AudioContext; `changed` is called when it begins or ends to play. */
  constructor(sound, changed) {
    this.sound = sound;
    this.changed = changed;
    this.gains = [];
    this.sources = [];
    this.buffer = null;
    this.from = 0; // s, where it rests or began
    this.mode = "both";
  }

  connect() {
    this.context = this.sound();
    this.gains = GAINS[this.chosen].map((value) => {
      const gain = new GainNode(this.context, { gain: value });
      gain.connect(this.context.destination);
      return gain;
    });
  }

  /** A recording and its contour; `mono` are its samples at the buffer's rate. */
  open(buffer, mono, contour, threshold) {
    this.pause();
    Object.assign(this, { buffer, mono, contour, threshold, tone: null, loudness: null, from: 0 });
  }

  close() {
    this.pause();
    this.buffer = null;
  }

  get playing() {
    return this.sources.length > 0;
  }

  get position() {
    if (!this.playing) return this.from;
    const heard = this.context.currentTime - this.began - (this.context.outputLatency || 0);
    return Math.min(this.from + Math.max(heard, 0), this.buffer.duration);
  }

  set mode(mode) {
    this.chosen = mode;
    this.gains.forEach((gain, i) => gain.gain.setTargetAtTime(GAINS[mode][i], this.context.currentTime, 0.01));
  }

  /** Another threshold is another tone. */
  revoice(threshold) {
    this.threshold = threshold;
    this.tone = null;
    if (this.playing) {
      this.pause();
      this.play();
    }
  }

  async play() {
    if (!this.buffer || this.playing) return;
    if (!this.context) this.connect();
    if (this.context.state !== "running") await this.context.resume();
    this.loudness ??= loudnessOf(this.mono, this.buffer.sampleRate, this.contour);
    this.tone ??= bufferOf(
      toneOf(this.contour, this.threshold, this.loudness, this.buffer.sampleRate, this.buffer.length),
      this.context,
      this.buffer.sampleRate,
    );
    if (this.from >= this.buffer.duration - 0.02) this.from = 0;
    this.began = this.context.currentTime + 0.03;
    this.sources = [this.buffer, this.tone].map((buffer, i) => {
      const source = new AudioBufferSourceNode(this.context, { buffer });
      source.connect(this.gains[i]);
      source.start(this.began, this.from);
      return source;
    });
    this.sources[0].onended = () => {
      this.from = this.buffer.duration;
      this.sources = [];
      this.changed();
    };
    this.changed();
  }

  pause() {
    if (!this.playing) return;
    this.from = this.position;
    this.sources[0].onended = null;
    for (const source of this.sources) source.stop();
    this.sources = [];
    this.changed();
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  seek(seconds) {
    const playing = this.playing;
    this.pause();
    this.from = Math.min(Math.max(seconds, 0), this.buffer?.duration ?? 0);
    if (playing) this.play();
    else this.changed();
  }
}
