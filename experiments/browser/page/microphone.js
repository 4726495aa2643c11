// The microphone as blocks of samples at the rate of an AudioContext.

import { Refusal } from "./refusal.js";

const PLAIN = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }; // they alter a singing voice

export class Microphone {
  /** Asks for it; `heard` is called with each block. */
  static async open(context, heard) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Refusal("Browsers open the microphone only for pages of https:// or of this computer.");
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
    } catch (error) {
      if (error.name === "NotAllowedError") {
        throw new Refusal("The microphone was not allowed. Allow it in the address bar and try again.");
      }
      throw new Refusal("No microphone was found. Connect one, or choose a file instead.");
    }
    await context.resume();
    await context.audioWorklet.addModule(new URL("./capture-worklet.js", import.meta.url));
    return new Microphone(context, stream, heard);
  }

  constructor(context, stream, heard) {
    this.stream = stream;
    this.source = context.createMediaStreamSource(stream);
    this.node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => heard(data);
    this.source.connect(this.node);
  }

  close() {
    this.node.port.onmessage = null;
    this.source.disconnect();
    for (const track of this.stream.getTracks()) track.stop();
  }
}
