// A file as audio: what to play, and one channel of it for the model.

import { Refusal } from "./refusal.js";

const SHORTEST = 0.1; // s
const LONGEST = 2 * 3600; // s: a browser holds all of it in memory, several times

export async function decoded(file, context) {
  if (!file.size) throw new Refusal("This file is empty.");
  let buffer;
  try {
    buffer = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Refusal("This browser cannot read that file as audio. WAV, MP3, M4A, OGG and FLAC usually work.");
  }
  return checked(buffer);
}

export function checked(buffer) {
  if (buffer.duration < SHORTEST) throw new Refusal("This is too short: a tenth of a second is the least.");
  if (buffer.duration > LONGEST) throw new Refusal("This is too long: two hours are the most. Please cut it first.");
  return buffer;
}

/** The mean of the channels. */
export function monoOf(buffer) {
  const mono = buffer.getChannelData(0).slice();
  for (let channel = 1; channel < buffer.numberOfChannels; channel += 1) {
    const other = buffer.getChannelData(channel);
    for (let i = 0; i < mono.length; i += 1) mono[i] += other[i];
  }
  if (buffer.numberOfChannels > 1) for (let i = 0; i < mono.length; i += 1) mono[i] /= buffer.numberOfChannels;
  return mono;
}

/** Samples at the context's rate, unless another is said. */
export function bufferOf(samples, context, rate = context.sampleRate) {
  const buffer = context.createBuffer(1, Math.max(samples.length, 1), rate);
  buffer.copyToChannel(samples, 0);
  return buffer;
}
