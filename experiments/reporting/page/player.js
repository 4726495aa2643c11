// Sounds that play at once on one clock: a recording and what is made of pitches.

const SYNTHETIC_RATE = 22050; // Hz

class Player {
  constructor(ontime) {
    this.ontime = ontime;
    this.sources = new Map(); // name -> {buffer, gain, pan, on}
    this.playing = [];
    this.at = 0; // s within the excerpt, where it stands or began
    this.end = 0;
    this.began = null;
  }

  get context() {
    // Made at the first sound, because browsers want a gesture before.
    this._context ??= new AudioContext();
    return this._context;
  }

  clear(seconds) {
    this.stop();
    this.sources.clear();
    this.at = 0;
    this.end = seconds;
    this.ontime(0, false);
  }

  // make: gives the AudioBuffer, or a promise of it, when it is first heard.
  add(name, make, { on = true, pan = 0, level = 1 } = {}) {
    this.sources.set(name, { make, on, pan, level, buffer: null, gain: null });
  }

  turn(name, on) {
    const source = this.sources.get(name);
    source.on = on;
    if (source.gain) source.gain.gain.setTargetAtTime(on ? source.level : 0, this.context.currentTime, 0.01);
    else if (on && this.began !== null) this.play(this.now());
  }

  now() {
    return this.began === null ? this.at : this.context.currentTime - this.began;
  }

  async play(from = this.at) {
    this.stop();
    await this.context.resume();
    const heard = [...this.sources.values()].filter((source) => source.on);
    for (const source of heard) source.buffer ??= await source.make(this.context);
    const start = from >= this.end - 0.05 ? 0 : from;
    const when = this.context.currentTime + 0.06;
    this.began = when - start;
    for (const source of heard) {
      if (start >= source.buffer.duration) continue;
      const node = new AudioBufferSourceNode(this.context, { buffer: source.buffer });
      source.gain = new GainNode(this.context, { gain: source.level });
      node.connect(source.gain).connect(new StereoPannerNode(this.context, { pan: source.pan })).connect(this.context.destination);
      node.start(when, start);
      this.playing.push([node, source]);
    }
    this.frame = requestAnimationFrame(() => this.tick());
    this.ontime(start, true);
  }

  tick() {
    if (this.began === null) return;
    const now = this.now();
    if (now >= this.end) {
      this.stop();
      this.at = 0;
      this.ontime(0, false);
      return;
    }
    this.ontime(Math.max(now, 0), true);
    this.frame = requestAnimationFrame(() => this.tick());
  }

  stop() {
    if (this.began === null) return;
    this.at = Math.max(this.now(), 0);
    this.began = null;
    cancelAnimationFrame(this.frame);
    for (const [node, source] of this.playing) {
      node.stop();
      source.gain = null;
    }
    this.playing = [];
    this.ontime(this.at, false);
  }

  seek(seconds) {
    if (this.began !== null) this.play(seconds);
    else {
      this.at = seconds;
      this.ontime(seconds, false);
    }
  }
}

// The address of recorded sound as what a Player takes.
function recorded(text) {
  return (context) => context.decodeAudioData(unpacked(text, Uint8Array).buffer);
}

// A tone that follows pitches: MIDI notes at steps of time, 0 where it is silent.
function sung(notes, times, seconds, overtones) {
  return (context) => {
    const samples = new Float32Array(Math.max(Math.ceil(seconds * SYNTHETIC_RATE), 1));
    let [phase, loud, note, frame] = [0, 0, 0, 0];
    const step = times.length > 1 ? times[1] - times[0] : 0.01;
    for (let place = 0; place < samples.length; place++) {
      const now = place / SYNTHETIC_RATE;
      while (frame + 1 < times.length && times[frame + 1] - step / 2 <= now) frame++;
      const wanted = notes[frame] > 0 ? notes[frame] : 0;
      if (wanted) note = loud < 0.01 ? wanted : note + (wanted - note) * 0.01; // glides within milliseconds
      loud += ((wanted ? 1 : 0) - loud) * 0.004;
      phase += (2 * Math.PI * hertz(note)) / SYNTHETIC_RATE;
      let value = 0;
      for (let number = 0; number < overtones.length; number++) value += overtones[number] * Math.sin((number + 1) * phase);
      samples[place] = 0.25 * loud * value;
    }
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: SYNTHETIC_RATE });
    buffer.copyToChannel(samples, 0);
    return buffer;
  };
}
