// A plot over time with the sounds of the same seconds: a cursor follows what is heard, a click or an arrow key seeks.

const MARGIN = { l: 64, r: 14, t: 8, b: 40 };

const viewers = []; // of the page, in the order of their sections

class TimePlot {
  constructor() {
    viewers.push(this);
    this.player = new Player((at, playing) => this.show(at, playing));
    this.plot = el("div", { class: "plot" });
    this.cursor = el("div", { class: "cursor", hidden: true });
    this.button = el("button", { type: "button", class: "play", onclick: () => this.toggle(), title: "space" }, "▶ Play");
    this.clock = el("span", { class: "clock" });
    this.tools = el("div", { class: "tools" });
    this.canvas = el("div", { class: "timeplot", tabindex: 0, onkeydown: (event) => this.press(event) }, this.plot, this.cursor);
    this.start = 0; // of the excerpt, s
    this.seconds = 0;
    // plotly.js covers the window while a button is down, so that the plot itself sees no click.
    this.plot.addEventListener("pointerdown", (event) => {
      const pressed = event.clientX;
      addEventListener("pointerup", (up) => { if (Math.abs(up.clientX - pressed) <= 3) this.clicked(event); }, { once: true, capture: true });
    }, true);
  }

  // Of an excerpt that begins at `start`: traces and layout for plotly.js, its x axis in seconds of the track. What is
  // drawn again keeps its zoom; something else shows `view`, two times, or everything.
  async draw(traces, layout, start, seconds, item, view = null) {
    [this.start, this.seconds] = [start, seconds];
    const again = item === this.item_drawn && this.plot.layout;
    const whole = { "xaxis.range": [start, start + seconds], ...(layout.yaxis?.range ? { "yaxis.range": layout.yaxis.range } : {}) };
    const range = again ? [...this.plot.layout.xaxis.range] : view ?? whole["xaxis.range"];
    if (again && layout.yaxis?.range) layout.yaxis = { ...layout.yaxis, range: [...this.plot.layout.yaxis.range] };
    [this.item_drawn, this.whole] = [item, whole];
    const full = layoutOf({
      ...layout, margin: MARGIN, dragmode: "pan", hovermode: "x",
      xaxis: { range, title: { text: "time (s)" }, minallowed: start - 1, maxallowed: start + seconds + 1, automargin: false, ...layout.xaxis },
    });
    await Plotly.react(this.plot, traces, full, { ...MODE_BAR, scrollZoom: true, doubleClick: false });
    if (!this.watched) {
      this.watched = true;
      this.plot.on("plotly_relayout", () => this.show(this.player.now(), this.player.began !== null));
      this.plot.on("plotly_doubleclick", () => Plotly.relayout(this.plot, this.whole));
      this.plot.on("plotly_afterplot", () => this.place(this.player.now()));
    }
    this.place(this.player.now());
  }

  get width() {
    return this.plot.clientWidth - MARGIN.l - MARGIN.r;
  }

  toggle() {
    if (this.player.began === null) this.player.play();
    else this.player.stop();
  }

  show(at, playing) {
    this.button.textContent = playing ? "■ Stop" : "▶ Play";
    this.clock.textContent = `${(this.start + at).toFixed(2)} s`;
    this.place(at);
  }

  place(at) {
    if (!this.plot.layout) return;
    const [left, right] = this.plot.layout.xaxis.range;
    const share = (this.start + at - left) / (right - left);
    this.cursor.hidden = share < 0 || share > 1;
    this.cursor.style.left = `${MARGIN.l + share * this.width}px`;
  }

  clicked(event) {
    if (!this.plot.layout || event.target.closest(".modebar")) return;
    const share = (event.clientX - this.plot.getBoundingClientRect().left - MARGIN.l) / this.width;
    if (share < 0 || share > 1) return;
    const [left, right] = this.plot.layout.xaxis.range;
    this.seek(left + share * (right - left) - this.start);
  }

  seek(at) {
    this.player.seek(Math.min(Math.max(at, 0), this.seconds));
  }

  press(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key === " ") this.toggle();
    else if (event.key in steps) this.seek(this.player.now() + steps[event.key] * (event.shiftKey ? 1 : 0.1));
    else return;
    event.preventDefault();
  }
}

// What lies behind, as an image of plotly's layout.
function behind(excerpt, kind) {
  const found = excerpt.behind?.pictures.find((each) => each.kind === kind);
  if (!found) return [];
  return [{
    source: found.address, xref: "x", yref: "y", x: found.begin, y: found.bottom + found.semitones, sizex: found.seconds, sizey: found.semitones,
    xanchor: "left", yanchor: "top", sizing: "stretch", layer: "below", opacity: 0.8,
  }];
}

// The scale of notes between two MIDI notes, named at naturals, or fewer where they are many.
function noteAxis(lowest, highest) {
  const span = highest - lowest;
  const named = span <= 16 ? [0, 2, 4, 5, 7, 9, 11] : span <= 36 ? [0, 4, 7] : span <= 60 ? [0, 7] : [0];
  const notes = [];
  for (let note = Math.ceil(lowest); note <= highest; note++) if (named.includes(note % 12)) notes.push(note);
  return { range: [lowest, highest], tickvals: notes, ticktext: notes.map(noteName), automargin: false };
}
