// Tables: sortable by a click on a heading or by the keyboard, with rows that open something.

const ROWS = 400; // shown at once; sorting is of all

// columns: {label, unit, title, text}; a cell is sorted by its value and shown by `shown`.
function sortable(columns, rows, { open = null, by = null, descending = true, current = () => false } = {}) {
  const body = el("tbody");
  const head = el("tr");
  const more = el("p", { class: "note" });
  let [place, down] = [by, descending];

  function order(left, right) {
    const [a, b] = [left[place], right[place]];
    if (a === b) return 0;
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    const sign = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return down ? -sign : sign;
  }

  function draw() {
    const sorted = place === null ? rows : [...rows].sort(order);
    body.replaceChildren(...sorted.slice(0, ROWS).map(line));
    more.textContent = rows.length > ROWS ? `The first ${ROWS} of ${thousands(rows.length)} rows; sorting is of all.` : "";
    head.replaceChildren(...columns.map(heading));
  }

  function heading(column, number) {
    const direction = number === place ? (down ? "descending" : "ascending") : "none";
    const sort = () => {
      down = number === place ? !down : typeof (rows[0] ?? [])[number] === "number" || column.unit !== undefined;
      place = number;
      draw();
      head.children[number].firstChild.focus();
    };
    const button = el("button", { type: "button", onclick: sort }, column.label);
    return el("th", { "aria-sort": direction, title: column.title, class: column.unit ? "number" : null }, button);
  }

  function line(row) {
    const cells = columns.map((column, number) => {
      const value = row[number];
      return el("td", { class: column.unit ? "number" : null }, column.text ? column.text(value, row) : shown(value, column.unit));
    });
    if (!open) return el("tr", {}, cells);
    const press = (event) => {
      if (event.type === "click" || event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        open(row);
      }
    };
    return el("tr", { class: current(row) ? "openable current" : "openable", tabindex: 0, onclick: press, onkeydown: press }, cells);
  }

  draw();
  const made = el("div", { class: "table" }, el("table", {}, el("thead", {}, head), body), more);
  made.redraw = draw;
  return made;
}

// A figure of every method with its interval, differences from the first method behind it.
function figureTable(figures, methods, label) {
  const head = el("tr", {}, el("th", {}, ""), methods.map((name) => el("th", { class: "number" }, name)));
  const rows = figures.map((figure) => {
    const mark = figure.better < 0 ? " ↓" : "";
    const values = figure.cells.map((cell) => cell.value).filter((value) => value !== null);
    const best = figure.better > 0 ? Math.max(...values) : figure.better < 0 ? Math.min(...values) : null;
    const cells = figure.cells.map((cell, number) => {
      const interval = cell.low === null ? "" : `[${shown(cell.low, figure.unit)}, ${shown(cell.high, figure.unit)}]`;
      const leaves = number > 0 && cell.difference_low !== null && (cell.difference_low > 0 || cell.difference_high < 0);
      const difference = number > 0 && cell.difference !== null
        ? `difference from ${methods[0]}: ${signed(cell.difference, figure.unit)} [${signed(cell.difference_low, figure.unit)}, ${signed(cell.difference_high, figure.unit)}]`
        : null;
      return el(
        "td",
        { class: "number", title: difference },
        el("span", { class: methods.length > 1 && cell.value === best ? "best" : null }, shown(cell.value, figure.unit)),
        leaves ? el("span", { class: "star" }, "*") : "",
        el("span", { class: "interval" }, interval),
      );
    });
    return el("tr", {}, el("th", { scope: "row" }, label(figure) + mark), cells);
  });
  return el("div", { class: "table figures" }, el("table", {}, el("thead", {}, head), el("tbody", {}, rows)));
}
