/** Maps of labels to start from, for the palettes that have streets or facades. Coordinates are shares of the sides. */

const STREET = [
  ["sky", [0, 0, 1, 0, 1, 1, 0, 1]],
  ["building", [0, 0.12, 0.2, 0.2, 0.36, 0.36, 0.36, 0.62, 0, 0.62]],
  ["building", [1, 0.05, 0.82, 0.16, 0.66, 0.32, 0.6, 0.4, 0.6, 0.62, 1, 0.62]],
  ["vegetation", [0.3, 0.34, 0.38, 0.28, 0.46, 0.32, 0.48, 0.44, 0.44, 0.55, 0.34, 0.56, 0.28, 0.46]],
  ["vegetation", [0.56, 0.42, 0.6, 0.34, 0.68, 0.35, 0.7, 0.46, 0.66, 0.56, 0.58, 0.56]],
  ["sidewalk", [0, 0.6, 0.36, 0.54, 0.64, 0.54, 1, 0.6, 1, 1, 0, 1]],
  ["road", [0.42, 0.52, 0.58, 0.52, 1, 0.78, 1, 1, 0, 1, 0, 0.8]],
  ["pole", [0.2, 0.2, 0.215, 0.2, 0.215, 0.68, 0.2, 0.68]],
  ["traffic sign", [0.17, 0.2, 0.245, 0.2, 0.245, 0.28, 0.17, 0.28]],
  ["car", [0.06, 0.62, 0.1, 0.56, 0.2, 0.56, 0.24, 0.62, 0.25, 0.7, 0.05, 0.72]],
  ["car", [0.7, 0.6, 0.74, 0.53, 0.86, 0.53, 0.92, 0.6, 0.94, 0.72, 0.69, 0.7]],
  ["car", [0.47, 0.52, 0.48, 0.48, 0.52, 0.48, 0.53, 0.52, 0.53, 0.57, 0.47, 0.57]],
  ["person", [0.29, 0.54, 0.31, 0.51, 0.325, 0.54, 0.325, 0.68, 0.29, 0.68]],
];

function box(left, top, right, bottom) {
  return [left, top, right, top, right, bottom, left, bottom];
}

function facade() {
  const found = [
    ["facade", box(0, 0, 1, 1)],
    ["cornice", box(0, 0.02, 1, 0.06)],
    ["shop", box(0, 0.78, 1, 1)],
    ["door", box(0.44, 0.8, 0.56, 1)],
  ];
  for (const top of [0.12, 0.34, 0.56]) {
    for (const left of [0.08, 0.32, 0.56, 0.8]) {
      found.push(["window", box(left, top, left + 0.12, top + 0.14)]);
      found.push(["sill", box(left - 0.01, top + 0.14, left + 0.13, top + 0.165)]);
    }
  }
  return found;
}

/** Draw a scene of a palette's labels; without known ones, its first colour. */
export function drawScene(context, palette) {
  const colours = new Map(palette.map(({ name, rgb }) => [name, `rgb(${rgb.join(" ")})`]));
  const { width, height } = context.canvas;
  const scene = colours.has("road") ? STREET : colours.has("facade") ? facade() : [[palette[0].name, box(0, 0, 1, 1)]];
  for (const [name, points] of scene) {
    if (!colours.has(name)) continue;
    context.fillStyle = colours.get(name);
    polygon(
      context,
      points.map((share, i) => share * (i % 2 ? height : width)),
    );
  }
}

/** Fill a polygon without smooth edges, which would mix colours. */
function polygon(context, points) {
  const { height } = context.canvas;
  for (let y = 0; y < height; y++) {
    const crossings = [];
    for (let i = 0; i < points.length; i += 2) {
      const [x1, y1] = [points[i], points[i + 1]];
      const [x2, y2] = [points[(i + 2) % points.length], points[(i + 3) % points.length]];
      if (y1 <= y + 0.5 !== y2 <= y + 0.5) crossings.push(x1 + ((y + 0.5 - y1) / (y2 - y1)) * (x2 - x1));
    }
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const [left, right] = [Math.round(crossings[i]), Math.round(crossings[i + 1])];
      context.fillRect(left, y, right - left, 1);
    }
  }
}
