/** An endpoint as a function of pictures of any size: the arithmetic of tfgans/inference/tiling.py. */
import { cut, joined, mirrored, picture, plain, plane, round, rowsOf, toLevels } from "./arrays.js";
import { lightness, rgbToLab, tinted } from "./colour.js";
import { filled } from "./holes.js";
import { resized } from "./resize.js";

const TILE = 160;
const RAMP = 16; // pixels of the source over which one tile fades into the next
const MARGIN = 24;
const EDGE = 8; // mirrored pixels around a picture
const LARGEST_COLOURED = 512;
const LUMA = [0.299, 0.587, 0.114];
const ROWS = 64; // of a strip

/** The starts of tiles that cover n pixels, evenly spaced, with neighbours sharing at least `overlap`. */
export function tileStarts(n, tile, overlap) {
  if (n <= tile) return [0];
  const count = Math.ceil((n - overlap) / (tile - overlap));
  return Array.from({ length: count }, (_, i) => round((i * (n - tile)) / (count - 1)));
}

/** The weight of each tile along one axis; over all tiles the weights sum to 1 everywhere. */
export function tileWeights(starts, tile, ramp, factor) {
  const rise = (at, left, right, origin) => {
    const middle = (right + left + tile) / 2 - origin;
    return Math.min(Math.max((at / factor - middle) / ramp + 0.5, 0), 1);
  };
  return starts.map((start, i) =>
    Float32Array.from({ length: tile * factor }, (_, x) => {
      let weight = 1;
      if (i > 0) weight *= rise(x + 0.5, starts[i - 1], start, start);
      if (i + 1 < starts.length) weight *= 1 - rise(x + 0.5, start, starts[i + 1], start);
      return weight;
    }),
  );
}

/** [overlap, ramp] in source pixels for tiles of this size; small tiles overlap by half. */
export function overlapOf(tile, margin = MARGIN) {
  const overlap = Math.min(2 * margin + RAMP, Math.floor(tile / 2));
  return [overlap, Math.max(1, Math.min(RAMP, Math.floor(overlap / 2)))];
}

function luma(pixels) {
  const made = new Float32Array(pixels.height * pixels.width);
  for (let i = 0; i < made.length; i++) {
    for (let k = 0; k < 3; k++) made[i] += pixels.data[3 * i + k] * LUMA[k];
  }
  return picture(made, pixels.height, pixels.width, 1);
}

/**
 * @typedef {import("./arrays.js").Pixels} Pixels
 * @typedef {(images: Pixels[], masks?: Pixels[]) => Promise<Pixels[]>} Run applies the model to images of one size
 */
export class Pictures {
  /**
   * @param {object} rules the declaration of the endpoint
   * @param {Run} run
   * @param {{likeTheInput: boolean, whole: number[] | null}} options
   */
  constructor(rules, run, { likeTheInput = true, whole = null } = {}) {
    this.rules = rules;
    this.run = run;
    this.likeTheInput = likeTheInput;
    this.whole = whole;
    this.given = Object.values(rules.inputs).find((each) => each.encoding === "image" || each.encoding === "classes");
    this.takes = this.given.shape.at(-1);
    this.makes = Object.values(rules.outputs)[0].shape.at(-1);
    this.multiple = rules.multiple;
  }

  get staysGray() {
    return this.makes === 1 || (this.likeTheInput && this.takes === 3);
  }

  // -- sizes

  /** [height, width] at which the model gets a picture that is not cut into tiles. */
  seen(height, width) {
    const { rules } = this;
    if (rules.hole || rules.tiles) return [height, width];
    if (rules.size) return rules.size;
    let largest = rules.largest || Math.max(height, width);
    if (rules.keeps_lightness) {
      largest = Math.max(1, (rules.largest || LARGEST_COLOURED) - 2 * this.edge(height, width));
    }
    const scale = Math.min(1, largest / Math.max(height, width));
    return [Math.max(1, round(scale * height)), Math.max(1, round(scale * width))];
  }

  /** [height, width] of the result for a picture. */
  made(height, width) {
    const { rules } = this;
    if (rules.size && rules.scale > 1 && !rules.hole) [height, width] = rules.size;
    return [height * rules.scale, width * rules.scale];
  }

  /** A line about the size of a picture, or an empty string. */
  note(height, width) {
    const { rules } = this;
    const [tall, wide] = this.seen(height, width);
    if ((tall === height && wide === width) || rules.keeps_lightness) return "";
    if (rules.size) return `The model takes ${wide}x${tall} pixels; the picture was scaled to that.`;
    return `The model takes at most ${rules.largest} pixels a side; the picture was shrunk, and the result enlarged.`;
  }

  get tile() {
    return Math.max(this.multiple, Math.floor((this.rules.tile || TILE) / this.multiple) * this.multiple);
  }

  get margin() {
    return this.rules.margin ?? MARGIN;
  }

  /** The number of tiles that a picture is cut into. */
  count(height, width) {
    if (!this.rules.tiles) return 1;
    const [overlap] = overlapOf(this.tile, this.margin);
    const [tall, wide] = this.paddedSides(height, width);
    return tileStarts(tall, this.tile, overlap).length * tileStarts(wide, this.tile, overlap).length;
  }

  edge(height, width) {
    const { rules, multiple, whole } = this;
    const known = whole && whole[0] === height && whole[1] === width;
    if (!(rules.tiles || rules.keeps_lightness) || multiple > EDGE || known) return 0;
    return Math.ceil(EDGE / multiple) * multiple;
  }

  paddedSides(height, width) {
    return [Math.ceil(height / this.multiple) * this.multiple, Math.ceil(width / this.multiple) * this.multiple];
  }

  padded(pixels, edge = 0) {
    const [tall, wide] = this.paddedSides(pixels.height, pixels.width);
    return mirrored(pixels, edge, tall - pixels.height + edge, edge, wide - pixels.width + edge);
  }

  // -- pictures

  /**
   * Process a picture and yield the result in strips of levels from top to bottom; `progress` is called per tile.
   *
   * @param {Pixels} pixels levels of one or three channels, or ids
   * @param {Pixels | null} mask 1 in the hole, Int32Array
   * @returns {AsyncGenerator<Pixels>}
   */
  async *strips(pixels, mask = null, progress = async () => {}) {
    const { rules } = this;
    if (rules.tiles) {
      yield* this.tiled(pixels, progress);
      return;
    }
    if (rules.keeps_lightness) yield* this.coloured(pixels);
    else if (mask) {
      const run = (images, masks) => this.inItsChannels(images, masks);
      yield await filled(run, rules, pixels, mask, (each) => this.padded(each));
    } else yield toLevels(await this.inOne(pixels));
    await progress();
  }

  async one(image) {
    return (await this.inItsChannels([image]))[0];
  }

  /** Apply the model to images of one or three channels, whatever it takes: gray ones are repeated. */
  async inItsChannels(images, masks) {
    const { channels } = images[0];
    const wanted = this.takes || channels;
    if (channels === wanted || this.given.encoding === "classes") return this.run(images, masks);
    if (channels === 1 && wanted === 3) {
      const made = await this.run(
        images.map((each) => joined([each, each, each])),
        masks,
      );
      return this.staysGray && made[0].channels === 3 ? made.map(luma) : made;
    }
    if (this.likeTheInput && (!this.makes || this.makes === 1)) {
      const planes = [];
      for (let k = 0; k < 3; k++) {
        planes.push(
          await this.run(
            images.map((each) => plane(each, k)),
            masks,
          ),
        );
      }
      return images.map((_, i) => joined(planes.map((each) => each[i])));
    }
    return this.run(images.map(luma), masks);
  }

  /** The result for a picture that is seen at once. */
  async inOne(pixels) {
    const [tall, wide] = this.seen(pixels.height, pixels.width);
    const made = await this.withEdges(plain(resized(pixels, tall, wide)));
    return resized(made, ...this.made(pixels.height, pixels.width));
  }

  async withEdges(pixels) {
    const { height, width } = pixels;
    const factor = this.rules.scale;
    const edge = this.edge(height, width);
    const made = await this.one(this.padded(pixels, edge));
    const first = edge * factor;
    return cut(made, first, first + height * factor, first, first + width * factor);
  }

  async *tiled(pixels, progress) {
    const [height, width] = this.made(pixels.height, pixels.width);
    const edge = this.edge(pixels.height, pixels.width);
    const factor = this.rules.scale;
    const sides = this.paddedSides(pixels.height, pixels.width);
    const padded = this.padded(pixels, edge);
    const { tile } = this;
    const [overlap, ramp] = overlapOf(tile, this.margin);
    const [tall, wide] = [Math.min(tile, sides[0]), Math.min(tile, sides[1])];
    const [tops, lefts] = [tileStarts(sides[0], tile, overlap), tileStarts(sides[1], tile, overlap)];
    const [down, across] = [tileWeights(tops, tall, ramp, factor), tileWeights(lefts, wide, ramp, factor)];
    const line = sides[1] * factor;
    let rows = null;
    let channels = 0;
    let passed = 0;
    for (let i = 0; i < tops.length; i++) {
      const top = tops[i];
      for (let j = 0; j < lefts.length; j++) {
        const left = lefts[j];
        // at the borders of the picture a tile reaches over them
        const first = top === 0 ? edge : 0;
        const last = top + tall === sides[0] ? edge : 0;
        const before = left === 0 ? edge : 0;
        const after = left + wide === sides[1] ? edge : 0;
        const part = cut(
          padded,
          edge + top - first,
          edge + top + tall + last,
          edge + left - before,
          edge + left + wide + after,
        );
        const made = await this.one(plain(part));
        channels = made.channels;
        rows ??= new Float32Array(tall * factor * line * channels);
        for (let y = 0; y < tall * factor; y++) {
          const weight = down[i][y];
          let from = ((y + first * factor) * made.width + before * factor) * channels;
          let to = (y * line + left * factor) * channels;
          for (let x = 0; x < wide * factor; x++) {
            const share = Math.fround(weight * across[j][x]);
            for (let k = 0; k < channels; k++) rows[to++] += made.data[from++] * share;
          }
        }
        await progress();
      }
      const final = (i + 1 < tops.length ? tops[i + 1] - top : tall) * factor; // rows that no later tile changes
      const wanted = Math.min(final, height - passed);
      for (let y = 0; y < wanted; y += ROWS) {
        const strip = picture(rows, tall * factor, line, channels);
        yield toLevels(cut(strip, y, Math.min(y + ROWS, wanted), 0, width));
      }
      passed += final;
      rows.copyWithin(0, final * line * channels);
      rows.fill(0, rows.length - final * line * channels);
    }
  }

  /** Colourize from the lightness of the whole picture, shrunken if it is large; each pixel keeps its own lightness. */
  async *coloured(pixels) {
    const { height, width } = pixels;
    const [tall, wide] = this.seen(height, width);
    const made = await this.withEdges(lightness(plain(resized(pixels, tall, wide))));
    const lab = rgbToLab(made);
    const colours = joined([plane(lab, 1), plane(lab, 2)]);
    for (let y = 0; y < height; y += ROWS) {
      const part = rowsOf(pixels, y, Math.min(y + ROWS, height));
      const box = [0, (y * tall) / height, wide, ((y + part.height) * tall) / height];
      const own = rgbToLab(plain(part)).data;
      const rgb = tinted(own, resized(colours, part.height, width, box).data);
      yield toLevels(picture(rgb, part.height, width, 3));
    }
  }
}
