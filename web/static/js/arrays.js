/**
 * Pictures as plain arrays: `{data, height, width, channels}`, row by row, channels together.
 * `data` is a Uint8Array of levels, a Float32Array in [0, 1], or an Int32Array of ids.
 *
 * @typedef {{data: Uint8Array | Float32Array | Int32Array, height: number, width: number, channels: number}} Pixels
 */

/** @returns {Pixels} */
export function picture(data, height, width, channels) {
  return { data, height, width, channels };
}

/** A new array of the same type. */
export function empty(data, length) {
  return new data.constructor(length);
}

/** Rows from `top` to `bottom`, which share memory with the picture. */
export function rowsOf(pixels, top, bottom) {
  const { data, width, channels } = pixels;
  return picture(data.subarray(top * width * channels, bottom * width * channels), bottom - top, width, channels);
}

/** A part of a picture, copied. */
export function cut(pixels, top, bottom, left, right) {
  const { data, width, channels } = pixels;
  const wide = (right - left) * channels;
  const made = empty(data, (bottom - top) * wide);
  for (let y = top; y < bottom; y++) {
    const start = (y * width + left) * channels;
    made.set(data.subarray(start, start + wide), (y - top) * wide);
  }
  return picture(made, bottom - top, right - left, channels);
}

/** Levels as numbers in [0, 1]; floats and ids as they are. */
export function plain(pixels) {
  if (!(pixels.data instanceof Uint8Array)) return pixels;
  const made = new Float32Array(pixels.data.length);
  for (let i = 0; i < made.length; i++) made[i] = pixels.data[i] / 255;
  return { ...pixels, data: made };
}

/** Numbers in [0, 1] as levels, rounded. */
export function toLevels(pixels) {
  if (pixels.data instanceof Uint8Array) return pixels;
  const made = new Uint8Array(pixels.data.length);
  for (let i = 0; i < made.length; i++) {
    const value = pixels.data[i];
    made[i] = Math.min(Math.max(value, 0), 1) * 255 + 0.5;
  }
  return { ...pixels, data: made };
}

/** Extend a picture by mirroring, the border pixel repeated, as often as needed. */
export function mirrored(pixels, top, bottom, left, right) {
  if (!(top || bottom || left || right)) return pixels;
  const { data, height, width, channels } = pixels;
  const tall = top + height + bottom;
  const wide = left + width + right;
  const columns = Array.from({ length: wide }, (_, x) => reflected(x - left, width) * channels);
  const made = empty(data, tall * wide * channels);
  let at = 0;
  for (let y = 0; y < tall; y++) {
    const row = reflected(y - top, height) * width * channels;
    for (let x = 0; x < wide; x++) {
      for (let k = 0; k < channels; k++) made[at++] = data[row + columns[x] + k];
    }
  }
  return picture(made, tall, wide, channels);
}

function reflected(i, n) {
  const index = ((i % (2 * n)) + 2 * n) % (2 * n);
  return Math.min(index, 2 * n - 1 - index);
}

/** One channel of a picture. */
export function plane(pixels, k) {
  const { data, height, width, channels } = pixels;
  const made = empty(data, height * width);
  for (let i = 0; i < made.length; i++) made[i] = data[i * channels + k];
  return picture(made, height, width, 1);
}

/** Channels of several pictures side by side. */
export function joined(parts) {
  const channels = parts.reduce((sum, part) => sum + part.channels, 0);
  const { height, width } = parts[0];
  const made = empty(parts[0].data, height * width * channels);
  let first = 0;
  for (const part of parts) {
    for (let i = 0; i < height * width; i++) {
      for (let k = 0; k < part.channels; k++) made[i * channels + first + k] = part.data[i * part.channels + k];
    }
    first += part.channels;
  }
  return picture(made, height, width, channels);
}

/** Round as Python does: halves to the even number. */
export function round(x) {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
