// Resampling by a windowed sinc, sample by sample the same however the audio is cut into blocks.

const ZEROS = 48; // zero crossings of the sinc to either side
const BETA = 9; // of the Kaiser window: what is folded back is 90 dB down
const CUTOFF = 0.94; // of half the lower rate

const divisor = (a, b) => (b ? divisor(b, a % b) : a);

function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

export class Resampler {
  /** From and to so many samples per second, both whole numbers. */
  constructor(source, target) {
    const common = divisor(source, target);
    this.up = target / common;
    this.down = source / common;
    const cutoff = CUTOFF * Math.min(1, target / source); // of half the source's rate
    this.half = Math.ceil(ZEROS / cutoff);
    this.filters = Array.from({ length: this.up }, (_, phase) => this.filter(phase / this.up, cutoff));
    this.held = new Float32Array(this.half); // silence before the recording
    this.place = 0; // the next output, in steps of 1 / up source samples from held[half]
  }

  filter(fraction, cutoff) {
    const taps = new Float32Array(2 * this.half + 1);
    const reach = this.half + 1;
    for (let i = 0; i < taps.length; i += 1) {
      const x = i - this.half - fraction;
      const angle = Math.PI * cutoff * x;
      const window = bessel(BETA * Math.sqrt(Math.max(0, 1 - (x / reach) ** 2))) / bessel(BETA);
      taps[i] = cutoff * window * (angle === 0 ? 1 : Math.sin(angle) / angle);
    }
    return taps;
  }

  /** Takes samples, gives those that no later one can change. */
  push(samples) {
    if (this.up === this.down) return samples;
    const { half, up, down, filters } = this;
    const audio = new Float32Array(this.held.length + samples.length);
    audio.set(this.held);
    audio.set(samples, this.held.length);
    const last = audio.length - 2 * half - 1; // the last place whose taps are all there
    const count = Math.max(0, Math.floor((last * up + up - 1 - this.place) / down) + 1);
    const found = new Float32Array(count);
    for (let n = 0; n < count; n += 1) {
      const at = this.place + n * down;
      const first = Math.floor(at / up);
      const taps = filters[at - first * up];
      let sum = 0;
      for (let i = 0; i < taps.length; i += 1) sum += taps[i] * audio[first + i];
      found[n] = sum;
    }
    this.place += count * down;
    const done = Math.min(Math.floor(this.place / up), audio.length);
    this.held = audio.slice(done);
    this.place -= done * up;
    return found;
  }
}

/** A whole recording at another rate: `ceil(samples * target / source)` samples. */
export function resampled(samples, source, target) {
  if (source === target) return samples;
  const resampler = new Resampler(source, target);
  const found = new Float32Array(Math.ceil((samples.length * target) / source));
  const begin = resampler.push(samples);
  found.set(begin.subarray(0, found.length));
  const rest = resampler.push(new Float32Array(2 * resampler.half + 2));
  if (begin.length < found.length) found.set(rest.subarray(0, found.length - begin.length), begin.length);
  return found;
}

/** To the 16 bits of the recordings that trackers are trained on, full scale at 1. */
export function rounded(samples) {
  return samples.map((each) => Math.max(-32768, Math.min(32767, Math.round(each * 32768))) / 32768);
}
