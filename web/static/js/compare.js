/** Before and after, one above the other, with a slider between them. */
import { button, make, slider } from "./dom.js";

export class Compare {
  constructor() {
    this.before = make("canvas", { className: "before", role: "img", "aria-label": "Before" });
    this.mask = make("canvas", { className: "mask", hidden: true, role: "application", "aria-label": "Hole" });
    this.cursor = make("div", { className: "cursor", hidden: true });
    this.after = make("canvas", { className: "after", role: "img", "aria-label": "After", hidden: true });
    this.line = make("div", { className: "line", hidden: true });
    this.layers = make("div", { className: "layers" }, this.before, this.mask, this.after, this.line, this.cursor);
    this.view = make("div", { className: "view", tabIndex: 0, role: "group", "aria-label": "Picture" }, this.layers);
    const percent = (value) => `${Math.round(100 * value)}%`;
    const range = { min: 0, max: 1, step: 0.01, value: 0.5, show: percent };
    this.slider = slider("Before and after", range, (share) => this.divide(share));
    this.input = this.slider.querySelector("input");
    this.zoom = button("Actual size", () => this.resize(!this.actual), { "aria-pressed": "false" });
    this.bar = make("div", { className: "bar", hidden: true }, this.slider, this.zoom);
    this.element = make("div", { className: "compare" }, this.view, this.bar);
    this.layers.onpointerdown = this.layers.onpointermove = (event) => this.drag(event);
  }

  drag(event) {
    if (this.after.hidden || !event.buttons || event.target === this.mask) return;
    const box = this.layers.getBoundingClientRect();
    this.input.value = (event.clientX - box.left) / box.width;
    this.input.oninput();
  }

  divide(share) {
    this.after.style.clipPath = `inset(0 0 0 ${100 * share}%)`;
    this.line.style.left = `${100 * share}%`;
  }

  /** Show the result, or only the picture. */
  compare(shown) {
    this.after.hidden = this.line.hidden = this.bar.hidden = !shown;
    this.divide(this.input.valueAsNumber);
    this.fit(shown ? this.after : this.before);
    if (!shown) this.resize(false);
  }

  /** The largest size that the layout gives a picture: its own, small ones enlarged. */
  fit({ width, height }) {
    this.layers.style.aspectRatio = `${width} / ${height}`;
    this.layers.style.setProperty("--width", width);
    this.layers.style.setProperty("--ratio", width / height);
  }

  resize(actual) {
    this.actual = actual;
    this.view.classList.toggle("actual", actual);
    this.zoom.setAttribute("aria-pressed", actual);
    this.zoom.textContent = actual ? "Fit to the page" : "Actual size";
  }
}
