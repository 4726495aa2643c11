// The page from its data: a heading, a place for each part, and the first of them opened.

const report = JSON.parse(document.getElementById("data").textContent);
const parts = [];
const makers = { melody: melodySection, clips: clipSection, phones: phoneSection, items: itemSection };

report.sections.forEach((section, number) => parts.push([section.title ?? section.name, makers[section.kind](section, number)]));
if (report.run) parts.push(["The run", runPart(report.run)]);
parts.push(["About", el("section", { class: "set" }, el("h2", {}, "About"), el("dl", { class: "facts" }, report.about.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])))]);

const tabs = el("nav", { role: "tablist" });
const place = el("div", {});
function turn(number) {
  const [, part] = parts[number];
  place.replaceChildren(part);
  [...tabs.children].forEach((tab, other) => tab.setAttribute("aria-selected", String(other === number)));
  part.begin?.();
  part.begin = null;
}
parts.forEach(([name], number) => tabs.append(el("button", { type: "button", role: "tab", onclick: () => turn(number) }, name)));
document.getElementById("page").replaceChildren(
  el("header", {}, el("h1", {}, report.title), el("p", { class: "note" }, report.subtitle)), tabs, place,
);
turn(0);

// Space plays and stops what is open, wherever nothing else takes it.
document.addEventListener("keydown", (event) => {
  const open = viewers.find((viewer) => viewer.canvas.isConnected && !viewer.button.hidden);
  if (event.key !== " " || event.target !== document.body || !open) return;
  open.toggle();
  event.preventDefault();
});
document.body.dataset.ready = "true";
window.melisma = { viewers }; // for the console, and for tests
