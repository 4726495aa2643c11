// The pianoroll: keys, notes, the contour in the colour of its confidence, below it the confidence itself.

import { Canvas } from "./canvas.js";
import { drawContour, drawLane } from "./curves.js";
import { clock, isBlack, nameOf, named, noteOf, signed } from "./pitch.js";

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200]; // s
const APART = 74; // pixels between times

export class Plot extends EventTarget {
  constructor(element, viewport) {
    super();
    this.viewport = viewport;
    this.contour = null;
    this.notes = [];
    this.threshold = 0.5;
    this.cursor = null; // s
    this.hover = null; // s
    this.canvas = new Canvas(element, (...given) => this.draw(...given));
    this.layout(element.clientWidth, element.clientHeight);
  }

  ask() {
    this.canvas.ask();
  }

  layout(width, height) {
    const narrow = width < 600;
    this.keys = narrow ? 40 : 56;
    this.area = { left: this.keys, right: width, top: 0, bottom: height - 24 - (narrow ? 40 : 54) };
    this.lane = { top: this.area.bottom + 8, bottom: height - 24 };
    this.width = width - this.keys;
  }

  x = (seconds) => this.keys + ((seconds - this.viewport.begin) / this.viewport.span) * this.width;

  y = (note) => this.area.bottom - ((note - this.viewport.low) / this.viewport.height) * this.area.bottom;

  secondsAt = (x) => this.viewport.begin + ((x - this.keys) / this.width) * this.viewport.span;

  noteAt = (y) => this.viewport.low + ((this.area.bottom - y) / this.area.bottom) * this.viewport.height;

  draw(pen, width, height, colours) {
    this.layout(width, height);
    pen.font = '11px system-ui, "Segoe UI", sans-serif';
    this.drawGrid(pen, colours);
    pen.save();
    pen.beginPath();
    pen.rect(this.keys, 0, this.width, height);
    pen.clip();
    this.drawTimes(pen, height, colours);
    if (this.contour) {
      this.drawNotes(pen, colours);
      pen.save();
      pen.beginPath();
      pen.rect(this.keys, 0, this.width, this.area.bottom);
      pen.clip();
      drawContour(pen, this, colours);
      pen.restore();
      drawLane(pen, this, colours);
    }
    pen.restore();
    this.drawKeys(pen, colours);
    if (this.cursor !== null) this.drawCursor(pen, colours);
    if (this.hover !== null && this.contour) this.drawHover(pen, colours);
  }

  *keysSeen() {
    const { low, high } = this.viewport;
    for (let key = Math.floor(low); key <= Math.ceil(high); key += 1) yield key;
  }

  drawGrid(pen, colours) {
    const size = this.area.bottom / this.viewport.height;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, this.area.right, this.area.bottom);
    pen.clip();
    for (const key of this.keysSeen()) {
      const top = this.y(key + 0.5);
      if (isBlack(key)) {
        pen.fillStyle = colours.row;
        pen.fillRect(this.keys, top, this.width, size);
      }
      const between = key % 12 === 0 || key % 12 === 5; // no black key below C and F
      if (between) {
        pen.fillStyle = key % 12 === 0 ? colours.octave : colours.line;
        pen.fillRect(this.keys, Math.round(this.y(key - 0.5)), this.width, 1);
      }
    }
    pen.restore();
  }

  drawKeys(pen, colours) {
    const size = this.area.bottom / this.viewport.height;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, this.keys, this.area.bottom);
    pen.clip();
    pen.fillStyle = colours.ivory;
    pen.fillRect(0, 0, this.keys - 1, this.area.bottom);
    const sounding = this.shownFrame();
    const lit = sounding >= 0 ? Math.round(noteOf(this.contour.f0[sounding])) : null;
    for (const key of this.keysSeen()) {
      const top = this.y(key + 0.5);
      if (key === lit && !isBlack(key)) {
        pen.fillStyle = colours.lit;
        pen.fillRect(0, top, this.keys - 1, size);
      }
      if (isBlack(key)) {
        pen.fillStyle = key === lit ? colours.accent : colours.ebony;
        pen.fillRect(0, top + 0.5, this.keys * 0.55, size - 1);
        pen.fillStyle = colours.keyline;
        pen.fillRect(this.keys * 0.55, Math.round(this.y(key)), this.keys, 1);
      } else if (key % 12 === 0 || key % 12 === 5) {
        pen.fillStyle = colours.keyline;
        pen.fillRect(0, Math.round(this.y(key - 0.5)), this.keys, 1);
      }
    }
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const key of this.keysSeen()) {
      if (isBlack(key) || (size < 13 && key % 12)) continue;
      pen.fillStyle = key % 12 ? colours.keysoft : colours.keyink;
      pen.fillText(nameOf(key), this.keys - 6, this.y(key) + 0.5);
    }
    pen.restore();
    pen.fillStyle = colours.line;
    pen.fillRect(this.keys - 1, 0, 1, this.area.bottom);
    pen.fillRect(this.keys - 1, this.area.bottom, this.area.right, 1);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillStyle = colours.soft;
    const middle = (this.lane.top + this.lane.bottom) / 2;
    pen.fillText(this.keys < 50 ? "conf." : "confi-", this.keys - 6, middle - (this.keys < 50 ? 0 : 6));
    if (this.keys >= 50) pen.fillText("dence", this.keys - 6, middle + 7);
  }

  drawTimes(pen, height, colours) {
    const { begin, end, span } = this.viewport;
    const step = STEPS.find((each) => (each / span) * this.width >= APART) ?? STEPS.at(-1);
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    pen.textBaseline = "alphabetic";
    pen.textAlign = "center";
    for (let k = Math.ceil(begin / step); k * step <= end; k += 1) {
      const x = Math.round(this.x(k * step));
      pen.fillStyle = colours.line;
      pen.fillRect(x, 0, 1, this.lane.bottom);
      pen.fillStyle = colours.soft;
      if (x > this.keys + 14 && x < this.area.right - 14) pen.fillText(clock(k * step, digits), x, height - 7);
    }
  }

  drawNotes(pen, colours) {
    const size = this.area.bottom / this.viewport.height;
    for (const note of this.notes) {
      if (note.end < this.viewport.begin || note.start > this.viewport.end) continue;
      const left = this.x(note.start);
      const key = Math.round(note.pitch);
      const tall = Math.max(size - 2, 3);
      const top = this.y(key) - tall / 2;
      if (top > this.area.bottom || top + tall < 0) continue;
      pen.fillStyle = colours.note;
      pen.strokeStyle = colours.noteline;
      pen.beginPath();
      const wide = Math.max(this.x(note.end) - left - 1, 1);
      pen.roundRect(left, top, wide, Math.min(tall, this.area.bottom - top), Math.min(4, wide / 2));
      pen.fill();
      pen.stroke();
    }
  }

  /** The voiced frame that is pointed at or played, or -1. */
  shownFrame() {
    const seconds = this.hover ?? this.cursor;
    if (!this.contour || seconds === null) return -1;
    const frame = this.contour.frameAt(seconds);
    return frame >= 0 && this.contour.isVoiced(frame, this.threshold) ? frame : -1;
  }

  drawCursor(pen, colours) {
    const x = this.x(this.cursor);
    if (x < this.keys - 1 || x > this.area.right) return;
    pen.fillStyle = colours.cursor;
    pen.fillRect(x - 0.75, 0, 1.5, this.lane.bottom);
    pen.beginPath();
    pen.moveTo(x - 6, 0);
    pen.lineTo(x + 6, 0);
    pen.lineTo(x, 8);
    pen.fill();
  }

  drawHover(pen, colours) {
    const x = this.x(this.hover);
    pen.fillStyle = colours.soft;
    pen.fillRect(Math.round(x), 0, 1, this.lane.bottom);
    const frame = this.shownFrame();
    if (frame < 0) return;
    const hertz = this.contour.f0[frame];
    const at = this.x(frame * this.contour.step);
    const y = this.y(noteOf(hertz));
    pen.fillStyle = colours.card;
    pen.strokeStyle = colours.accent;
    pen.lineWidth = 2.5;
    pen.beginPath();
    pen.arc(at, y, 5, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
    pen.lineWidth = 1;
    const { name, cents } = named(hertz);
    this.drawBubble(pen, colours, at, y, [`${name} ${signed(cents)} ct`, `${hertz.toFixed(1)} Hz`]);
  }

  drawBubble(pen, colours, x, y, [title, text]) {
    pen.font = '600 13px system-ui, "Segoe UI", sans-serif';
    const wide = Math.max(pen.measureText(title).width, 64) + 20;
    const left = x + wide + 16 > this.area.right ? x - wide - 12 : x + 12;
    const top = Math.min(Math.max(y - 50, 4), this.area.bottom - 46);
    pen.fillStyle = colours.bubble;
    pen.beginPath();
    pen.roundRect(left, top, wide, 42, 8);
    pen.fill();
    pen.fillStyle = colours.bubbleink;
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillText(title, left + 10, top + 18);
    pen.font = '12px system-ui, "Segoe UI", sans-serif';
    pen.globalAlpha = 0.75;
    pen.fillText(text, left + 10, top + 34);
    pen.globalAlpha = 1;
  }
}
