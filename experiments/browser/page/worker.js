// The model and other slow work, away from the page. A message is `{ id, task, given }`; the answer has its id.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { notesOf } from "./notes.js";
import { resampled, rounded } from "./resampling.js";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1; // more would need headers that a plain host does not send
ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };

let session;

const TASKS = {
  async load(address) {
    session = await ort.InferenceSession.create(address, { executionProviders: ["wasm"], logSeverityLevel: 3 });
  },
  async piece({ audio, frames }) {
    const { f0, confidence } = await session.run({ audio: new ort.Tensor("float32", audio, [audio.length]) });
    return { f0: f0.data.slice(0, frames), confidence: confidence.data.slice(0, frames) };
  },
  notes: ({ contour, threshold }) => notesOf(contour, threshold),
  resampled: ({ samples, source, target }) => rounded(resampled(samples, source, target)),
};

self.onmessage = async ({ data: { id, task, given } }) => {
  try {
    self.postMessage({ id, found: await TASKS[task](given) });
  } catch (error) {
    self.postMessage({ id, failed: String(error?.message ?? error) });
  }
};
