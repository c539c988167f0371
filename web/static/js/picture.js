/** Opens picture files and shows results at a size that a canvas holds. Runs in the worker. */
import { picture } from "./arrays.js";
import { headerOf } from "./headers.js";

export const MEGAPIXELS = 12; // the largest picture
const SHOWN = 16_000_000; // pixels of the largest preview; phones hold no larger canvas

/** Bad input: the message is one line that states the problem and what to do. */
export class UserError extends Error {}

/**
 * Decode a file.
 *
 * @param {Blob} file
 * @returns {Promise<{pixels: import("./arrays.js").Pixels, alpha: Uint8Array | null, notes: string[]}>}
 */
export async function openPicture(file) {
  const header = headerOf(new Uint8Array(await file.arrayBuffer()));
  const kinds = "Choose a PNG, JPEG, WebP, GIF, BMP or AVIF file.";
  if (!header) throw new UserError(`This file is not a picture in a known format. ${kinds}`);
  check(header.width, header.height);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { premultiplyAlpha: "none" });
  } catch {
    throw new UserError(`This ${header.format} file is damaged and cannot be read. Choose another one.`);
  }
  const { width, height } = bitmap;
  check(width, height);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const notes = header.animated ? ["This picture is animated: only its first frame is used."] : [];
  return { ...parts(data, height, width), notes };
}

function check(width, height) {
  if (width * height > MEGAPIXELS * 1e6) {
    const megapixels = ((width * height) / 1e6).toFixed(1);
    throw new UserError(`This picture has ${megapixels} megapixels; the limit is ${MEGAPIXELS}. Shrink it first.`);
  }
}

/** The colours of RGBA levels, one channel if all pixels are gray, and alpha, or null if all are opaque. */
function parts(data, height, width) {
  let gray = true;
  let opaque = true;
  for (let i = 0; i < data.length; i += 4) {
    gray &&= data[i] === data[i + 1] && data[i] === data[i + 2];
    opaque &&= data[i + 3] === 255;
  }
  const channels = gray ? 1 : 3;
  const pixels = new Uint8Array(height * width * channels);
  const alpha = opaque ? null : new Uint8Array(height * width);
  for (let i = 0; i < height * width; i++) {
    for (let k = 0; k < channels; k++) pixels[i * channels + k] = data[4 * i + k];
    if (alpha) alpha[i] = data[4 * i + 3];
  }
  return { pixels: picture(pixels, height, width, channels), alpha };
}

/** Collects the strips of a picture as RGBA, shrunken by a whole factor if it has too many pixels for a canvas. */
export class Preview {
  constructor(height, width, largest = SHOWN) {
    this.factor = Math.ceil(Math.sqrt((height * width) / largest));
    this.height = Math.max(1, Math.floor(height / this.factor));
    this.width = Math.max(1, Math.floor(width / this.factor));
    this.data = new Uint8ClampedArray(this.height * this.width * 4);
    this.sums = new Float64Array(this.width * 4);
    this.passed = 0;
  }

  /** Append rows of levels with 1 to 4 channels. */
  push(strip) {
    const { factor } = this;
    for (let y = 0; y < strip.height; y++) {
      const row = Math.floor(this.passed / factor);
      this.passed += 1;
      if (row >= this.height) return;
      this.add(strip, y);
      if (this.passed % factor) continue;
      const start = row * this.width * 4;
      for (let i = 0; i < this.sums.length; i++) this.data[start + i] = this.sums[i] / factor ** 2;
      this.sums.fill(0);
    }
  }

  add({ data, width, channels }, y) {
    const alpha = channels % 2 === 0;
    const colours = channels - (alpha ? 1 : 0);
    for (let x = 0; x < this.width * this.factor; x++) {
      const from = (y * width + x) * channels;
      const to = Math.floor(x / this.factor) * 4;
      for (let k = 0; k < 3; k++) this.sums[to + k] += data[from + (colours === 1 ? 0 : k)];
      this.sums[to + 3] += alpha ? data[from + colours] : 255;
    }
  }
}
