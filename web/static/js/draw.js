/** Draw: images from noise, by label, by codes, in pairs, and on the way between two latents. */
import { button, choice, field, keys, make, show, slider } from "./dom.js";
import { between, latentsOf } from "./random.js";
import { report } from "./status.js";

const WALK = 4000; // milliseconds from one noise to the other

export class Draw {
  constructor(engine, models) {
    this.engine = engine;
    this.seeds = [1, 2];
    this.share = 0;
    this.pending = null;
    this.stage = make("div", { className: "stage digits" });
    this.own = make("div", { className: "group" });
    this.controls = make(
      "form",
      { className: "controls", onsubmit: (event) => event.preventDefault() },
      choice(models, (model) => this.choose(model)),
      this.own,
      this.noise(),
      button("Save as PNG", () => this.save()),
    );
    this.element = make("div", { className: "columns" }, this.controls, this.stage);
    this.model = models[0];
  }

  open() {
    if (!this.opened) this.choose(this.model);
    this.opened = true;
  }

  // -- controls

  choose(model) {
    this.model = model;
    this.endpoint = model.endpoints.generate;
    const inputs = Object.values(this.endpoint.declaration.inputs);
    this.latents = inputs.find((each) => each.encoding === "latents");
    this.labels = inputs.find((each) => each.encoding === "label");
    this.codes = inputs.find((each) => each.encoding === "codes");
    this.label = null;
    this.own.replaceChildren(...this.ownControls());
    this.draw();
  }

  ownControls() {
    const { labels, codes } = this;
    if (labels) {
      const names = this.model.class_names ?? Array.from({ length: labels.high }, (_, i) => String(i));
      const options = [{ text: "All", value: null, checked: true }, ...names.map((text, value) => ({ text, value }))];
      this.names = names;
      return [keys("Label", options, (label) => this.draw((this.label = label)))];
    }
    if (!codes) return [];
    const { categories } = codes;
    this.values = new Float32Array(codes.shape.at(-1));
    this.values[0] = categories ? 1 : 0;
    const found = [];
    if (categories) {
      const options = Array.from({ length: categories }, (_, i) => ({ text: String(i), value: i, checked: i === 0 }));
      const choose = (value) => {
        for (let i = 0; i < categories; i++) this.values[i] = i === value ? 1 : 0;
        this.draw();
      };
      found.push(keys("Category", options, choose));
    }
    for (let i = categories; i < this.values.length; i++) {
      const range = { min: codes.low, max: codes.high, step: 0.05, value: 0, show: (value) => value.toFixed(2) };
      const change = (value) => {
        this.values[i] = value;
        this.draw();
      };
      found.push(slider(`Code ${i - categories + 1}`, range, change));
    }
    return found;
  }

  noise() {
    const inputs = this.seeds.map((seed, i) => {
      const change = () => {
        this.seeds[i] = inputs[i].valueAsNumber || 0;
        this.draw();
      };
      return make("input", { type: "number", min: 0, max: 2 ** 31, step: 1, value: seed, oninput: change });
    });
    const renew = (i) => {
      inputs[i].value = Math.floor(Math.random() * 10000);
      inputs[i].oninput();
    };
    const rows = ["Noise A", "Noise B"].map((name, i) =>
      field(
        name,
        inputs[i],
        button("New", () => renew(i), { "aria-label": `New ${name.toLowerCase()}` }),
      ),
    );
    const range = { min: 0, max: 1, step: 0.01, value: 0, show: (value) => `${Math.round(100 * value)}%` };
    const walk = slider("From A to B", range, (share) => {
      this.share = share;
      this.draw();
    });
    const input = walk.querySelector("input");
    const play = button("Walk", () => this.play(play, input), { "aria-pressed": "false" });
    return make("div", { className: "group" }, ...rows, walk, play);
  }

  /** Move the slider from A to B and back, until the button is pressed again. */
  play(control, input) {
    const walking = control.getAttribute("aria-pressed") !== "true";
    control.setAttribute("aria-pressed", walking);
    control.textContent = walking ? "Stop" : "Walk";
    const start = performance.now() - WALK * this.share;
    const step = (now) => {
      if (control.getAttribute("aria-pressed") !== "true") return;
      const phase = ((now - start) / WALK) % 2;
      input.value = phase > 1 ? 2 - phase : phase;
      input.oninput();
      requestAnimationFrame(step);
    };
    this.walking = walking;
    if (walking) requestAnimationFrame(step);
  }

  // -- images

  /** Draw with the current settings; of several changes while one is drawn, only the last one counts. */
  async draw() {
    this.stale = true;
    if (this.pending) return;
    this.stage.setAttribute("aria-busy", "true");
    while (this.stale) {
      this.stale = false;
      this.pending = this.once();
      await this.pending;
    }
    this.pending = null;
    this.stage.setAttribute("aria-busy", "false");
  }

  async once() {
    const { model, endpoint, labels, codes, latents } = this;
    const began = performance.now();
    const [a, b] = this.seeds.map((seed) => latentsOf(seed, latents));
    const z = between(a, b, this.share, latents.high > 1);
    const asked = labels && this.label === null ? [...this.names.keys()] : [this.label];
    const inputs = {};
    for (const [name, { encoding }] of Object.entries(endpoint.declaration.inputs)) {
      if (encoding === "latents") inputs[name] = { data: repeated(z, asked.length), dims: [asked.length, z.length] };
      if (encoding === "label") inputs[name] = { data: Int32Array.from(asked), dims: [asked.length] };
      if (encoding === "codes") inputs[name] = { data: this.values.slice(), dims: [1, codes.shape.at(-1)] };
    }
    const ask = (progress) => this.engine.ask({ op: "generate", endpoint, inputs }, progress);
    const done = () => `Drawn in ${Math.round(performance.now() - began)} ms`;
    const made = await (this.walking ? ask().catch(() => undefined) : report(ask, done));
    if (!made || model !== this.model) return;
    const captions = (name, i) => model.captions?.[name] ?? (labels ? this.names[asked[i]] : "");
    this.show(
      Object.keys(endpoint.declaration.outputs).flatMap((name) => images(made[name], (i) => captions(name, i))),
    );
  }

  show(found) {
    const texts = found.map(({ caption }) => caption).join("\n");
    if (this.stage.children.length !== found.length || this.texts !== texts) {
      this.texts = texts;
      const figures = found.map(({ caption }) => {
        const canvas = make("canvas", { role: "img", "aria-label": caption ? `Drawn: ${caption}` : "Drawn image" });
        return make("figure", {}, canvas, caption ? make("figcaption", {}, caption) : null);
      });
      this.stage.replaceChildren(...figures);
      this.stage.dataset.count = figures.length;
    }
    const canvases = this.stage.querySelectorAll("canvas");
    found.forEach(({ data, height, width }, i) => show(canvases[i], data, height, width));
  }

  save() {
    const canvases = [...this.stage.querySelectorAll("canvas")];
    if (!canvases.length) return;
    const { width, height } = canvases[0];
    const sheet = make("canvas", { width: width * canvases.length, height });
    const context = sheet.getContext("2d");
    canvases.forEach((each, i) => context.drawImage(each, i * width, 0));
    sheet.toBlob((blob) => {
      const href = URL.createObjectURL(blob);
      make("a", { href, download: `${this.model.name}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 10_000);
    });
  }
}

function repeated(values, times) {
  const made = new Float32Array(values.length * times);
  for (let i = 0; i < times; i++) made.set(values, i * values.length);
  return made;
}

/** The images of an output, as RGBA levels. */
export function images({ data, dims: [n, height, width, channels] }, caption) {
  return Array.from({ length: n }, (_, i) => {
    const made = new Uint8ClampedArray(height * width * 4);
    for (let at = 0; at < height * width; at++) {
      const from = (i * height * width + at) * channels;
      for (let k = 0; k < 3; k++) {
        const value = data[from + (channels === 1 ? 0 : k)];
        made[4 * at + k] = Math.floor(Math.min(Math.max(value, 0), 1) * 255 + 0.5);
      }
      made[4 * at + 3] = 255;
    }
    return { caption: caption(i), data: made, height, width };
  });
}
