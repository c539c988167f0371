/** sRGB and CIE L*a*b*, with the numbers of tfgans/data/colour.py and tfgans/inference/gamut.py. */
import { picture } from "./arrays.js";

const XYZ = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];
const WHITE = [0.95047, 1.0, 1.08883];
const FORWARD = XYZ.map((row, i) => row.map((value) => value / WHITE[i]));
const BACK = inverse(FORWARD);
const STEPS = 12; // bisections: chroma to 1/4000
const OUTSIDE = 1e-5; // of linear light, tolerated for rounding

function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const determinant = a * A + b * B + c * C;
  return [
    [A, c * h - b * i, b * f - c * e],
    [B, a * i - c * g, c * d - a * f],
    [C, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((value) => value / determinant));
}

function linearOf(value) {
  return value > 0.04045 ? ((value + 0.055) / 1.055) ** 2.4 : value / 12.92;
}

function srgbOf(linear) {
  return linear > 0.0031308 ? 1.055 * linear ** (1 / 2.4) - 0.055 : linear * 12.92;
}

function root(xyz) {
  return xyz > 0.008856 ? Math.cbrt(xyz) : 7.787 * xyz + 16 / 116;
}

function cube(value) {
  return value > 0.2068966 ? value ** 3 : (value - 16 / 116) / 7.787;
}

function dot(row, x, y, z) {
  return row[0] * x + row[1] * y + row[2] * z;
}

/** L, a and b of a picture with one or three channels in [0, 1]. */
export function rgbToLab(pixels) {
  const { data, height, width, channels } = pixels;
  const made = new Float32Array(height * width * 3);
  for (let i = 0; i < height * width; i++) {
    const at = i * channels;
    const r = linearOf(data[at]);
    const [g, b] = channels === 1 ? [r, r] : [linearOf(data[at + 1]), linearOf(data[at + 2])];
    const [x, y, z] = FORWARD.map((row) => root(dot(row, r, g, b)));
    made[3 * i] = 116 * y - 16;
    made[3 * i + 1] = 500 * (x - y);
    made[3 * i + 2] = 200 * (y - z);
  }
  return picture(made, height, width, 3);
}

/** The gray of the same L as each pixel, in [0, 1]. */
export function lightness(pixels) {
  if (pixels.channels === 1) return pixels;
  const lab = rgbToLab(pixels).data;
  const made = new Float32Array(lab.length / 3);
  for (let i = 0; i < made.length; i++) {
    const linear = linearRgb(lab[3 * i], 0, 0)[0];
    made[i] = Math.min(Math.max(srgbOf(linear), 0), 1);
  }
  return picture(made, pixels.height, pixels.width, 1);
}

function linearRgb(L, a, b) {
  const y = (L + 16) / 116;
  const [X, Y, Z] = [cube(y + a / 500), cube(y), cube(y - b / 200)];
  return BACK.map((row) => dot(row, X, Y, Z));
}

function inside(linear) {
  return linear.every((value) => value >= -OUTSIDE && value <= 1 + OUTSIDE);
}

/**
 * sRGB in [0, 1] of the L of one picture and the a and b of another.
 * Colours outside sRGB lose chroma until they fit, so they keep their L.
 *
 * @param {Float32Array} lab L in every third place
 * @param {Float32Array} colours a and b
 */
export function tinted(lab, colours) {
  const made = new Float32Array(lab.length);
  for (let i = 0; i < lab.length / 3; i++) {
    const [L, a, b] = [lab[3 * i], colours[2 * i], colours[2 * i + 1]];
    let linear = linearRgb(L, a, b);
    if (!inside(linear)) {
      let low = 0;
      let high = 1;
      for (let step = 0; step < STEPS; step++) {
        const middle = (low + high) / 2;
        if (inside(linearRgb(L, middle * a, middle * b))) low = middle;
        else high = middle;
      }
      linear = linearRgb(L, low * a, low * b);
    }
    for (let k = 0; k < 3; k++) made[3 * i + k] = srgbOf(Math.min(Math.max(linear[k], 0), 1));
  }
  return made;
}
