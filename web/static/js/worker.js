/** All decoding and computing, off the page's thread. Messages are {id, op, ...}; see engine.js. */
import { joined, picture, rowsOf } from "./arrays.js";
import { spread } from "./alpha.js";
import { noteOn } from "./holes.js";
import { openPicture, Preview, UserError } from "./picture.js";
import { PngWriter } from "./png.js";
import { resized } from "./resize.js";
import { call, engineOf, prepare, tidy, warm } from "./session.js";
import { Pictures } from "./tiles.js";

const cancelled = new Set();
const pictures = new Map(); // panel -> the opened picture
const operations = { warm, tidy: ({ manifest }) => tidy(manifest), generate, open, process, paint };

class Cancelled extends Error {}

self.onmessage = async ({ data: message }) => {
  const { id, op } = message;
  if (op === "cancel") {
    cancelled.add(message.of);
    return;
  }
  const progress = (text, share) => self.postMessage({ id, progress: { text, share } });
  try {
    const [result, transferred] = (await operations[op](message, progress)) ?? [];
    self.postMessage({ id, result }, transferred ?? []);
  } catch (error) {
    self.postMessage({ id, ...failure(error) });
  } finally {
    cancelled.delete(id);
  }
};

function failure(error) {
  if (error instanceof Cancelled) return { cancelled: true };
  if (error instanceof UserError) return { error: error.message };
  const memory = error instanceof RangeError || /memory|alloc/i.test(String(error?.message ?? error));
  if (memory) return { error: "There is not enough memory for this picture. Choose a smaller one." };
  return { error: `This did not work: ${String(error?.message ?? error).split("\n")[0]}` };
}

/** Let messages in between two tiles. */
async function breathe(id) {
  await new Promise((resolve) => setTimeout(resolve));
  if (cancelled.has(id)) throw new Cancelled();
}

async function generate({ endpoint, inputs }, progress) {
  const made = await call(endpoint, inputs, { progress });
  return [made];
}

async function open({ panel, file }) {
  const opened = await openPicture(file);
  pictures.set(panel, opened);
  const { pixels, alpha, notes } = opened;
  const preview = new Preview(pixels.height, pixels.width);
  preview.push(alpha ? joined([pixels, picture(alpha, pixels.height, pixels.width, 1)]) : pixels);
  const { height, width } = pixels;
  const result = { height, width, transparent: Boolean(alpha), notes, preview: preview.data };
  return [result, [preview.data.buffer]];
}

/** The model as a function of images of one size. */
function runner(endpoint, progress, seed) {
  const { inputs, outputs } = endpoint.declaration;
  const names = Object.keys(inputs);
  const first = (encodings) => names.find((name) => encodings.includes(inputs[name].encoding));
  const [given, hole] = [first(["image", "classes"]), first(["mask"])];
  return async (images, masks) => {
    const feeds = {};
    for (const name of names) if (inputs[name].encoding === "number") feeds[name] = { data: [seed], dims: [] };
    feeds[given] = stacked(images);
    if (hole) feeds[hole] = stacked(masks);
    const made = (await call(endpoint, feeds, { progress, pictures: true }))[Object.keys(outputs)[0]];
    const [n, height, width, channels] = made.dims;
    const size = height * width * channels;
    return Array.from({ length: n }, (_, i) =>
      picture(made.data.slice(i * size, (i + 1) * size), height, width, channels),
    );
  };
}

function stacked(images) {
  const { data, height, width, channels } = images[0];
  const made = new data.constructor(images.length * data.length);
  images.forEach((each, i) => made.set(each.data, i * data.length));
  return { data: made, dims: [images.length, height, width, channels] };
}

/** Restore, fill or translate the opened picture of a panel: a preview and a PNG file. */
async function process({ id, panel, endpoint, name, whole, mask, seed }, progress) {
  const { pixels, alpha } = pictures.get(panel);
  const { height, width } = pixels;
  const run = runner(endpoint, progress, seed ?? 0);
  const host = new Pictures(endpoint.declaration, run, { likeTheInput: name === "restore" || name === "fill", whole });
  const hole = mask && holeOf(mask, alpha, height, width);
  const notes = [hole ? noteOn(hole, endpoint.declaration.hole) : host.note(height, width)].filter(Boolean);
  const [tall, wide] = host.made(height, width);
  const tiles = host.count(height, width);
  await prepare(endpoint, progress);
  const began = performance.now();
  let done = 0;
  progress(tiles > 1 ? `Tile 1 of ${tiles}` : "Computing", tiles > 1 ? 0 : null);
  const ticked = async () => {
    done += 1;
    const left = ((performance.now() - began) / done) * (tiles - done);
    if (tiles > 1) progress(`${done} of ${tiles} tiles, ${duration(left)} left`, done / tiles);
    await breathe(id);
  };
  const own = hole ? null : alpha; // filled pictures are opaque
  const preview = new Preview(tall, wide);
  const seen = hole ? pixels : spread(pixels, alpha);
  const shown = own && resized(picture(own, height, width, 1), tall, wide);
  let writer = null;
  let passed = 0;
  for await (const strip of host.strips(seen, hole, ticked)) {
    const rows = shown ? joined([strip, rowsOf(shown, passed, passed + strip.height)]) : strip;
    writer ??= new PngWriter(wide, tall, rows.channels);
    await writer.push(rows);
    preview.push(rows);
    passed += strip.height;
  }
  const result = {
    height: tall,
    width: wide,
    notes,
    file: await writer.finish(),
    preview: { data: preview.data, height: preview.height, width: preview.width },
    seconds: (performance.now() - began) / 1000,
    engine: await engineOf(endpoint),
  };
  return [result, [preview.data.buffer]];
}

/** What is painted or transparent: 1 in the hole. */
function holeOf(mask, alpha, height, width) {
  const hole = Int32Array.from(mask, (level, i) => (level || (alpha && alpha[i] < 255) ? 1 : 0));
  if (!hole.includes(1)) throw new UserError("There is no hole yet: paint over what is to be filled.");
  if (!hole.includes(0))
    throw new UserError("This is nothing but a hole: leave a part of the picture to fill it from.");
  return picture(hole, height, width, 1);
}

function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 90) return `about ${Math.max(1, seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `about ${minutes} min` : `about ${Math.round(minutes / 60)} h`;
}

/** Translate a painted label map: RGBA levels, or ids where the model takes ids. */
async function paint({ endpoint, data, ids, height, width, seed }, progress) {
  const run = runner(endpoint, progress, seed);
  const host = new Pictures(endpoint.declaration, run, { likeTheInput: false });
  const map =
    host.given.encoding === "classes"
      ? picture(ids, height, width, 1)
      : picture(
          Uint8Array.from({ length: height * width * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)]),
          height,
          width,
          3,
        );
  const [tall, wide] = host.made(height, width);
  const preview = new Preview(tall, wide);
  const began = performance.now();
  for await (const strip of host.strips(map)) preview.push(strip);
  const result = { height: tall, width: wide, data: preview.data, seconds: (performance.now() - began) / 1000 };
  return [result, [preview.data.buffer]];
}
