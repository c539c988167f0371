/** Resizing as Pillow does it: bicubic for levels and floats, the nearest pixel for ids and masks. */
import { empty, picture } from "./arrays.js";

const BITS = 22; // of the weights of levels, which are integers

function cubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** The first pixel and the weights of each output pixel, for `from` to `to` of `size` input pixels. */
function kernels(size, from, to, wanted, whole) {
  const scale = (to - from) / wanted;
  const stretch = Math.max(scale, 1);
  const found = [];
  for (let i = 0; i < wanted; i++) {
    const center = from + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - 2 * stretch + 0.5));
    const last = Math.min(size, Math.trunc(center + 2 * stretch + 0.5));
    const weights = new Float64Array(last - first);
    let sum = 0;
    for (let x = first; x < last; x++) {
      weights[x - first] = cubic((x - center + 0.5) / stretch);
      sum += weights[x - first];
    }
    for (let k = 0; k < weights.length; k++) {
      if (sum !== 0) weights[k] /= sum;
      if (whole) weights[k] = Math.trunc(weights[k] * 2 ** BITS + (weights[k] < 0 ? -0.5 : 0.5));
    }
    found.push({ first, weights });
  }
  return found;
}

/**
 * Resize one axis. An element of output pixel i is a weighted sum of elements `step` apart.
 * The array is seen as (outer, n, step): outer blocks of n pixels along the axis, `step` elements each.
 */
function along(data, outer, n, step, all) {
  const whole = data instanceof Uint8Array;
  const made = empty(data, outer * all.length * step);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < all.length; i++) {
      const { first, weights } = all[i];
      const base = (o * n + first) * step;
      const target = (o * all.length + i) * step;
      for (let s = 0; s < step; s++) {
        let sum = whole ? 2 ** (BITS - 1) : 0;
        for (let k = 0; k < weights.length; k++) sum += data[base + k * step + s] * weights[k];
        made[target + s] = whole ? Math.min(255, Math.max(0, Math.floor(sum / 2 ** BITS))) : sum;
      }
    }
  }
  return made;
}

/**
 * Resize a picture, or its `box` (left, top, right, bottom), to `height` by `width`.
 *
 * @param {import("./arrays.js").Pixels} pixels
 */
export function resized(pixels, height, width, box = null) {
  if (!box && pixels.height === height && pixels.width === width) return pixels;
  const [left, top, right, bottom] = box ?? [0, 0, pixels.width, pixels.height];
  if (pixels.data instanceof Int32Array) return nearest(pixels, height, width, [left, top, right, bottom]);
  const whole = pixels.data instanceof Uint8Array;
  const { channels } = pixels;
  let { data, height: tall, width: wide } = pixels;
  let start = 0;
  if (width !== wide || left || right !== wide) {
    // only the rows that the second step reads
    const rows = kernels(tall, top, bottom, height, whole);
    start = rows[0].first;
    const last = rows[rows.length - 1];
    const stop = last.first + last.weights.length;
    data = data.subarray(start * wide * channels, stop * wide * channels);
    data = along(data, stop - start, wide, channels, kernels(wide, left, right, width, whole));
    wide = width;
    tall = stop - start;
  }
  if (height !== pixels.height || top || bottom !== pixels.height) {
    const rows = kernels(pixels.height, top, bottom, height, whole);
    for (const each of rows) each.first -= start;
    data = along(data, 1, tall, wide * channels, rows);
  }
  return picture(data, height, width, channels);
}

function nearest(pixels, height, width, [left, top, right, bottom]) {
  const columns = positions(left, (right - left) / width, width);
  const rows = positions(top, (bottom - top) / height, height);
  const { data, channels } = pixels;
  const made = empty(data, height * width * channels);
  let at = 0;
  for (const y of rows) {
    for (const x of columns) {
      for (let k = 0; k < channels; k++) made[at++] = data[(y * pixels.width + x) * channels + k];
    }
  }
  return picture(made, height, width, channels);
}

function positions(start, scale, count) {
  const found = [];
  let at = start + scale * 0.5;
  for (let i = 0; i < count; i++) {
    found.push(Math.trunc(at));
    at += scale;
  }
  return found;
}
