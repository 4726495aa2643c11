// The part of a run: where it stands, its curves, what it was made of.

function runPart(run) {
  const facts = el("dl", { class: "facts" }, run.facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  return el(
    "section", { class: "set" }, el("h2", {}, "The run", el("small", {}, run.state)),
    facts, el("div", { class: "charts" }, run.curves.map(curveChart)),
    run.configuration ? el("details", {}, el("summary", {}, "Configuration"), el("pre", {}, run.configuration)) : null,
  );
}

function curveChart(curve) {
  return chart(curve.name, curve.remark ?? "", () => {
    const traces = curve.lines.map((line, place) => ({
      type: "scatter", mode: line.step.length > 60 ? "lines" : "lines+markers", name: plain(line.name), x: line.step, y: line.value, line: { color: PALETTE[place % PALETTE.length], width: 1.6 },
      hovertemplate: `step %{x}: %{y:.5~g}<extra>${plain(line.name)}</extra>`,
    }));
    const best = curve.best ? [{ type: "line", x0: curve.best, x1: curve.best, yref: "paper", y0: 0, y1: 1, line: { color: theme("line"), dash: "dot", width: 1 } }] : [];
    const positive = curve.lines.every((line) => line.value.every((value) => value === null || value > 0));
    return [traces, { xaxis: { title: { text: "step" } }, yaxis: curve.logarithmic && positive ? { type: "log", dtick: "D2", exponentformat: "power" } : {}, shapes: best, showlegend: traces.length > 1 }];
  });
}
