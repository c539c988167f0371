// Calls functions of the page: node arithmetic.mjs FILE, a JSON list of [name, arguments]; prints the results as JSON.
// A picture is {data, height, width, channels, type}.
import { readFileSync } from "node:fs";
import { spread } from "../../web/static/js/alpha.js";
import { picture } from "../../web/static/js/arrays.js";
import { lightness, rgbToLab, tinted } from "../../web/static/js/colour.js";
import { headerOf } from "../../web/static/js/headers.js";
import { noteOn } from "../../web/static/js/holes.js";
import { Preview } from "../../web/static/js/picture.js";
import { PngWriter } from "../../web/static/js/png.js";
import { between, latentsOf } from "../../web/static/js/random.js";
import { resized } from "../../web/static/js/resize.js";
import { overlapOf, Pictures, tileStarts, tileWeights } from "../../web/static/js/tiles.js";

const TYPES = { uint8: Uint8Array, float32: Float32Array, int32: Int32Array };

function opened(value) {
  if (!value?.type) return value;
  return picture(TYPES[value.type].from(value.data), value.height, value.width, value.channels);
}

/** A stand-in for a network: means of 3x3 pixels with zeros beyond the border, each pixel repeated; white in holes. */
function network(scale) {
  return async (images, masks) => images.map((image, n) => blurred(image, masks?.[n], scale));
}

function blurred({ data, height, width, channels }, mask, scale) {
  const made = new Float32Array(height * width * channels * scale ** 2);
  const at = (y, x, k) => {
    if (y < 0 || x < 0 || y >= height || x >= width) return 0;
    return mask?.data[y * width + x] ? 1 : data[(y * width + x) * channels + k];
  };
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      for (let k = 0; k < channels; k++) {
        let sum = 0;
        for (const v of [-1, 0, 1]) {
          for (const u of [-1, 0, 1]) sum += at(Math.floor(y / scale) + v, Math.floor(x / scale) + u, k);
        }
        made[(y * width * scale + x) * channels + k] = sum / 9;
      }
    }
  }
  return picture(made, height * scale, width * scale, channels);
}

/** The same for colourizing: red and blue from gray. */
async function colours(images) {
  return images.map(({ data, height, width }) => {
    const made = Float32Array.from(
      { length: data.length * 3 },
      (_, i) => [1, 0.5, 1 - data[Math.floor(i / 3)]][i % 3] * data[Math.floor(i / 3)],
    );
    return picture(made, height, width, 3);
  });
}

async function applied(rules, pixels, mask, whole) {
  const run = rules.keeps_lightness ? colours : network(rules.scale);
  const host = new Pictures(rules, run, { likeTheInput: true, whole });
  let ticks = 0;
  const strips = [];
  for await (const strip of host.strips(pixels, mask, async () => (ticks += 1))) strips.push(...strip.data);
  return { data: strips, ticks, count: host.count(pixels.height, pixels.width) };
}

async function png(pixels) {
  const writer = new PngWriter(pixels.width, pixels.height, pixels.channels);
  await writer.push(pixels);
  return Array.from(new Uint8Array(await (await writer.finish()).arrayBuffer()));
}

function preview(pixels, largest) {
  const made = new Preview(pixels.height, pixels.width, largest);
  made.push(pixels);
  return { data: Array.from(made.data), height: made.height, width: made.width };
}

const functions = {
  applied,
  between,
  header: (bytes) => headerOf(Uint8Array.from(bytes)),
  latentsOf,
  lightness,
  noteOn,
  overlapOf,
  png,
  preview,
  resized,
  rgbToLab,
  spread: (pixels, alpha) => spread(pixels, Uint8Array.from(alpha)),
  tileStarts,
  tileWeights,
  tinted: (lab, a_b) => tinted(Float32Array.from(lab), Float32Array.from(a_b)),
};

function written(value) {
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (Array.isArray(value)) return value.map(written);
  return value?.channels ? Array.from(value.data) : value;
}

const results = [];
for (const [name, given] of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  results.push(written(await functions[name](...given.map(opened))));
}
process.stdout.write(JSON.stringify(results));
