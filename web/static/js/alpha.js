/** Transparency: visible colours spread into transparent parts, as tfgans/inference/scaling.py does. */
import { picture } from "./arrays.js";

const FAINT = 0.004; // weight of surrounding colours relative to a pixel's alpha

/**
 * Spread the visible colours of a picture of levels into its transparent parts.
 *
 * @param {import("./arrays.js").Pixels} pixels
 * @param {Uint8Array | null} alpha
 */
export function spread(pixels, alpha) {
  if (!alpha || alpha.every((level) => level === 255)) return pixels;
  const { height, width, channels } = pixels;
  const weight = Float32Array.from(alpha, (level) => level / 255);
  const shown = Float32Array.from(pixels.data, (level, i) => level * weight[Math.floor(i / channels)]);
  const made = filledIn(shown, weight, height, width, channels);
  return picture(
    Uint8Array.from(made, (value) => Math.min(255, Math.max(0, value + 0.5))),
    height,
    width,
    channels,
  );
}

/** Colours of premultiplied ones, filled from neighbours, or recursively from the picture at half its size. */
function filledIn(shown, weight, height, width, channels) {
  const made = new Float32Array(shown.length);
  if (Math.max(height, width) === 1) {
    for (let k = 0; k < channels; k++) made[k] = shown[k] / Math.max(weight[0], 1e-6);
    return made;
  }
  const [tall, wide] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  const far = filledIn(halved(shown, height, width, channels), halved(weight, height, width, 1), tall, wide, channels);
  const [near, nearWeight] = [averaged(shown, height, width, channels), averaged(weight, height, width, 1)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const distant = ((y >> 1) * wide + (x >> 1)) * channels;
      const faint = FAINT * (1 - weight[at]);
      for (let k = 0; k < channels; k++) {
        const around = (near[at * channels + k] + FAINT * far[distant + k]) / (nearWeight[at] + FAINT);
        made[at * channels + k] = (shown[at * channels + k] + faint * around) / (weight[at] + faint);
      }
    }
  }
  return made;
}

/** Means of blocks of 2x2, of zeros beyond the border. */
function halved(data, height, width, channels) {
  const [tall, wide] = [Math.ceil(height / 2), Math.ceil(width / 2)];
  const made = new Float32Array(tall * wide * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < channels; k++) {
        made[((y >> 1) * wide + (x >> 1)) * channels + k] += data[(y * width + x) * channels + k] / 4;
      }
    }
  }
  return made;
}

/** Means of 3x3 pixels, mirrored at the border. */
function averaged(data, height, width, channels) {
  const made = new Float32Array(data.length);
  const held = (i, n) => Math.min(Math.max(i, 0), n - 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < channels; k++) {
        let sum = 0;
        for (let v = y - 1; v <= y + 1; v++) {
          for (let u = x - 1; u <= x + 1; u++) sum += data[(held(v, height) * width + held(u, width)) * channels + k];
        }
        made[(y * width + x) * channels + k] = sum / 9;
      }
    }
  }
  return made;
}
