/** Filling holes, each in a window of the size that the model was trained on, as tfgans/inference/holes.py does. */
import { cut, empty, mirrored, plain, round, toLevels } from "./arrays.js";
import { resized } from "./resize.js";

const BATCH = 8; // windows at once
const AROUND = 4; // side of a window / side of the largest hole
const BLUR = 2; // pixels by which bicubic shrinking spreads

/**
 * The boxes {top, bottom, left, right} around the holes of a mask; pixels that touch at a corner are of one hole.
 *
 * @param {import("./arrays.js").Pixels} mask
 */
function boxesOf({ data, height, width }) {
  const seen = new Uint8Array(data.length);
  const found = [];
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || seen[start]) continue;
    const box = { top: height, bottom: 0, left: width, right: 0 };
    const open = [start];
    seen[start] = 1;
    while (open.length) {
      const at = open.pop();
      const y = Math.floor(at / width);
      const x = at % width;
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const next = v * width + u;
          if (data[next] && !seen[next]) {
            seen[next] = 1;
            open.push(next);
          }
        }
      }
    }
    found.push(box);
  }
  return found;
}

function longest(box) {
  return Math.max(box.bottom - box.top, box.right - box.left);
}

/** A line about holes that are too large for the model, or an empty string. */
export function noteOn(mask, hole) {
  const large = Math.max(0, ...boxesOf(mask).map(longest));
  if (!hole || large <= hole) return "";
  return `A hole is ${large} pixels wide and the model fills up to ${hole}: it was filled at a smaller size.`;
}

function byScale(mask, hole) {
  const found = new Map();
  for (const box of boxesOf(mask).sort((a, b) => longest(b) - longest(a))) {
    const side = longest(box);
    const scale = !hole || side <= hole ? 1 : Math.max(1, hole - 2 * BLUR) / side;
    if (!found.has(scale)) found.set(scale, []);
    found.get(scale).push(box);
  }
  return found;
}

/** A mask grown by `times` pixels on all sides. */
function grown(mask, times) {
  const { data, height, width } = mask;
  const made = empty(data, data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!data[y * width + x]) continue;
      for (let v = Math.max(0, y - times); v <= Math.min(height - 1, y + times); v++) {
        made.fill(1, v * width + Math.max(0, x - times), v * width + Math.min(width, x + times + 1));
      }
    }
  }
  return { ...mask, data: made };
}

/**
 * Fill the holes of a picture of levels; known pixels stay.
 *
 * @param {(images: object[], masks: object[]) => Promise<object[]>} run
 */
export async function filled(run, rules, pixels, mask, padded) {
  const result = { ...pixels, data: pixels.data.slice() };
  for (const [scale, boxes] of byScale(mask, rules.hole)) {
    let image = pixels;
    let unknown = mask;
    if (scale < 1) {
      const size = [Math.max(1, round(mask.height * scale)), Math.max(1, round(mask.width * scale))];
      image = resized(pixels, ...size);
      unknown = grown(resized(mask, ...size), BLUR);
    }
    image = plain(image);
    if (!rules.size) [image, unknown] = [padded(image), padded(unknown)];
    const size = windowSize(rules, image.height, image.width);
    const corners = [];
    for (const box of boxes) {
      const shared = corners.find((corner) => within(box, scale, corner, size, rules.hole));
      const middle = rules.size ? rules.hole : null;
      corners.push(shared ?? windowOf(box, scale, [image.height, image.width], size, middle));
    }
    const distinct = [...new Map(corners.map((corner) => [String(corner), corner])).values()];
    const parts = await inWindows(run, image, unknown, distinct, size);
    const made = new Map(distinct.map((corner, i) => [String(corner), parts[i]]));
    boxes.forEach((box, i) => paste(result, mask, box, made.get(String(corners[i])), corners[i], scale));
  }
  return result;
}

function windowSize(rules, height, width) {
  if (rules.size) return rules.size;
  const side = rules.hole
    ? Math.ceil((AROUND * rules.hole) / rules.multiple) * rules.multiple
    : Math.max(height, width);
  return [Math.min(side, height), Math.min(side, width)];
}

function spans(box) {
  return [
    [box.top, box.bottom],
    [box.left, box.right],
  ];
}

/** [top, left] of a window around a hole, inside the picture; with `middle`, as far as its middle covers the hole. */
function windowOf(box, scale, shape, size, middle) {
  return spans(box).map(([from, to], axis) => {
    const [begin, end, wanted] = [from * scale, to * scale, size[axis]];
    const start = (begin + end - wanted) / 2;
    const slack = middle ? Math.max(0, (middle - (end - begin)) / 2) : wanted;
    const inner = Math.max(0, Math.min(start, shape[axis] - wanted));
    return round(Math.min(Math.max(inner, start - slack), start + slack));
  });
}

/** Whether the middle of a window also covers this hole. */
function within(box, scale, corner, size, hole) {
  return spans(box).every(([from, to], axis) => {
    const edge = hole ? (size[axis] - hole) / 2 : 0;
    return from * scale >= corner[axis] + edge && to * scale <= corner[axis] + size[axis] - edge;
  });
}

async function inWindows(run, image, mask, corners, size) {
  const around = [0, 1].map((axis) => {
    const starts = corners.map((corner) => corner[axis]);
    const side = axis === 0 ? image.height : image.width;
    return [Math.max(0, -Math.min(...starts)), Math.max(0, Math.max(...starts) + size[axis] - side)];
  });
  const [wide, wider] = [image, mask].map((each) => mirrored(each, ...around[0], ...around[1]));
  const made = [];
  for (let i = 0; i < corners.length; i += BATCH) {
    const places = corners.slice(i, i + BATCH).map(([top, left]) => [top + around[0][0], left + around[1][0]]);
    const cuts = (from) => places.map(([top, left]) => cut(from, top, top + size[0], left, left + size[1]));
    made.push(...(await run(cuts(wide), cuts(wider))));
  }
  return made;
}

/** Paste a hole from `part`, the filled window at `corner`, into the result. */
function paste(result, mask, box, part, corner, scale) {
  const [tall, wide] = [box.bottom - box.top, box.right - box.left];
  const [top, left] = [box.top * scale - corner[0], box.left * scale - corner[1]];
  let made;
  if (scale === 1) made = cut(part, top, top + tall, left, left + wide);
  else {
    const right = Math.min(left + wide * scale, part.width);
    made = resized(part, tall, wide, [
      Math.max(0, left),
      Math.max(0, top),
      right,
      Math.min(top + tall * scale, part.height),
    ]);
  }
  const { data } = toLevels(made);
  const { channels } = result;
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < wide; x++) {
      const at = (box.top + y) * result.width + box.left + x;
      if (!mask.data[at]) continue;
      for (let k = 0; k < channels; k++) result.data[at * channels + k] = data[(y * wide + x) * channels + k];
    }
  }
}
