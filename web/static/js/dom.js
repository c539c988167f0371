/** Small helpers for building the page. */

/**
 * An element with properties and children. `data-`, `aria-` and other names with a hyphen are attributes.
 *
 * @param {string} name
 * @param {Record<string, any>} properties
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role" || key === "for") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

let count = 0;

/** A labelled control. */
export function field(text, control, ...more) {
  control.id ||= `control-${++count}`;
  return make("div", { className: "field" }, make("label", { for: control.id }, text), control, ...more);
}

export function button(text, onclick, properties = {}) {
  return make("button", { type: "button", onclick, ...properties }, text);
}

/** A choice of models, with a line about the chosen one. */
export function choice(models, onchange) {
  const options = models.map((model) => make("option", { value: model.name }, model.title));
  const about = make("p", { className: "hint" }, models[0].about ?? "");
  const change = () => {
    const model = models[select.selectedIndex];
    about.textContent = model.about ?? "";
    onchange(model);
  };
  const select = make("select", { onchange: change }, ...options);
  return field("Model", select, about);
}

/**
 * Radio buttons that look like a row of keys.
 *
 * @param {{text: string, value: any, colour?: number[], checked?: boolean}[]} options
 */
export function keys(legend, options, onchange) {
  const name = `keys-${++count}`;
  const each = options.map(({ text, value, colour, checked }) => {
    const input = make("input", { type: "radio", name, checked: Boolean(checked), onchange: () => onchange(value) });
    const swatch = colour ? make("span", { className: "swatch" }) : null;
    if (swatch) swatch.style.backgroundColor = `rgb(${colour.join(" ")})`;
    return make("label", { className: "key" }, input, make("span", {}, ...(swatch ? [swatch] : []), text));
  });
  return make("fieldset", { className: "keys" }, make("legend", {}, legend), make("div", {}, ...each));
}

/** A slider with its value beside it. */
export function slider(text, { min, max, step, value, show = String }, oninput) {
  const output = make("output", {}, show(value));
  const input = make("input", { type: "range", min, max, step });
  input.value = value; // after min and max, which would clip it
  input.oninput = () => {
    output.textContent = show(input.valueAsNumber);
    oninput(input.valueAsNumber);
  };
  const found = field(text, input, output);
  found.classList.add("slider");
  return found;
}

/** RGBA levels on a canvas. */
export function show(canvas, data, height, width) {
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(data, width, height), 0, 0);
}
