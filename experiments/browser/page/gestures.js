// Wheel, mouse and fingers on the plot: zoom, pan, point, and click to set the cursor.

const STILL = 4; // pixels that a click may move

export function listen(element, plot, { moved, sought, pointed }) {
  const { viewport } = plot;
  const fingers = new Map();
  let travelled = 0;

  const place = (event) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };

  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      const unit = event.deltaMode === 1 ? 20 : 1;
      const along = event.shiftKey ? event.deltaY + event.deltaX : event.deltaX;
      if (event.altKey || x < plot.keys) viewport.zoomPitch(1.0015 ** (unit * event.deltaY), plot.noteAt(y));
      else {
        if (!event.shiftKey && event.deltaY) viewport.zoomTime(1.002 ** (unit * event.deltaY), plot.secondsAt(x));
        if (along) viewport.moveTo(viewport.begin + (unit * along * viewport.span) / plot.width);
      }
      moved();
    },
    { passive: false },
  );

  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    travelled = 0;
  });

  element.addEventListener("pointermove", (event) => {
    const at = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") pointed(at.x > plot.keys ? plot.secondsAt(at.x) : null);
      return;
    }
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    travelled += Math.hypot(at.x - before.x, at.y - before.y);
    if (other) {
      const factor = Math.max(Math.abs(before.x - other.x), 8) / Math.max(Math.abs(at.x - other.x), 8);
      viewport.zoomTime(factor, plot.secondsAt((at.x + other.x) / 2));
    } else if (travelled > STILL) {
      if (before.x > plot.keys) viewport.moveTo(viewport.begin - ((at.x - before.x) * viewport.span) / plot.width);
      viewport.movePitch(((at.y - before.y) * viewport.height) / plot.area.bottom);
      element.classList.add("held");
    }
    fingers.set(event.pointerId, at);
    moved();
  });

  const released = (event) => {
    const at = fingers.get(event.pointerId);
    fingers.delete(event.pointerId);
    element.classList.remove("held");
    if (at && event.type === "pointerup" && travelled <= STILL && at.x > plot.keys) sought(plot.secondsAt(at.x));
  };
  element.addEventListener("pointerup", released);
  element.addEventListener("pointercancel", released);
  element.addEventListener("pointerleave", () => pointed(null));
  element.addEventListener("dblclick", () => {
    viewport.whole();
    moved();
  });
}
