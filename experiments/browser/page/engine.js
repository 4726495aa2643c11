// The model, in as many workers as a recording is worth.

import { Contour } from "./contour.js";
import { cut, framesOf, planned } from "./pieces.js";

const WORTH = 3; // pieces for each further worker, which takes a second or so to start

class Helper {
  constructor(address) {
    this.waiting = new Map();
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data: { id, found, failed } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (failed === undefined) resolve(found);
      else reject(new Error(failed));
    };
    this.worker.onerror = (event) => {
      for (const { reject } of this.waiting.values()) reject(new Error(event.message ?? "the worker did not start"));
    };
    this.count = 0;
    this.loaded = this.ask("load", address);
    this.loaded.catch(() => {});
  }

  ask(task, given, transferred = []) {
    return new Promise((resolve, reject) => {
      this.count += 1;
      this.waiting.set(this.count, { resolve, reject });
      this.worker.postMessage({ id: this.count, task, given }, transferred);
    });
  }
}

export class Engine {
  /** Of a model as `model.json` describes it. */
  constructor(model) {
    this.model = model;
    this.address = new URL(model.file, document.baseURI).href;
    this.helpers = [new Helper(this.address)];
    this.most = Math.max(1, Math.min(4, Math.floor((navigator.hardwareConcurrency || 2) / 2)));
  }

  get ready() {
    return this.helpers[0].loaded;
  }

  get step() {
    return this.model.hop / this.model.rate;
  }

  /** f0 and confidence of some frames of samples at the model's rate. */
  async piece(samples, place, helper = this.helpers[0]) {
    await helper.loaded;
    const audio = cut(samples, place, this.model);
    return helper.ask("piece", { audio, frames: place.frames }, [audio.buffer]);
  }

  /** Samples at the model's rate. */
  resampled(samples, source) {
    const copy = samples.slice();
    return this.helpers[0].ask("resampled", { samples: copy, source, target: this.model.rate }, [copy.buffer]);
  }

  notes({ step, frames, f0, confidence }, threshold) {
    return this.helpers[0].ask("notes", { contour: { step, frames, f0, confidence }, threshold });
  }

  /**
   * The contour of a recording, piece by piece, each shown as soon as it is there.
   *
   * @param samples at the model's rate
   * @param seen is called with the contour and the part that is done, 0 to 1
   * @param signal an AbortSignal, after which nothing more is computed
   */
  async whole(samples, seen, signal) {
    const contour = new Contour(this.step, framesOf(samples.length, this.model.hop));
    const left = planned(contour.frames);
    const all = left.length;
    while (this.helpers.length < Math.min(this.most, Math.ceil(all / WORTH))) this.helpers.push(new Helper(this.address));
    let done = 0;
    const work = async (helper) => {
      await helper.loaded;
      while (left.length && !signal.aborted) {
        const place = left.shift();
        const { f0, confidence } = await this.piece(samples, place, helper);
        if (signal.aborted) return;
        contour.put(place.first, f0, confidence);
        done += 1;
        seen(contour, done / all);
      }
    };
    await Promise.all(this.helpers.map(work));
    return contour;
  }
}
