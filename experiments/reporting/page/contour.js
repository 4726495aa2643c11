// The viewer of tracks: reference and every method over spectrogram or salience, outcomes and confidence below.

const OVERTONES = { reference: [1, 0.25], estimate: [0.6, 0.5, 0.35, 0.2] };

class ContourViewer extends TimePlot {
  constructor(section, number) {
    super();
    [this.section, this.number] = [section, number];
    this.visible = new Set(section.methods);
    this.guesses = true;
    this.kind = null; // of what lies behind; null: the first there is
    this.title = el("h3", {});
    this.sounds = el("div", { class: "sounds" });
    this.note = el("p", { class: "note" });
    this.element = el("div", { class: "viewer" }, this.title, this.tools, this.canvas, el("div", { class: "under" }, this.button, this.clock, this.sounds), this.note);
    drawings.add(() => this.redraw());
  }

  // Show a track: the excerpt that holds a time and some seconds from there, or its first one.
  open(track, time = null, seconds = 10) {
    this.track = block(`${this.number}-${this.section.items.indexOf(track)}`);
    const { excerpts } = this.track;
    const last = (each) => each.start + each.frames * each.step;
    const holds = excerpts.findIndex((each) => time !== null && time >= each.start - 1e-6 && time < last(each));
    this.show_excerpt(excerpts[Math.max(holds, 0)], holds >= 0 ? time : null, seconds);
  }

  show_excerpt(excerpt, time, seconds) {
    this.excerpt = excerpt;
    this.title.textContent = this.track.name;
    if (!excerpt) {
      this.player.clear(0);
      this.canvas.hidden = true;
      this.sounds.replaceChildren();
      this.tools.replaceChildren();
      this.note.textContent = "There was no room for this track: write the report again with more --megabytes.";
      return;
    }
    this.canvas.hidden = false;
    this.note.textContent = "";
    this.decode();
    this.load_sounds();
    const end = excerpt.start + excerpt.frames * excerpt.step;
    const first = time === null ? null : Math.max(Math.min(time, end - seconds), excerpt.start);
    this.redraw(first === null ? null : [first, Math.min(first + seconds, end)]);
    if (first !== null) this.seek(first - excerpt.start);
  }

  decode() {
    const { excerpt } = this;
    const notes = (text) => Array.from(unpacked(text, Int16Array), (value) => value / NOTE_STEPS);
    const times = excerpt.times ? unpacked(excerpt.times, Float32Array) : Float64Array.from({ length: excerpt.frames }, (_, place) => excerpt.start + place * excerpt.step);
    this.times = Array.from(times);
    this.reference = notes(excerpt.reference);
    this.found = new Map(this.section.methods.map((method) => {
      const { pitch, confidence, outcome } = excerpt.methods[method];
      const shares = unpacked(confidence, Uint8Array);
      return [method, { notes: notes(pitch), confidence: shares && Array.from(shares, (share) => share / 255), outcome: Array.from(unpacked(outcome, Uint8Array)) }];
    }));
  }

  load_sounds() {
    const { excerpt, player } = this;
    const seconds = excerpt.frames * excerpt.step;
    const was = new Map([...player.sources].map(([name, source]) => [name, source.on]));
    player.clear(seconds);
    const times = this.times.map((time) => time - excerpt.start);
    const boxes = [];
    const add = (name, label, make, options, colour) => {
      const on = was.get(name) ?? options.on;
      player.add(name, make, { ...options, on });
      boxes.push(tick(label, on, (now) => player.turn(name, now), colour));
    };
    if (excerpt.sound) add("recording", "recording", recorded(excerpt.sound), { on: true, level: 1 });
    add("reference", "reference, sung left", sung(this.reference, times, seconds, OVERTONES.reference), { on: !excerpt.sound, pan: -0.8, level: 0.5 }, theme("text"));
    for (const method of this.section.methods) {
      const own = this.found.get(method).notes;
      add(`of ${method}`, `${method}, right`, sung(own, times, seconds, OVERTONES.estimate), { on: method === this.section.methods[0], pan: 0.8, level: 0.4 }, colourOf(this.section.methods, method));
    }
    this.sounds.replaceChildren(el("span", { class: "note" }, "hear"), ...boxes);
    this.load_tools();
  }

  load_tools() {
    const { excerpt, section } = this;
    const { excerpts } = this.track;
    const kinds = (excerpt.behind?.pictures ?? []).map((each) => each.kind);
    const parts = [];
    if (excerpts.length > 1) {
      const options = excerpts.map((each, place) => [String(place), `${clock(each.start)} to ${clock(each.start + each.frames * each.step)}`]);
      parts.push(choice("part ", options, String(excerpts.indexOf(excerpt)), (value) => this.show_excerpt(excerpts[Number(value)], null, 0)));
    }
    if (section.methods.length > 1) {
      for (const method of section.methods) {
        parts.push(tick(method, this.visible.has(method), (on) => {
          if (on) this.visible.add(method);
          else this.visible.delete(method);
          this.redraw();
        }, colourOf(section.methods, method)));
      }
    }
    parts.push(tick("guesses where unvoiced", this.guesses, (on) => { this.guesses = on; this.redraw(); }));
    if (kinds.length) {
      const shownKind = kinds.includes(this.kind) ? this.kind : this.kind === "none" ? "none" : kinds[0];
      parts.push(choice("behind ", [...kinds.map((kind) => [kind, kind]), ["none", "nothing"]], shownKind, (value) => { this.kind = value; this.redraw(); }));
    }
    this.tools.replaceChildren(...parts);
  }

  redraw(view = null) {
    if (!this.excerpt || !this.plot.isConnected) return;
    const { excerpt, section, times } = this;
    const methods = section.methods.filter((method) => this.visible.has(method));
    const kinds = (excerpt.behind?.pictures ?? []).map((each) => each.kind);
    const kind = this.kind === "none" ? "none" : kinds.includes(this.kind) ? this.kind : kinds[0];
    const traces = [this.line("reference", this.reference, theme("text"), { width: 5 }, this.reference.map((note) => (note > 0 ? noteText(note) : "")))];
    traces[0].opacity = 0.55;
    for (const method of methods) traces.push(...this.contours(method));
    const strip = 18 * methods.length + 6;
    const confident = methods.filter((method) => this.found.get(method).confidence);
    const below = confident.length ? 90 : 0;
    const above = 380;
    const gap = 10;
    const whole = above + strip + below + gap * 2;
    traces.push(this.strip(methods));
    for (const method of confident) {
      traces.push({ type: "scatter", mode: "lines", x: times, y: this.found.get(method).confidence, yaxis: "y3", name: plain(method), showlegend: false, line: { color: colourOf(section.methods, method), width: 1.2 }, hovertemplate: `confidence %{y:.3f}<extra>${plain(method)}</extra>` });
    }
    const { lowest, highest } = excerpt.behind ?? { lowest: 36, highest: 96 };
    this.draw(traces, {
      height: whole + MARGIN.t + MARGIN.b, images: behind(excerpt, kind), showlegend: false,
      yaxis: { ...noteAxis(lowest, highest), domain: [1 - above / whole, 1], title: { text: "pitch" } },
      yaxis2: { domain: [(below + gap) / whole, (below + gap + strip) / whole], fixedrange: true, tickvals: methods.map((_, place) => place), ticktext: methods.map((name) => (name.length > 9 ? `${plain(name.slice(0, 8))}…` : plain(name))), range: [methods.length - 0.5, -0.5], automargin: false, showgrid: false, zeroline: false, tickfont: { size: 10 } },
      ...(below ? { yaxis3: { domain: [0, below / whole], range: [0, 1.02], fixedrange: true, title: { text: "confidence", font: { size: 10 } }, automargin: false, tickvals: [0, 0.5, 1] } } : {}),
      xaxis: { anchor: below ? "y3" : "y2", showspikes: true, spikemode: "across", spikethickness: 1, spikecolor: theme("line"), spikedash: "dot" },
    }, excerpt.start, excerpt.frames * excerpt.step, excerpt, view);
  }

  contours(method) {
    const { notes, outcome } = this.found.get(method);
    const colour = colourOf(this.section.methods, method);
    const { names } = this.section.outcomes;
    const told = notes.map((note, place) => {
      const truth = this.reference[place];
      const error = truth > 0 && note !== 0 ? `, ${signed(100 * (Math.abs(note) - truth), "cents")} ct` : "";
      return note === 0 ? "" : `${noteText(Math.abs(note))}${error}, ${readable(names[outcome[place]])}`;
    });
    const voiced = this.line(method, notes, colour, { width: 2 }, told);
    if (!this.guesses) return [voiced];
    const unvoiced = {
      type: "scatter", mode: "markers", x: this.times, y: notes.map((note) => (note < 0 ? -note : null)), text: told, hovertemplate: `%{text} (unvoiced)<extra>${plain(method)}</extra>`,
      marker: { color: colour, size: 2.5, opacity: 0.5 }, name: plain(method),
    };
    return [unvoiced, voiced];
  }

  line(name, notes, colour, line, told) {
    return { type: "scatter", mode: "lines+markers", marker: { size: line.width, color: colour }, line: { ...line, color: colour }, x: this.times, y: notes.map((note) => (note > 0 ? note : null)), text: told, name: plain(name), hovertemplate: `%{text}<extra>${plain(name)}</extra>`, connectgaps: false };
  }

  strip(methods) {
    const { names } = this.section.outcomes;
    const colours = names.map((name) => OUTCOME_COLOURS[name]);
    const scale = colours.flatMap((colour, place) => [[place / colours.length, colour], [(place + 1) / colours.length, colour]]);
    return {
      type: "heatmap", x: this.times, y: methods.map((_, place) => place), z: methods.map((method) => this.found.get(method).outcome), yaxis: "y2", ygap: 3,
      colorscale: scale, zmin: -0.5, zmax: colours.length - 0.5, showscale: false, hoverinfo: "skip",
    };
  }
}

function outcomeLegend(section) {
  const chips = section.outcomes.names.slice(1).map((name) => el("span", { class: "tick" }, el("span", { class: "chip", style: { background: OUTCOME_COLOURS[name] } }), readable(name)));
  return el("p", { class: "legend" }, chips);
}
