// A canvas as large as its place, sharp on every screen, drawn at most once a frame.

export class Canvas {
  constructor(element, draw) {
    this.element = element;
    this.context = element.getContext("2d");
    this.draw = draw;
    this.asked = false;
    new ResizeObserver(() => this.ask()).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.ask());
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      const { clientWidth: width, clientHeight: height } = this.element;
      const ratio = devicePixelRatio || 1;
      if (this.element.width !== Math.round(width * ratio) || this.element.height !== Math.round(height * ratio)) {
        this.element.width = Math.round(width * ratio);
        this.element.height = Math.round(height * ratio);
      }
      this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.context.clearRect(0, 0, width, height);
      this.draw(this.context, width, height, colours(this.element));
    });
  }
}

/** The colours of the style sheet: `colours["note"]` is `--note`. */
function colours(element) {
  const style = getComputedStyle(element);
  return new Proxy({}, { get: (_, name) => style.getPropertyValue(`--${name}`).trim() });
}
