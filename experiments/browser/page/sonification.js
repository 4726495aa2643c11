// A contour as a tone that is as loud as the recording.

const HARMONICS = [1, 0.45, 0.22, 0.1];
const FADE = 0.008; // s
const TABLE = Float32Array.from({ length: 4097 }, (_, i) =>
  HARMONICS.reduce((sum, weight, h) => sum + weight * Math.sin((2 * Math.PI * (h + 1) * i) / 4096), 0),
); // one period, and its first value again

/** Loudness of each frame, 0 to 1. */
export function loudnessOf(samples, rate, contour) {
  const half = Math.round(1.5 * contour.step * rate);
  const levels = new Float32Array(contour.frames);
  for (let frame = 0; frame < levels.length; frame += 1) {
    const middle = Math.round(frame * contour.step * rate);
    let power = 0;
    const from = Math.max(middle - half, 0);
    const to = Math.min(middle + half, samples.length);
    for (let i = from; i < to; i += 1) power += samples[i] ** 2;
    levels[frame] = Math.sqrt(power / Math.max(to - from, 1));
  }
  const loud = levels.slice().sort()[Math.floor(0.95 * levels.length)] || 1;
  return levels.map((each) => Math.min(each / loud, 1) ** 0.7);
}

/** The tone, at some samples per second. */
export function toneOf(contour, threshold, loudness, rate, length) {
  const samples = new Float32Array(length);
  const { step, frames, f0 } = contour;
  let phase = 0;
  let gain = 0;
  for (let i = 0; i < length; i += 1) {
    const at = i / rate / step;
    const near = Math.min(Math.round(at), frames - 1);
    const wanted = near >= 0 && contour.isVoiced(near, threshold) ? 0.1 + 0.9 * loudness[near] : 0;
    gain += (wanted - gain) / (FADE * rate);
    if (gain < 1e-4 && !wanted) continue;
    const first = Math.min(Math.floor(at), frames - 1);
    const next = Math.min(first + 1, frames - 1);
    let hertz = f0[near];
    if (contour.isVoiced(first, threshold) && contour.isVoiced(next, threshold)) {
      hertz = f0[first] + (f0[next] - f0[first]) * (at - first);
    }
    phase += hertz / rate;
    phase -= Math.floor(phase);
    const place = phase * 4096;
    const below = Math.floor(place);
    samples[i] = 0.22 * gain * (TABLE[below] + (TABLE[below + 1] - TABLE[below]) * (place - below));
  }
  return samples;
}
