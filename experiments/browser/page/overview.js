// The whole recording in a strip, with a frame about what the plot shows; dragging the frame moves the plot.

import { Canvas } from "./canvas.js";
import { noteOf } from "./pitch.js";

const COLUMNS = 1200;

export class Overview {
  /** `moved` is called when the viewport was moved. */
  constructor(element, viewport, moved) {
    this.viewport = viewport;
    this.peaks = null;
    this.contour = null;
    this.threshold = 0.5;
    this.cursor = null;
    this.canvas = new Canvas(element, (...given) => this.draw(...given));
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      this.move(event, moved);
    });
    element.addEventListener("pointermove", (event) => {
      if (event.buttons) this.move(event, moved);
    });
  }

  ask() {
    this.canvas.ask();
  }

  /** Of samples `(samples,)`, the greatest of each column. */
  open(samples) {
    const size = Math.max(1, Math.ceil(samples.length / COLUMNS));
    this.peaks = new Float32Array(Math.ceil(samples.length / size));
    for (let i = 0; i < samples.length; i += 1) {
      const column = Math.floor(i / size);
      this.peaks[column] = Math.max(this.peaks[column], Math.abs(samples[i]));
    }
    const most = this.peaks.reduce((a, b) => Math.max(a, b), 1e-6);
    this.peaks = this.peaks.map((each) => each / most);
  }

  move(event, moved) {
    const { left, width } = event.target.getBoundingClientRect();
    const seconds = ((event.clientX - left) / width) * this.viewport.duration;
    this.viewport.moveTo(seconds - this.viewport.span / 2);
    moved();
  }

  draw(pen, width, height, colours) {
    const { duration, begin, end } = this.viewport;
    if (this.peaks) {
      pen.fillStyle = colours.wave;
      for (let x = 0; x < width; x += 2) {
        const tall = Math.max(1, this.peaks[Math.floor((x / width) * this.peaks.length)] * (height - 8));
        pen.fillRect(x, (height - tall) / 2, 1.4, tall);
      }
    }
    if (this.contour) this.drawContour(pen, width, height, colours);
    if (this.peaks && end - begin < duration * 0.999) {
      const [from, to] = [(begin / duration) * width, (end / duration) * width];
      pen.fillStyle = colours.veil;
      pen.fillRect(0, 0, from, height);
      pen.fillRect(to, 0, width - to, height);
      pen.strokeStyle = colours.accent;
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.roundRect(from + 1, 1, Math.max(to - from - 2, 4), height - 2, 6);
      pen.stroke();
      pen.lineWidth = 1;
    }
    if (this.cursor !== null && this.peaks) {
      pen.fillStyle = colours.cursor;
      pen.fillRect((this.cursor / duration) * width - 0.75, 0, 1.5, height);
    }
  }

  drawContour(pen, width, height, colours) {
    const { contour, threshold } = this;
    const { duration, low, high } = this.viewport;
    pen.fillStyle = colours.accent;
    const step = Math.max(1, Math.floor(contour.frames / (2 * width)));
    for (let frame = 0; frame < contour.frames; frame += step) {
      if (!contour.isVoiced(frame, threshold)) continue;
      const y = height - 5 - ((noteOf(contour.f0[frame]) - low) / (high - low)) * (height - 10);
      if (y > 0 && y < height) pen.fillRect(((frame * contour.step) / duration) * width - 0.6, y - 0.9, 1.6, 1.8);
    }
  }
}
