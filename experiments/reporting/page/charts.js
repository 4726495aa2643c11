// Plots by plotly.js in the colours of the page.

const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f", "#a6761d"];
const OUTCOME_COLOURS = {
  unvoiced: "#00000000", exact: "#00805d", close: "#58c7a0", off: "#e8a0a0", octave_up: "#f0a500", octave_down: "#b8860b",
  wrong: "#cc3311", missed: "#7a8fb8", false_alarm: "#8e4585",
};
const MODE_BAR = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };

function colourOf(methods, name) {
  return PALETTE[methods.indexOf(name) % PALETTE.length];
}

function layoutOf(changes) {
  const axis = { gridcolor: theme("grid"), zerolinecolor: theme("grid"), linecolor: theme("line"), tickcolor: theme("line"), automargin: true };
  const base = {
    paper_bgcolor: "#00000000", plot_bgcolor: "#00000000", margin: { l: 56, r: 16, t: 28, b: 44 }, height: 300,
    font: { family: "system-ui, sans-serif", size: 12, color: theme("text") }, hoverlabel: { font: { family: "system-ui, sans-serif" } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, xaxis: axis, yaxis: axis,
  };
  const made = { ...base, ...changes };
  for (const key of Object.keys(made)) if (/^[xy]axis/.test(key)) made[key] = { ...axis, ...made[key] };
  return made;
}

// A chart under a heading, drawn when it comes near the window: a page has many.
function chart(heading, remark, draw, wide = false) {
  const place = el("div", { class: "plot" });
  const made = el("figure", { class: wide ? "wide" : null }, el("figcaption", {}, el("b", {}, heading), " ", remark), place);
  const watch = new IntersectionObserver((seen) => {
    if (!seen.some((each) => each.isIntersecting)) return;
    watch.disconnect();
    const redraw = () => {
      const [traces, layout] = draw();
      Plotly.react(place, traces, layoutOf(layout), MODE_BAR);
    };
    redraw();
    drawings.add(redraw);
    place.redraw = redraw;
  }, { rootMargin: "400px" });
  watch.observe(made);
  made.redraw = () => place.redraw?.();
  return made;
}

function outcomeChart(section) {
  const { names, frames } = section.outcomes;
  return chart("What became of the frames", "as shares of the truly voiced ones, false alarms as shares of the unvoiced ones.", () => {
    const methods = [...section.methods].reverse();
    const whole = (method, name) => {
      const silent = frames[method][0] + frames[method][names.indexOf("false_alarm")];
      const all = frames[method].reduce((sum, each) => sum + each, 0);
      return name === "false_alarm" ? silent : all - silent;
    };
    const traces = names.slice(1).map((name, number) => {
      const parts = methods.map((method) => frames[method][number + 1] / Math.max(whole(method, name), 1));
      const alarm = name === "false_alarm";
      return {
        type: "bar", orientation: "h", name: readable(name), y: methods.map(plain), x: parts, marker: { color: OUTCOME_COLOURS[name] },
        xaxis: alarm ? "x2" : "x", yaxis: alarm ? "y2" : "y", hovertemplate: `${readable(name)} %{x:.2%}<extra>%{y}</extra>`,
      };
    });
    return [traces, {
      barmode: "stack", height: 130 + 34 * methods.length, margin: { l: 90, r: 16, t: 60, b: 40 },
      xaxis: { domain: [0, 0.74], tickformat: ".0%", range: [0, 1] }, xaxis2: { domain: [0.8, 1], tickformat: ".0%", anchor: "y2", rangemode: "tozero" },
      yaxis: {}, yaxis2: { anchor: "x2", matches: "y", showticklabels: false },
    }];
  }, true);
}

function errorChart(section) {
  return chart("Signed errors", "of the best guess in truly voiced frames: near the truth in steps of 2 cents.", () => {
    const traces = section.methods.map((method) => {
      const { frames, fine } = section.histograms[method];
      return {
        type: "scatter", mode: "lines", line: { shape: "hvh", color: colourOf(section.methods, method), width: 1.6 }, name: plain(method),
        x: fine.map((_, place) => -99 + 2 * place), y: fine.map((count) => count / Math.max(frames, 1)),
        hovertemplate: `%{x} ct: %{y:.2%}<extra>${plain(method)}</extra>`,
      };
    });
    return [traces, { xaxis: { title: { text: "error (cents)" } }, yaxis: { tickformat: ".1%", rangemode: "tozero" }, showlegend: section.methods.length > 1 }];
  });
}

function jumpChart(section) {
  return chart("Errors by the semitone", "on a logarithmic scale: octaves are at ±12.", () => {
    const traces = section.methods.map((method) => {
      const { frames, coarse } = section.histograms[method];
      const half = (coarse.length - 1) / 2;
      return {
        type: "scatter", mode: "lines+markers", marker: { size: 4 }, line: { width: 1, color: colourOf(section.methods, method) }, name: plain(method),
        x: coarse.map((_, place) => place - half), y: coarse.map((count) => (count ? count / frames : null)), connectgaps: false,
        hovertemplate: `%{x} semitones: %{y:.3%}<extra>${plain(method)}</extra>`,
      };
    });
    return [traces, { xaxis: { title: { text: "error (semitones)" }, dtick: 6 }, yaxis: { type: "log", tickformat: ".2%" }, showlegend: section.methods.length > 1 }];
  });
}

function voicingChart(section) {
  const methods = Object.keys(section.voicing);
  if (!methods.length) return null;
  let by = "roc";
  const made = chart("Voicing by threshold", "of the confidence; the dot is the operating point.", () => {
    const traces = methods.flatMap((method) => {
      const of = section.voicing[method];
      const colour = colourOf(section.methods, method);
      const [x, y] = by === "roc" ? ["false_alarm", "recall"] : ["threshold", by];
      return [
        { type: "scatter", mode: "lines", name: plain(method), line: { color: colour }, x: of[x], y: of[y], customdata: of.threshold, hovertemplate: `threshold %{customdata:.3f}<br>%{x:.3f}, %{y:.3f}<extra>${plain(method)}</extra>` },
        { type: "scatter", mode: "markers", showlegend: false, marker: { color: colour, size: 10, line: { color: theme("paper"), width: 2 } }, x: [of.operating[x]], y: [of.operating[y]], hovertemplate: `in use<br>%{x:.3f}, %{y:.3f}<extra>${plain(method)}</extra>` },
      ];
    });
    const title = (text) => ({ title: { text } });
    return [traces, { xaxis: title(by === "roc" ? "voicing false alarm" : "threshold"), yaxis: title(by === "roc" ? "voicing recall" : readable(by)), showlegend: methods.length > 1 }];
  });
  const options = [["roc", "recall over false alarm"], ["overall_accuracy", "overall accuracy"], ["pitch_f1", "pitch F1"], ["recall", "recall"], ["false_alarm", "false alarm"]];
  made.append(choice("show ", options, by, (value) => { by = value; made.redraw(); }));
  return made;
}

function shiftChart(section) {
  return chart("Is it late?", "Raw pitch accuracy within 25 cents if the estimate were moved; highest at 0 where nothing is late.", () => {
    const traces = section.methods.map((method) => ({
      type: "scatter", mode: "lines+markers", marker: { size: 4 }, line: { color: colourOf(section.methods, method), width: 1.6 }, name: plain(method),
      x: section.shifts[method].ms, y: section.shifts[method].accuracy, hovertemplate: `%{y:.3f} if it were %{x:.0f} ms earlier<extra>${plain(method)}</extra>`,
    }));
    return [traces, { xaxis: { title: { text: "moved to earlier times by (ms)" } }, yaxis: { rangemode: "normal" }, showlegend: section.methods.length > 1 }];
  });
}

function noteChart(section) {
  let method = section.methods[0];
  const made = chart("Which note is taken for which", "by the best guess; frames, on a logarithmic scale.", () => {
    const { first, counts } = section.notes[method];
    const names = counts.map((_, place) => noteName(first + place));
    const z = counts.map((row) => row.map((count) => (count ? Math.log10(count) : null)));
    const trace = {
      type: "heatmap", x: names, y: names, z, customdata: counts, colorscale: theme("scale").split(" ").map((colour, place, all) => [place / (all.length - 1), colour]),
      showscale: false, hoverongaps: false, hovertemplate: "truth %{x}, estimate %{y}: %{customdata} frames<extra></extra>",
    };
    return [[trace], { height: 420, xaxis: { title: { text: "truth" }, type: "category" }, yaxis: { title: { text: "estimate" }, type: "category", scaleanchor: "x", constrain: "domain" } }];
  });
  if (section.methods.length > 1) made.append(choice("method ", section.methods.map((name) => [name, name]), method, (value) => { method = value; made.redraw(); }));
  return made;
}
