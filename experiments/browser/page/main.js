// The page: what each control does, and which parts speak with each other.

import { connect } from "./controls.js";
import { bufferOf, checked, decoded, monoOf } from "./decoding.js";
import { Engine } from "./engine.js";
import { RATE, example } from "./example.js";
import { listen } from "./gestures.js";
import { Live } from "./live.js";
import { looking } from "./looking.js";
import { Microphone } from "./microphone.js";
import { midiOf } from "./midi.js";
import { Overview } from "./overview.js";
import { clock } from "./pitch.js";
import { Player } from "./player.js";
import { Plot } from "./plot.js";
import { Refusal } from "./refusal.js";
import { save, stemOf } from "./saving.js";
import { tableOf } from "./table.js";
import { Viewport } from "./viewport.js";
import { factsOf, frameWords } from "./words.js";

const LIVE_SPAN = 8; // s that are seen while recording
const PATIENCE = 120; // ms after the slider's last move, before notes and tone follow

const $ = (id) => document.getElementById(id);
let context;
const sound = () => (context ??= new AudioContext({ latencyHint: "interactive" })); // not before the user does something
const viewport = new Viewport();
const plot = new Plot($("plot"), viewport);
const overview = new Overview($("overview"), viewport, draw);
const player = new Player(sound, played);
let engine;
let work = new AbortController(); // of what is computed now
let taken = null; // { name, buffer, mono, contour, notes } when there is a recording
let session = null; // { live, microphone } while one is made
let asking = false; // whether the user is asked for the microphone

function state(name) {
  document.body.dataset.state = name;
  const done = name === "ready";
  for (const id of ["play", "csv", "midi"]) $(id).disabled = !done;
  $("threshold").disabled = !done && name !== "recording";
  $("recordtext").textContent = name === "recording" ? "Stop" : "Record";
  $("progress").hidden = name !== "computing";
}

function draw() {
  plot.ask();
  overview.ask();
}

function say(problem) {
  $("alert").hidden = !problem;
  $("alert").textContent = problem ?? "";
}

/** What a user does: an expected problem becomes one sentence. */
async function attempt(action) {
  say(null);
  const before = work;
  try {
    await begun;
    await action();
  } catch (error) {
    if (!(error instanceof Refusal)) console.error(error);
    say(error instanceof Refusal ? error.message : `Something went wrong: ${error.message}`);
    const still = work === before && document.body.dataset.state === "computing"; // another recording goes on
    if (!session && !still) state(taken ? "ready" : "idle");
  }
}

async function openFile(file) {
  if (session) await stopRecording(false);
  await analyse(file.name, await decoded(file, sound()));
}

async function openExample() {
  if (session) await stopRecording(false);
  await analyse("An example, synthesised here", bufferOf(example(RATE), sound(), RATE));
}

async function analyse(name, buffer) {
  work.abort();
  const mine = (work = new AbortController());
  player.close();
  const mono = monoOf(buffer);
  taken = null;
  $("name").textContent = name;
  $("name").title = name;
  $("facts").textContent = "the model is loading …";
  state("computing");
  $("progress").value = 0;
  plot.cursor = overview.cursor = plot.hover = plot.contour = overview.contour = null;
  plot.notes = [];
  viewport.fit(buffer.duration, []);
  overview.open(mono);
  draw();
  await engine.ready;
  const samples = await engine.resampled(mono, buffer.sampleRate);
  const shown = (contour, part) => {
    plot.contour = overview.contour = contour;
    viewport.fitPitch(contour.voicedPitches(threshold()));
    $("progress").value = part;
    $("facts").textContent = `${clock(buffer.duration, 1)} · ${Math.round(100 * part)} % computed`;
    draw();
  };
  const contour = await engine.whole(samples, shown, mine.signal);
  if (mine.signal.aborted) return;
  taken = { name, buffer, mono, contour, notes: null };
  player.open(buffer, mono, contour, threshold());
  plot.cursor = overview.cursor = 0;
  state("ready");
  await renote();
}

async function startRecording() {
  if (asking) return;
  asking = true;
  player.pause();
  let live;
  let microphone;
  try {
    await engine.ready;
    microphone = await Microphone.open(sound(), (block) => {
      live?.push(block);
      if (live) recorded(live);
    });
  } finally {
    asking = false;
  }
  work.abort();
  live = new Live(engine, sound().sampleRate, heard);
  session = { live, microphone };
  taken = null;
  player.close();
  $("name").textContent = "Recording";
  $("name").title = "";
  plot.contour = overview.contour = live.contour;
  plot.cursor = overview.cursor = plot.hover = overview.peaks = null;
  plot.notes = [];
  viewport.fitPitch([]);
  viewport.follow(0, LIVE_SPAN);
  state("recording");
  draw();
}

function recorded(live) {
  viewport.follow(live.seconds, LIVE_SPAN);
  $("facts").textContent = `${clock(live.seconds, 1)} · shown ${Math.round(100 * live.delay) * 10} ms later`;
  draw();
}

function heard(live) {
  const { contour } = live;
  const pitches = contour.voicedPitches(threshold());
  if (pitches.length > 20) viewport.fitPitch(pitches);
  plot.cursor = contour.seconds - contour.step;
  tell(plot.cursor);
  document.body.dataset.behind = live.behind.toFixed(3); // s, for tests
  draw();
}

async function stopRecording(keep = true) {
  const { live, microphone } = session;
  session = null;
  microphone.close();
  const samples = live.finish();
  if (!keep) return;
  const stamp = new Date().toTimeString().slice(0, 5).replace(":", ".");
  await analyse(`Recording ${stamp}`, checked(bufferOf(samples, sound())));
}

const threshold = () => Number($("threshold").value);

let waiting = 0;
function revoiced() {
  $("thresholdtext").value = threshold().toFixed(2);
  plot.threshold = overview.threshold = threshold();
  if (plot.hover === null) tell(plot.cursor);
  draw();
  clearTimeout(waiting);
  if (!taken) return;
  waiting = setTimeout(() => {
    player.revoice(threshold());
    renote();
  }, PATIENCE);
}

async function renote() {
  const asked = taken;
  const at = threshold();
  const notes = await engine.notes(asked.contour, at);
  if (asked !== taken || at !== threshold()) return;
  plot.notes = asked.notes = notes;
  $("facts").textContent = factsOf(asked.contour, asked.buffer.duration, at, notes);
  $("plot").setAttribute("aria-label", `Pianoroll of ${asked.name}: ${$("facts").textContent}`);
  tell(plot.cursor);
  draw();
}

/** The readout at a time. */
function tell(seconds) {
  if (!plot.contour || seconds === null) return;
  const words = frameWords(plot.contour, plot.contour.frameAt(seconds), threshold());
  for (const [id, text] of Object.entries(words)) $(id).textContent = text;
  $("readout").classList.toggle("unvoiced", words.note === "–");
  $("time").textContent = clock(Math.max(seconds, 0), 2);
}

function played() {
  const label = player.playing ? "Pause" : "Play";
  $("play").setAttribute("aria-label", label);
  $("play").title = `${label} (space)`;
  $("playicon").setAttribute("d", player.playing ? "M5 3.5h3.5v13H5zM11.5 3.5H15v13h-3.5z" : "M6 3.5v13l11-6.5z");
  follow();
}

function follow() {
  if (!taken) return;
  plot.cursor = overview.cursor = player.position;
  if (player.playing) viewport.keep(player.position);
  if (plot.hover === null) tell(player.position);
  draw();
  if (player.playing) requestAnimationFrame(follow);
}

const saveTable = () => {
  if (!taken) return;
  save(`${stemOf(taken.name)}.csv`, tableOf(taken.contour, threshold(), engine.model), "text/csv");
};
const saveMidi = async () => {
  if (!taken) return;
  const notes = await engine.notes(taken.contour, threshold());
  save(`${stemOf(taken.name)}.mid`, midiOf(notes, taken.contour, threshold()), "audio/midi");
};

const step = (seconds) => {
  if (!taken) return;
  player.seek(player.position + seconds);
  viewport.keep(player.position);
};
connect({
  open: (file) => attempt(() => openFile(file)),
  record: () => attempt(() => (session ? stopRecording() : startRecording())),
  example: () => attempt(openExample),
  table: saveTable,
  midi: () => attempt(saveMidi),
  play: () => taken && player.toggle(),
  mode: (mode) => (player.mode = mode),
  revoice: revoiced,
  step,
  frame: () => engine.step,
  ...looking(viewport, plot, draw),
});

listen($("plot"), plot, {
  moved: draw,
  sought: (seconds) => taken && player.seek(seconds),
  pointed: (seconds) => {
    if (session) return;
    plot.hover = seconds;
    tell(seconds ?? plot.cursor);
    draw();
  },
});

async function begin() {
  const model = await (await fetch("model.json")).json();
  engine = new Engine(model);
  $("model").textContent = model.name;
  $("licence").textContent = ` · ${model.licence.replace(/\.$/, "")}`;
  $("every").textContent = Number((1000 * engine.step).toFixed(1));
  $("range").textContent = `, from ${Math.round(model.lowest)} to ${Math.round(model.highest)} Hz`;
  $("threshold").value = model.voicing_threshold;
  revoiced();
  state("idle");
  draw();
}

const begun = begin();
attempt(() => engine.ready);
