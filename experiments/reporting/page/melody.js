// The section of a set of tracks: the worst seconds first, then tracks, then figures and charts.

function melodySection(section, number) {
  const viewer = new ContourViewer(section, number);
  let opened = null;
  const worst = worstList(section, show);
  const tracks = trackTable(section, show, (row) => row[0] === opened);

  function show(track, time = null, seconds = 10) {
    opened = track;
    viewer.open(track, time, seconds);
    for (const each of worst.children) each.classList.toggle("current", each.dataset.track === track);
    tracks.redraw();
  }

  const named = `${thousands(section.tracks)} track${section.tracks === 1 ? "" : "s"}, ${duration(section.seconds)}`;
  const made = el(
    "section", { class: "set" },
    el("h2", {}, section.name, el("small", {}, named)),
    section.remark ? el("p", { class: "note" }, section.remark) : null,
    keyFigures(section),
    el("div", { class: "look" }, el("div", { class: "worst" }, el("h3", {}, "Worst ten seconds"), el("p", { class: "note" }, "of each track, by seconds wrong"), worst), el("div", {}, viewer.element, outcomeLegend(section))),
    remarkList(section.remarks),
    el("h3", {}, "Tracks"), el("p", { class: "note" }, "A heading sorts, a row opens. Shares as mir_eval defines them."), tracks,
    agreementPart(section, show),
    el("h3", {}, "Figures"),
    el("div", { class: "charts" }, outcomeChart(section), errorChart(section), jumpChart(section), shiftChart(section), voicingChart(section), noteChart(section)),
    el("details", { open: true }, el("summary", {}, "Means over tracks"), el("p", { class: "note" }, intervalRemark(section)), figureTable(section.means, section.methods, (figure) => readable(figure.name))),
    el("details", {}, el("summary", {}, "All frames together, and parts of the set"), el("p", { class: "note" }, "time_offset_ms: positive is late; cents_bias: the error where the pitch stands still."), figureTable(section.figures, section.methods, (figure) => [readable(figure.name), figure.part].filter(Boolean).join(", "))),
  );
  made.begin = () => {
    const first = section.worst[0];
    if (first) show(first.track, first.start);
  };
  return made;
}

function intervalRemark(section) {
  const { level, clusters } = section.interval;
  const several = section.methods.length > 1 ? ` *: the difference from ${section.methods[0]} leaves out 0; it is shown when the pointer rests.` : "";
  return `In brackets ${100 * level} % bootstrap intervals over ${clusters} ${clusters === section.tracks ? "tracks" : "clusters of tracks"}${few(clusters)}; ↓: lower is better.${several}`;
}

function keyFigures(section) {
  const wanted = ["raw_pitch_accuracy", "raw_pitch_accuracy_10", "overall_accuracy", "voicing_recall", "voicing_false_alarm"];
  const others = [["figures", "cents_bias"], ["figures", "time_offset_ms"]];
  const figures = [
    ...wanted.map((name) => section.means.find((figure) => figure.name === name)),
    ...others.map(([key, name]) => section[key].find((figure) => figure.name === name && figure.part === "")),
  ].filter(Boolean);
  const cards = figures.map((figure) => el(
    "div", { class: "card" }, el("b", {}, readable(figure.name) + (figure.better < 0 ? " ↓" : "")),
    section.methods.map((method, place) => el("span", {}, section.methods.length > 1 ? el("span", { class: "chip", style: { background: colourOf(section.methods, method) }, title: method }) : null, shown(figure.cells[place].value, figure.unit))),
  ));
  const legend = section.methods.length > 1 ? el("p", { class: "legend" }, section.methods.map((method) => el("span", { class: "tick" }, el("span", { class: "chip", style: { background: colourOf(section.methods, method) } }), method))) : null;
  return el("div", {}, legend, el("div", { class: "cards" }, cards));
}

function worstList(section, show) {
  const most = Math.max(...section.worst.flatMap((row) => row.wrong), 0.1);
  return el("ol", {}, section.worst.slice(0, 60).map((row) => {
    const bars = section.methods.map((method, place) => el("span", { class: "bar", title: `${method}: ${row.wrong[place].toFixed(1)} s wrong` }, el("i", { style: { width: `${(100 * row.wrong[place]) / most}%`, background: colourOf(section.methods, method) } })));
    const text = `from ${clock(row.start)}: ${row.wrong.map((seconds) => seconds.toFixed(1)).join(" / ")} s`;
    const item = el("li", {}, el("button", { type: "button", onclick: () => show(row.track, row.start) }, el("b", {}, row.track), el("span", { class: "note" }, text), bars));
    item.dataset.track = row.track;
    return item;
  }));
}

function trackTable(section, show, current) {
  const { columns, rows } = section.scores;
  const lower = new Set(section.means.filter((figure) => figure.better < 0).map((figure) => figure.name));
  const wrong = (name) => name.startsWith("seconds ") || lower.has(name);
  const unit = (name) => (name === "track" || name === "method" ? undefined : name.startsWith("seconds") ? "s" : name.startsWith("cents_") ? "cents" : name.endsWith("_ms") ? "ms" : "share");
  const made = columns.map((name) => ({ label: readable(name) + (wrong(name) ? " ↓" : ""), unit: unit(name), title: name }));
  const hidden = section.methods.length > 1 ? [] : ["method"];
  const kept = columns.map((_, place) => place).filter((place) => !hidden.includes(columns[place]));
  return sortable(kept.map((place) => made[place]), rows.map((row) => kept.map((place) => row[place])), { open: (row) => show(row[0]), by: kept.indexOf(columns.indexOf("seconds in error")), current });
}

function agreementPart(section, show) {
  if (!section.agreement) return null;
  const { patterns, alone, failing } = section.agreement;
  const all = patterns.reduce((sum, pattern) => sum + pattern.frames, 0);
  const marks = patterns.slice(0, 16).map((pattern) => el(
    "tr", {},
    section.methods.map((method) => el("td", { class: "mark" }, pattern.right.includes(method) ? el("span", { class: "chip", style: { background: colourOf(section.methods, method) }, title: "right" }) : "–")),
    el("td", { class: "number" }, percent(pattern.frames, all)), el("td", { class: "number" }, thousands(pattern.frames)),
  ));
  const head = el("tr", {}, section.methods.map((method) => el("th", {}, method)), el("th", { class: "number" }, "of voiced"), el("th", { class: "number" }, "frames"));
  const stretches = (title, of) => el("div", {}, el("h4", {}, title), section.methods.map((method) => el(
    "p", { class: "stretches" }, el("b", {}, method), ": ",
    of[method].length ? of[method].slice(0, 6).map((each) => el("button", { type: "button", class: "link", onclick: () => show(each.track, Math.max(each.start - 1, 0), 3) }, `${each.track} at ${clock(each.start)} (${each.seconds.toFixed(2)} s)`)) : "nowhere",
  )));
  return el(
    "div", {}, el("h3", {}, "Who is right where the others are wrong"),
    el("p", { class: "note" }, "Truly voiced frames by the methods whose best guess is within 50 cents, whatever their voicing."),
    el("div", { class: "agreement" }, el("div", { class: "table" }, el("table", {}, el("thead", {}, head), el("tbody", {}, marks))), el("div", {}, stretches("Alone right, longest", alone), stretches("Alone wrong, longest", failing))),
  );
}
