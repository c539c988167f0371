/** A picture in, a picture out: what Restore and the translation of pictures have in common. */
import { Brush } from "./brush.js";
import { Compare } from "./compare.js";
import { button, make, show, slider } from "./dom.js";
import { MEGAPIXELS } from "./picture.js";
import { report, say } from "./status.js";

const RED = "rgb(230 30 60)";

export class PictureTask {
  /** @param {string} panel names the picture in the worker */
  constructor(engine, panel) {
    this.engine = engine;
    this.panel = panel;
    this.file = make("input", { type: "file", accept: "image/*", className: "file" });
    this.file.onchange = () => this.file.files[0] && this.open(this.file.files[0]);
    const text = make("span", {}, make("strong", {}, "Choose a picture"), " or drop it here");
    const limits = make("span", { className: "hint" }, `Up to ${MEGAPIXELS} megapixels. It stays on your device.`);
    this.drop = make("label", { className: "drop" }, this.file, make("span", {}, text, make("br"), limits));
    this.example = button("Try an example", () => this.tryExample());
    this.empty = make("div", { className: "start" }, this.drop, this.example);
    this.compare = new Compare();
    this.brush = new Brush(this.compare.mask, this.compare.cursor, {
      begin: () => ({ colour: RED, size: this.size }),
      reset: (context) => context.clearRect(0, 0, context.canvas.width, context.canvas.height),
      finished: () => {
        this.compare.compare(false);
        this.save.hidden = true;
      },
    });
    this.run = button("Start", () => this.start(), { className: "primary", disabled: true });
    this.other = button("Other picture", () => this.file.click(), { hidden: true });
    this.save = make("a", { className: "button", hidden: true }, "Download PNG");
    this.tools = make("div", { className: "group", hidden: true });
    this.actions = make("div", { className: "actions" }, this.run, this.save, this.other);
    this.compare.element.hidden = true;
    this.content = make("div", { className: "task" }, this.empty, this.compare.element);
    this.content.ondragover = (event) => {
      event.preventDefault();
      this.drop.classList.add("over");
    };
    this.content.ondragleave = () => this.drop.classList.remove("over");
    this.content.ondrop = (event) => {
      event.preventDefault();
      this.drop.classList.remove("over");
      if (event.dataTransfer.files[0]) this.open(event.dataTransfer.files[0]);
    };
  }

  /** Choose a model and one of its endpoints. */
  choose(model, name, action) {
    Object.assign(this, { model, name });
    this.run.textContent = action;
    this.hole = name === "fill";
    this.tools.hidden = !this.hole;
    this.compare.mask.hidden = !this.hole;
    this.compare.view.tabIndex = this.hole ? -1 : 0;
    this.save.hidden = true;
    this.example.hidden = !model.example;
    if (this.picture) this.compare.compare(false);
  }

  async tryExample() {
    const response = await fetch(new URL(`../${this.model.example}`, import.meta.url)).catch(() => null);
    if (response?.ok) await this.open(new File([await response.blob()], "example.png"));
    else say("The example cannot be loaded. Check the connection and try again.", true);
  }

  async open(file) {
    this.file.value = "";
    const asked = () => this.engine.ask({ op: "open", panel: this.panel, file });
    const describe = ({ width, height, notes }) => [`${file.name}: ${width}x${height} pixels.`, ...notes].join(" ");
    const picture = await report(asked, describe);
    if (!picture) return;
    this.picture = picture;
    this.title = file.name.replace(/\.[^.]*$/, "") || "picture";
    const { height, width } = picture;
    show(this.compare.before, picture.preview, height, width);
    this.brush.reset(height, width);
    this.drawTools(Math.max(height, width));
    this.empty.hidden = true;
    this.compare.element.hidden = this.run.disabled = this.other.hidden = false;
    this.save.hidden = true;
    this.compare.compare(false);
  }

  drawTools(side) {
    this.size = Math.max(1, Math.round(side / 20));
    const range = { min: 1, max: Math.max(2, Math.round(side / 5)), step: 1, value: this.size };
    this.tools.replaceChildren(
      make("p", { className: "hint" }, "Paint over what is to be filled. Keyboard: arrows move, Space paints."),
      slider("Brush", range, (size) => (this.size = size)),
      make(
        "div",
        { className: "actions" },
        button("Undo", () => this.brush.undo()),
        button("Clear", () => this.brush.clear()),
      ),
    );
  }

  mask() {
    const { width, height } = this.compare.mask;
    const { data } = this.compare.mask.getContext("2d").getImageData(0, 0, width, height);
    const found = new Uint8Array(width * height);
    for (let i = 0; i < found.length; i++) found[i] = data[4 * i + 3] >= 128 ? 1 : 0;
    return found;
  }

  async start() {
    const { engine, model, name, panel } = this;
    const message = { op: "process", panel, name, endpoint: model.endpoints[name], whole: model.whole };
    if (this.hole) {
      message.mask = this.mask();
      if (!this.picture.transparent && !message.mask.includes(1)) {
        say("There is no hole yet: paint over what is to be filled.", true);
        return;
      }
    }
    this.run.disabled = this.other.disabled = true;
    const describe = ({ width, height, seconds, engine: kind, notes }) =>
      [`Done: ${width}x${height} pixels in ${seconds.toFixed(1)} s (${kind}).`, ...notes].join(" ");
    const made = await report((progress) => engine.ask(message, progress), describe, { cancellable: true });
    this.run.disabled = this.other.disabled = false;
    if (!made) return;
    show(this.compare.after, made.preview.data, made.preview.height, made.preview.width);
    this.compare.compare(true);
    if (this.save.href) URL.revokeObjectURL(this.save.href);
    this.save.href = URL.createObjectURL(made.file);
    this.save.download = `${this.title}-${name}.png`;
    this.save.hidden = false;
  }
}
