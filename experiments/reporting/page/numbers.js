// Arrays that travel as text, and numbers as people read them.

function unpacked(text, type) {
  if (text === null) return null;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new type(bytes.buffer);
}

const NOTE_STEPS = 200; // of a MIDI note in packed pitches
const PITCH_CLASSES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

function hertz(note) {
  return 440 * 2 ** ((note - 69) / 12);
}

function noteName(note) {
  return `${PITCH_CLASSES[((note % 12) + 12) % 12]}${Math.floor(note / 12) - 1}`;
}

function noteText(note) {
  const nearest = Math.round(note);
  const cents = Math.round(100 * (note - nearest));
  return `${hertz(note).toFixed(1)} Hz, ${noteName(nearest)} ${cents < 0 ? "−" : "+"}${Math.abs(cents)} ct`;
}

const DIGITS = { share: 3, cents: 1, ms: 1, s: 2 };

function shown(value, unit = "share") {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  const text = Number.isInteger(value) && unit === "count" ? thousands(value) : value.toFixed(DIGITS[unit] ?? 3);
  return text.replace("-", "−").replace(/^(−?)0\./, unit === "share" ? "$1." : "$10.");
}

function signed(value, unit) {
  return value === null ? "–" : `${value > 0 ? "+" : ""}${shown(value, unit)}`;
}

function thousands(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function percent(part, whole) {
  return whole ? `${((100 * part) / whole).toFixed(part && part / whole < 0.1 ? 1 : 0)} %` : "–";
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(1);
  return minutes ? `${minutes}:${rest.padStart(4, "0")}` : `${rest} s`;
}

function duration(seconds) {
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function readable(name) {
  return name.replaceAll("_", " ");
}

// What is said of an interval over few clusters.
function few(clusters) {
  return clusters < 2 ? ", too few for an interval" : clusters < 10 ? ", so few that they say little" : "";
}
