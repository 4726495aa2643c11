// Elements made of text alone: nothing that a table or a name holds is ever read as HTML.

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, each] of Object.entries(value)) made.style.setProperty(key, each);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// What stands out, as a list; nothing if nothing does.
function remarkList(remarks) {
  return remarks.length ? el("aside", { class: "remarks" }, el("h3", {}, "What stands out"), el("ul", {}, remarks.map((remark) => el("li", {}, remark)))) : null;
}

function choice(label, options, chosen, onchange) {
  const select = el("select", { onchange: () => onchange(select.value) });
  for (const [value, text] of options) {
    const option = el("option", { value }, text);
    option.selected = value === chosen;
    select.append(option);
  }
  return el("label", { class: "choice" }, label, select);
}

function tick(label, checked, onchange, colour) {
  const box = el("input", { type: "checkbox", onchange: () => onchange(box.checked) });
  box.checked = checked;
  const chip = colour ? el("span", { class: "chip", style: { background: colour } }) : null;
  return el("label", { class: "tick" }, box, chip, label);
}

// plotly.js reads a few tags in its texts; what comes from a user is no tag.
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function block(name) {
  return JSON.parse(document.getElementById(`block-${name}`).textContent);
}

function theme(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// What is drawn in colours of the theme is drawn again when the theme changes.
const drawings = new Set();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawings.forEach((draw) => draw()));
