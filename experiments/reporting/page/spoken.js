// Sections of clips and of recognised utterances: mistakes first, with their sound.

// Spectrogram and sound of one utterance, phones in lanes if they are known.
class SpokenViewer extends TimePlot {
  constructor(section, number) {
    super();
    [this.section, this.number] = [section, number];
    this.title = el("h3", {});
    this.lines = el("div", { class: "lines" });
    this.note = el("p", { class: "note" });
    this.element = el("div", { class: "viewer" }, this.title, this.lines, this.canvas, el("div", { class: "under" }, this.button, this.clock), this.note);
    drawings.add(() => this.redraw());
  }

  open(name, lines) {
    this.item = block(`${this.number}-${this.section.items.indexOf(name)}`);
    const { item } = this;
    this.title.textContent = name;
    this.lines.replaceChildren(...lines(item));
    this.player.clear(item.seconds ?? 0);
    if (item.sound) this.player.add("recording", recorded(item.sound));
    this.button.hidden = !item.sound;
    this.clock.hidden = !item.sound;
    this.canvas.hidden = !item.picture && !item.times?.length;
    this.note.textContent = item.sound ? "" : item.picture ? "Written without --audio: there is nothing to hear." : this.section.remark ?? "There was no room for this one: write the report again with more --megabytes.";
    this.redraw();
  }

  redraw() {
    if (!this.item || this.canvas.hidden || !this.plot.isConnected) return;
    const { item } = this;
    const lanes = lanesOf(item);
    const { picture } = item;
    const seconds = item.seconds ?? Math.max(...lanes.map((lane) => lane.end), 0.1);
    const [above, below, gap] = [picture ? 240 : 0, lanes.length ? 64 : 0, picture && lanes.length ? 8 : 0];
    const whole = above + below + gap;
    const image = picture ? [{ source: picture.address, xref: "x", yref: "y", x: -picture.seconds / picture.bins / 2, y: picture.bins - 0.5, sizex: picture.seconds, sizey: picture.bins, xanchor: "left", yanchor: "top", sizing: "stretch", layer: "below" }] : [];
    const shapes = lanes.map((lane) => ({ type: "rect", xref: "x", yref: "y2", x0: lane.start, x1: lane.end, y0: 0, y1: 1, line: { color: theme("paper"), width: 1 }, fillcolor: lane.colour, layer: "below" }));
    const annotations = lanes.map((lane, place) => ({ xref: "x", yref: "y2", x: (lane.start + lane.end) / 2, y: lane.gone ? 1.35 : place % 2 ? 0.25 : 0.75, text: plain(lane.text), showarrow: false, font: { size: 11, color: lane.gone ? theme("text") : "#ffffff" } }));
    const points = { type: "scatter", mode: "markers", marker: { opacity: 0 }, x: lanes.map((lane) => (lane.start + lane.end) / 2), y: lanes.map(() => 0.5), yaxis: "y2", text: lanes.map((lane) => plain(lane.told)), hovertemplate: "%{text}<extra></extra>" };
    // An axis with nothing on it would not be drawn.
    const nothing = { type: "scatter", mode: "markers", x: [0, seconds], y: [0, 0], marker: { opacity: 0 }, hoverinfo: "skip", yaxis: picture ? "y" : "y2" };
    this.draw(lanes.length ? [nothing, points] : [nothing], {
      height: whole + MARGIN.t + MARGIN.b, images: image, shapes, annotations, showlegend: false, hovermode: "closest",
      ...(picture ? { yaxis: { domain: [(below + gap) / whole, 1], range: [-0.5, picture.bins - 0.5], tickvals: picture.ticks.map((each) => each[0]), ticktext: picture.ticks.map((each) => each[1]), title: { text: "Hz (mel)" }, showgrid: false, zeroline: false, fixedrange: true, automargin: false } } : {}),
      ...(lanes.length ? { yaxis2: { domain: [0, below / whole], range: [-0.1, 1.6], showticklabels: false, showgrid: false, zeroline: false, fixedrange: true } } : {}),
      xaxis: { anchor: lanes.length ? "y2" : "y", zeroline: false },
    }, 0, seconds, item);
  }
}

const PHONE_COLOURS = { right: "#00805d", substitution: "#cc3311", insertion: "#8e4585", deletion: "#7a8fb8" };

function kindOf([truth, guess]) {
  if (truth === null) return "insertion";
  if (guess === null) return "deletion";
  return truth === guess ? "right" : "substitution";
}

// Recognised phones where they are, deleted ones between their neighbours.
function lanesOf(item) {
  if (!item.times?.length) return [];
  const lanes = [];
  let place = 0;
  for (const pair of item.pairs) {
    const [truth, guess] = pair;
    const kind = kindOf(pair);
    if (guess === null) {
      const at = place > 0 ? item.times[place - 1][1] : item.times[0][0];
      lanes.push({ start: at - 0.01, end: at + 0.01, text: truth, gone: true, colour: PHONE_COLOURS.deletion, told: `${truth} is missing` });
      continue;
    }
    const [start, end] = item.times[place++];
    lanes.push({ start, end, text: guess, colour: PHONE_COLOURS[kind], told: kind === "right" ? guess : kind === "insertion" ? `${guess}, which nobody said` : `${guess} for ${truth}` });
  }
  return lanes;
}

function alignmentLines(item) {
  if (!item.pairs) return [];
  const cell = (pair, side) => el("td", { class: kindOf(pair) }, pair[side] ?? "·");
  const table = el("table", { class: "alignment" }, [["said", 0], ["recognised", 1]].map(([name, side]) => el("tr", {}, el("th", {}, name), item.pairs.map((pair) => cell(pair, side)))));
  return [el("div", { class: "scroll" }, table), item.words ? el("p", { class: "note" }, `words: ${item.words}`) : null].filter(Boolean);
}

function spokenSection(section, number, { heading, remark, lines, count, list, parts }) {
  const viewer = new SpokenViewer(section, number);
  let opened = null;
  const worst = el("ol", {}, section.scores.rows.slice(0, 60).map((row) => {
    const [text, more] = list(row);
    const item = el("li", {}, el("button", { type: "button", onclick: () => show(row) }, el("b", {}, text), el("span", { class: "note" }, more)));
    item.dataset.track = row[0];
    return item;
  }));
  const table = sortable(section.scores.columns.map((name, place) => ({
    label: name, unit: numeric(section.scores.rows, place),
  })), section.scores.rows, { open: (row) => show(row), current: (row) => row[0] === opened });

  function show(row) {
    [opened] = row;
    viewer.open(row[0], (item) => lines(row, item));
    for (const each of worst.children) each.classList.toggle("current", each.dataset.track === row[0]);
    table.redraw();
  }

  const made = el(
    "section", { class: "set" }, el("h2", {}, section.name, el("small", {}, count)), section.remark ? el("p", { class: "note" }, section.remark) : null,
    el("div", { class: "cards" }, section.figures.map((figure) => el("div", { class: "card" }, el("b", {}, readable(figure.name) + (figure.better < 0 ? " ↓" : "")), el("span", {}, shown(figure.cells[0].value, figure.unit)), figure.cells[0].low === null ? null : el("span", { class: "interval" }, `[${shown(figure.cells[0].low)}, ${shown(figure.cells[0].high)}]`)))),
    el("p", { class: "note" }, `In brackets ${100 * section.interval} % bootstrap intervals over ${section.groups} groups of recordings${few(section.groups)}; ↓: lower is better.`),
    el("div", { class: "look" }, el("div", { class: "worst" }, el("h3", {}, heading), el("p", { class: "note" }, remark), worst), viewer.element),
    remarkList(section.remarks), parts, el("h3", {}, "All"), el("p", { class: "note" }, "A heading sorts, a row opens."), table,
  );
  made.begin = () => { if (section.scores.rows.length) show(section.scores.rows[0]); };
  return made;
}

function numeric(rows, place) {
  const value = rows.find((row) => row[place] !== null)?.[place];
  if (typeof value !== "number") return undefined;
  return rows.every((row) => row[place] === null || Number.isInteger(row[place])) ? "count" : "share";
}

function clipSection(section, number) {
  const bars = (row) => {
    const choices = [[row[2], row[3]], ...row.slice(5).map((text) => [text.slice(0, text.lastIndexOf(" ")), Number(text.slice(text.lastIndexOf(" ") + 1))])];
    return [el("p", { class: "verdict" }, el("span", { class: row[4] === "yes" ? "right" : "substitution" }, row[4] === "yes" ? `rightly ${row[2]}` : `${row[2]}, but it is ${row[1]}`)), el("div", { class: "guesses" }, choices.map(([name, share]) => el("div", {}, el("span", {}, name), el("span", { class: "bar" }, el("i", { style: { width: `${100 * share}%`, background: name === row[1] ? PHONE_COLOURS.right : PHONE_COLOURS.substitution } })), el("span", { class: "number" }, shown(share)))))];
  };
  const { names, counts, rows } = section.classes;
  return spokenSection(section, number, {
    heading: "Surest mistakes", remark: "by the probability of the wrong answer", lines: bars,
    count: `${thousands(section.clips)} clips, ${names.length} classes`, list: (row) => [row[0], `${row[2]} ${shown(row[3])}${row[4] === "yes" ? ", right" : `, is ${row[1]}`}`],
    parts: el(
      "div", {}, el("div", { class: "charts" }, countChart("Which class is taken for which", "shares of each true class; hover for clips.", names, names, counts), calibrationChart(section)),
      el("h3", {}, "Classes"), sortable([{ label: "class" }, { label: "clips", unit: "count" }, { label: "recall", unit: "share" }, { label: "precision", unit: "share" }, { label: "most often taken for" }], rows),
      section.by_group.length ? [el("h3", {}, "Speakers or sources"), sortable([{ label: "group" }, { label: "clips", unit: "count" }, { label: "accuracy", unit: "share" }, { label: "mean probability", unit: "share" }], section.by_group, { by: 2, descending: false })] : [],
    ),
  });
}

function phoneSection(section, number) {
  const names = [...section.matrix.names, "–"];
  return spokenSection(section, number, {
    heading: "Most errors", remark: "utterances by their number of edits", lines: (row, item) => alignmentLines(item),
    count: `${thousands(section.utterances)} utterances, ${thousands(section.phones)} phones`, list: (row) => [row[0], `${row[1]} of ${row[2]} phones${row[7] ? `, ${row[7]}` : ""}`],
    parts: el(
      "div", {}, section.folded ? el("p", { class: "note" }, "Edits are counted after folding phones; alignments and confusions show them before.") : null,
      el("div", { class: "charts" }, countChart("Which phone is taken for which", "shares of each said phone; the last column is deletions, the last row insertions.", names, names, section.matrix.counts), placeChart(section)),
      el("h3", {}, "Most frequent edits"), sortable([{ label: "said" }, { label: "recognised" }, { label: "times", unit: "count" }, { label: "of its occurrences", unit: "share" }], section.edits.map(([said, heard, ...rest]) => [said || "(nothing)", heard || "(nothing)", ...rest]), { by: 2 }),
      section.by_group.length ? [el("h3", {}, "Speakers"), sortable([{ label: "speaker" }, { label: "utterances", unit: "count" }, { label: "phones", unit: "count" }, { label: "phoneme error rate ↓", unit: "share" }], section.by_group, { by: 3 })] : [],
    ),
  });
}

function countChart(heading, remark, rows, columns, counts) {
  return chart(heading, remark, () => {
    const shares = counts.map((row) => { const whole = row.reduce((sum, each) => sum + each, 0); return row.map((count) => (count ? count / whole : null)); });
    const trace = {
      type: "heatmap", x: columns.map(plain), y: rows.map(plain), z: shares, customdata: counts, zmin: 0, zmax: 1, showscale: false, hoverongaps: false, xgap: 1, ygap: 1,
      colorscale: theme("scale").split(" ").map((colour, place, all) => [place / (all.length - 1), colour]), hovertemplate: "%{y} taken for %{x}: %{customdata} (%{z:.1%})<extra></extra>",
      ...(rows.length <= 12 ? { text: counts.map((row) => row.map((count) => count || "")), texttemplate: "%{text}" } : {}),
    };
    return [[trace], { height: Math.max(380, 60 + 15 * rows.length), xaxis: { type: "category", title: { text: "answer" }, dtick: 1, tickfont: { size: rows.length > 20 ? 9 : 12 } }, yaxis: { type: "category", autorange: "reversed", title: { text: "truth" }, dtick: 1, tickfont: { size: rows.length > 20 ? 9 : 12 } } }];
  }, rows.length > 20);
}

function calibrationChart(section) {
  return chart("Is it as right as it is sure?", "accuracy of answers by their probability; on the line it would be.", () => {
    const found = section.calibration;
    const traces = [
      { type: "scatter", mode: "lines", x: [0, 1], y: [0, 1], line: { color: theme("line"), dash: "dot" }, hoverinfo: "skip", showlegend: false },
      { type: "scatter", mode: "lines+markers", x: found.map((bin) => bin.probability), y: found.map((bin) => bin.accuracy), text: found.map((bin) => `${bin.clips} clips`), marker: { color: PALETTE[0], size: found.map((bin) => 6 + 14 * Math.sqrt(bin.clips / section.clips)) }, line: { color: PALETTE[0] }, showlegend: false, hovertemplate: "probability %{x:.2f}, right %{y:.2f}<br>%{text}<extra></extra>" },
    ];
    return [traces, { height: 380, xaxis: { range: [0, 1.03], title: { text: "probability of the answer" } }, yaxis: { range: [0, 1.03], title: { text: "accuracy" } } }];
  });
}

function placeChart(section) {
  return chart("Errors by place", "in the utterance, from its first tenth to its last.", () => {
    const { wrong, phones } = section.places;
    return [[{ type: "bar", x: wrong.map((_, place) => place + 1), y: wrong.map((count, place) => (phones[place] ? count / phones[place] : null)), marker: { color: PHONE_COLOURS.substitution }, hovertemplate: "%{y:.1%} of phones<extra></extra>" }], { xaxis: { title: { text: "tenth of the utterance" }, dtick: 1 }, yaxis: { tickformat: ".0%", rangemode: "tozero" } }];
  });
}

// A set of which there are the scores of its items and nothing else.
function itemSection(section) {
  const { columns, rows } = section.scores;
  return el(
    "section", { class: "set" }, el("h2", {}, section.name, el("small", {}, `${thousands(section.count)} items`)), el("p", { class: "note" }, section.remark),
    el("h3", {}, "Means"), el("p", { class: "note" }, `In brackets ${100 * section.interval} % bootstrap intervals over ${section.groups} groups of recordings${few(section.groups)}.`),
    figureTable(section.figures, ["mean"], (figure) => readable(figure.name)),
    el("h3", {}, "Items"), el("p", { class: "note" }, "A heading sorts."), sortable(columns.map((name, place) => ({ label: readable(name), title: name, unit: place ? "share" : undefined })), rows),
  );
}
