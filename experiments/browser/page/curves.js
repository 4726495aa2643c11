// The curves of a contour: f0 over the pianoroll, confidence in the lane below.

import { noteOf } from "./pitch.js";

const SHADES = 4; // of confidence, from the threshold to 1
const DENSE = 6; // frames a pixel from which columns are drawn instead of lines

export function drawContour(pen, plot, colours) {
  const { contour, threshold, viewport, width, keys } = plot;
  const [first, last] = seen(contour, viewport);
  const shades = Array.from({ length: SHADES }, () => new Path2D());
  const shade = (sure) => Math.min(SHADES - 1, Math.floor(((sure - threshold) / Math.max(1 - threshold, 1e-6)) * SHADES));
  const dense = viewport.span / contour.step / width;
  if (dense > DENSE) {
    for (let column = 0; column < width; column += 1) {
      const begin = viewport.begin / contour.step + column * dense;
      const from = Math.max(first, Math.floor(begin));
      const to = Math.min(Math.floor(begin + dense) + 1, last);
      let [low, high, sure, count] = [Infinity, -Infinity, 0, 0];
      for (let frame = from; frame < to; frame += 1) {
        if (!contour.isVoiced(frame, threshold)) continue;
        low = Math.min(low, contour.f0[frame]);
        high = Math.max(high, contour.f0[frame]);
        sure += contour.confidence[frame];
        count += 1;
      }
      if (!count) continue;
      const path = shades[shade(sure / count)];
      const x = keys + column + 0.5;
      path.moveTo(x, plot.y(noteOf(low)) + 1);
      path.lineTo(x, plot.y(noteOf(high)) - 1);
    }
  } else {
    let before = null;
    for (let frame = first; frame < last; frame += 1) {
      if (!contour.isVoiced(frame, threshold)) {
        before = null;
        continue;
      }
      const point = [plot.x(frame * contour.step), plot.y(noteOf(contour.f0[frame]))];
      const path = shades[shade(contour.confidence[frame])];
      path.moveTo(...(before ?? [point[0] - 0.5, point[1]]));
      path.lineTo(...point);
      before = point;
    }
  }
  pen.lineCap = "round";
  pen.lineJoin = "round";
  pen.lineWidth = dense > DENSE ? 1.4 : Math.min(4, Math.max(2, 2.6 - 0.2 * dense));
  shades.forEach((path, i) => {
    pen.strokeStyle = colours[`sure${i}`];
    pen.stroke(path);
  });
  pen.lineWidth = 1;
}

export function drawLane(pen, plot, colours) {
  const { contour, threshold, viewport, lane, keys, width } = plot;
  const [first, last] = seen(contour, viewport);
  const tall = lane.bottom - lane.top;
  const y = (sure) => lane.bottom - sure * tall;
  const step = Math.max(1, Math.floor((last - first) / width));
  const area = (wanted) => {
    const path = new Path2D();
    let open = false;
    let x = keys;
    for (let frame = first; frame < last; frame += step) {
      const is = wanted(frame);
      x = plot.x(frame * contour.step);
      if (is && !open) path.moveTo(x, lane.bottom);
      if (is) path.lineTo(x, y(contour.confidence[frame]));
      if (!is && open) path.lineTo(x, lane.bottom);
      open = is;
    }
    if (open) path.lineTo(x, lane.bottom);
    return path;
  };
  pen.fillStyle = colours.unsure;
  pen.fill(area(() => true));
  pen.fillStyle = colours.sure;
  pen.fill(area((frame) => contour.isVoiced(frame, threshold)));
  pen.strokeStyle = colours.soft;
  pen.setLineDash([4, 4]);
  pen.beginPath();
  pen.moveTo(keys, Math.round(y(threshold)) + 0.5);
  pen.lineTo(keys + width, Math.round(y(threshold)) + 0.5);
  pen.stroke();
  pen.setLineDash([]);
}

/** The first frame that is seen, and the one after the last; one more to either side. */
function seen(contour, { begin, end }) {
  const first = Math.max(0, Math.floor(begin / contour.step) - 1);
  return [first, Math.max(first, Math.min(contour.frames, Math.ceil(end / contour.step) + 2))];
}
