// Buttons, keys and dropped files.

import { onKeys } from "./keyboard.js";

const IN = 0.6;

/** `act` has a function for each thing that a user does. */
export function connect(act) {
  const $ = (id) => document.getElementById(id);
  const choose = () => $("file").click();
  const explain = () => $("helping").showModal();

  const clicked = {
    open: choose,
    heroopen: choose,
    record: act.record,
    herorecord: act.record,
    example: act.example,
    heroexample: act.example,
    help: explain,
    play: act.play,
    csv: act.table,
    midi: act.midi,
    in: () => act.zoom(IN),
    out: () => act.zoom(1 / IN),
    whole: act.fit,
  };
  for (const [id, done] of Object.entries(clicked)) {
    $(id).addEventListener("click", (event) => {
      if (event.detail) $(id).blur(); // of a mouse: the space bar is that of playback again
      done();
    });
  }
  $("modes").addEventListener("change", (event) => act.mode(event.target.value));
  $("threshold").addEventListener("input", act.revoice);
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    if (file) act.open(file);
    $("file").value = "";
  });

  onKeys({
    " ": act.play,
    ArrowLeft: () => act.pan(-0.1),
    ArrowRight: () => act.pan(0.1),
    ArrowUp: () => act.lift(0.1),
    ArrowDown: () => act.lift(-0.1),
    "+": () => act.zoom(IN),
    "=": () => act.zoom(IN),
    "-": () => act.zoom(1 / IN),
    0: act.fit,
    "[": () => act.tall(1 / 0.8),
    "]": () => act.tall(0.8),
    ",": () => act.step(-act.frame()),
    ".": () => act.step(act.frame()),
    "<": () => act.step(-1),
    ">": () => act.step(1),
    Home: () => act.step(-Infinity),
    o: choose,
    r: act.record,
    e: act.example,
    c: act.table,
    m: act.midi,
    "?": explain,
  });

  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    const [file] = event.dataTransfer.files;
    if (file) act.open(file);
  });
}
