// How a recording is cut for the model, whose frames depend on `context` samples to either side.

const PIECE = 1000; // frames: 10 s, of which under a tenth is computed twice
const LEAST = 12; // frames that the graph is made for

export const framesOf = (samples, hop) => Math.ceil(samples / hop);

/** `{ first, frames }` of each piece. */
export function planned(frames) {
  return Array.from({ length: Math.ceil(frames / PIECE) }, (_, i) => ({
    first: i * PIECE,
    frames: Math.min(PIECE, frames - i * PIECE),
  }));
}

/** The samples that some frames need, with silence where the recording has none; perhaps some frames more. */
export function cut(samples, { first, frames }, { hop, context }) {
  const begin = first * hop - context;
  const found = new Float32Array(2 * context + Math.max(frames - 1, LEAST) * hop);
  const from = Math.max(begin, 0);
  const to = Math.min(begin + found.length, samples.length);
  if (to > from) found.set(samples.subarray(from, to), from - begin);
  return found;
}
