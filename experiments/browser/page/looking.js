// How the view is moved by buttons and keys.

/** `drawn` is called after each move. */
export function looking(viewport, plot, drawn) {
  const then = (move) => (value) => {
    move(value);
    drawn();
  };
  return {
    /** About the cursor, if it is seen. */
    zoom: then((factor) => {
      const { begin, end, span } = viewport;
      const seen = plot.cursor !== null && plot.cursor > begin && plot.cursor < end;
      viewport.zoomTime(factor, seen ? plot.cursor : begin + span / 2);
    }),
    fit: then(() => {
      viewport.whole();
      if (plot.contour) viewport.fitPitch(plot.contour.voicedPitches(plot.threshold));
    }),
    pan: then((part) => viewport.moveTo(viewport.begin + part * viewport.span)),
    lift: then((part) => viewport.movePitch(part * viewport.height)),
    tall: then((factor) => viewport.zoomPitch(factor, (viewport.low + viewport.high) / 2)),
  };
}
