/** Translate: a painted map of labels into a photograph, or a picture from one domain into the other. */
import { Brush } from "./brush.js";
import { button, choice, keys, make, show, slider } from "./dom.js";
import { PictureTask } from "./picture_task.js";
import { drawScene } from "./scenes.js";
import { report } from "./status.js";

const NAMES = { translate: "Translate", a_to_b: "To the second domain", b_to_a: "To the first domain" };

export class Translate {
  constructor(engine, models) {
    this.engine = engine;
    this.controls = make("div", { className: "controls" });
    this.stage = make("div", { className: "stage" });
    this.choice = choice(models, (model) => this.choose(model));
    this.element = make("div", { className: "columns" }, this.controls, this.stage);
    this.model = models[0];
  }

  open() {
    if (!this.opened) this.choose(this.model);
    this.opened = true;
  }

  choose(model) {
    this.model = model;
    const view = model.palette ? this.painting(model) : this.pictures(model);
    this.controls.replaceChildren(this.choice, ...view.controls);
    this.stage.replaceChildren(...view.stage);
    view.ready();
  }

  // -- pictures

  pictures(model) {
    this.task ??= new PictureTask(this.engine, "translate");
    const names = Object.keys(model.endpoints).filter((name) => name in NAMES);
    const [first, second] = model.captions ? [model.captions.a, model.captions.b] : (model.domains ?? []);
    const titles = { a_to_b: second && `To ${second}`, b_to_a: first && `To ${first}` };
    const options = names.map((name, i) => ({ text: titles[name] ?? NAMES[name], value: name, checked: i === 0 }));
    const choose = (name) => this.task.choose(model, name, "Translate");
    choose(names[0]);
    const direction = names.length > 1 ? [keys("Direction", options, choose)] : [];
    return { controls: [...direction, this.task.actions], stage: [this.task.content], ready() {} };
  }

  // -- painting

  painting(model) {
    const [height, width] = model.size;
    const { palette } = model;
    let colour = palette[0].rgb;
    let size = Math.round(width / 12);
    const canvas = make("canvas", { className: "map", role: "application", "aria-label": "Map of labels to paint on" });
    const cursor = make("div", { className: "cursor", hidden: true });
    const made = make("canvas", {
      className: "made",
      role: "img",
      "aria-label": "Photograph of the map",
      width,
      height,
    });
    const brush = new Brush(canvas, cursor, {
      begin: () => ({ colour: `rgb(${colour.join(" ")})`, size }),
      reset: (context) => drawScene(context, palette),
      finished: () => this.photograph(model, canvas, made),
    });
    const options = palette.map(({ name, rgb }, i) => ({ text: name, value: rgb, colour: rgb, checked: i === 0 }));
    const range = { min: 1, max: Math.round(width / 3), step: 1, value: size };
    const controls = [
      keys("Label", options, (rgb) => (colour = rgb)),
      slider("Brush", range, (value) => (size = value)),
      make(
        "div",
        { className: "actions" },
        button("Undo", () => brush.undo()),
        button("Start again", () => brush.clear()),
      ),
      make("p", { className: "hint" }, "Paint on the map. Keyboard: arrows move, Space paints, Control+Z undoes."),
    ];
    const stage = [
      make(
        "div",
        { className: "pair" },
        make("figure", { className: "layers" }, canvas, cursor, make("figcaption", {}, "Your map")),
        make("figure", {}, made, make("figcaption", {}, "Photograph")),
      ),
    ];
    const ready = () => {
      brush.reset(height, width);
      this.photograph(model, canvas, made);
    };
    return { controls, stage, ready };
  }

  /** Translate the map; of several strokes while one is translated, only the last one counts. */
  async photograph(model, canvas, made) {
    this.stale = true;
    if (this.pending) return;
    this.pending = true;
    this.stage.setAttribute("aria-busy", "true");
    while (this.stale) {
      this.stale = false;
      const { width, height } = canvas;
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      const message = { op: "paint", endpoint: model.endpoints.translate, data, height, width, seed: 0 };
      message.ids = idsOf(data, model.palette);
      const done = ({ seconds }) => `Translated in ${seconds.toFixed(1)} s`;
      const result = await report((progress) => this.engine.ask(message, progress), done);
      if (result && model === this.model) show(made, result.data, result.height, result.width);
    }
    this.pending = false;
    this.stage.setAttribute("aria-busy", "false");
  }
}

/** The ids of the labels whose colours are on a map. */
function idsOf(data, palette) {
  const ids = new Map(palette.map(({ id, rgb }) => [rgb.join(), id]));
  return Int32Array.from({ length: data.length / 4 }, (_, i) => ids.get(data.subarray(4 * i, 4 * i + 3).join()) ?? 0);
}
