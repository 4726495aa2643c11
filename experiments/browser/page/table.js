// The table that `melisma transcribe` writes: time (s), frequency (Hz), confidence, voiced (0 or 1).

/** As C's %.{digits}g writes it. */
export function significant(value, digits) {
  if (value === 0) return "0";
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  const short = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent >= -4 && exponent < digits) return short(value.toFixed(digits - 1 - exponent));
  return `${short(mantissa)}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

const time = (seconds) => (Number.isInteger(seconds) ? `${seconds}.0` : String(seconds));

export function tableOf(contour, threshold, { hop, rate }) {
  const rows = ["time,frequency,confidence,voiced"];
  for (let frame = 0; frame < contour.frames; frame += 1) {
    const columns = [
      time((frame * hop) / rate),
      significant(contour.f0[frame], 9),
      significant(contour.confidence[frame], 7),
      contour.isVoiced(frame, threshold) ? 1 : 0,
    ];
    rows.push(columns.join(","));
  }
  return `${rows.join("\n")}\n`;
}
