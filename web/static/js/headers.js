/** Reads the format, the size and the number of frames from the bytes of a picture file, before it is decoded. */

/**
 * @typedef {{format: string, width: number | null, height: number | null, animated: boolean}} Header
 * @param {Uint8Array} bytes
 * @returns {Header | null} null if the file is not a picture in a known format
 */
export function headerOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    for (const read of [png, jpeg, gif, webp, bmp, avif]) {
      const found = read(bytes, view);
      if (found) return found;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the file ends too early
  }
  return null;
}

function text(bytes, start, length) {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

function header(format, width, height, animated = false) {
  return { format, width, height, animated };
}

function png(bytes, view) {
  if (text(bytes, 0, 8) !== "\x89PNG\r\n\x1a\n") return null;
  let animated = false;
  for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) {
    const name = text(bytes, at + 4, 4);
    if (name === "acTL") animated = view.getUint32(at + 8) > 1;
    if (name === "IDAT" || name === "acTL") break;
  }
  return header("PNG", view.getUint32(16), view.getUint32(20), animated);
}

function jpeg(bytes, view) {
  if (view.getUint16(0) !== 0xffd8) return null;
  let at = 2;
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) return header("JPEG", view.getUint16(at + 7), view.getUint16(at + 5));
    at += marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8) ? 2 : 2 + view.getUint16(at + 2);
  }
  return null;
}

function gif(bytes, view) {
  if (!["GIF87a", "GIF89a"].includes(text(bytes, 0, 6))) return null;
  const table = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  const blocks = (at) => {
    while (bytes[at]) at += 1 + bytes[at];
    return at + 1;
  };
  let at = 13 + table(bytes[10]);
  let frames = 0;
  while (at < bytes.length && frames < 2 && bytes[at] !== 0x3b) {
    if (bytes[at] === 0x21) at = blocks(at + 2);
    else if (bytes[at] === 0x2c) {
      frames += 1;
      at = blocks(at + 10 + table(bytes[at + 9]) + 1);
    } else break;
  }
  return header("GIF", view.getUint16(6, true), view.getUint16(8, true), frames > 1);
}

function webp(bytes, view) {
  if (text(bytes, 0, 4) !== "RIFF" || text(bytes, 8, 4) !== "WEBP") return null;
  const kind = text(bytes, 12, 4);
  const three = (at) => bytes[at] + (bytes[at + 1] << 8) + (bytes[at + 2] << 16) + 1;
  if (kind === "VP8X") return header("WebP", three(24), three(27), (bytes[20] & 2) > 0);
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return header("WebP", (bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1);
  }
  return header("WebP", view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff);
}

function bmp(bytes, view) {
  if (text(bytes, 0, 2) !== "BM" || view.getUint32(14, true) < 40) return null;
  return header("BMP", view.getInt32(18, true), Math.abs(view.getInt32(22, true)));
}

function avif(bytes, view) {
  if (text(bytes, 4, 4) !== "ftyp") return null;
  const brands = text(bytes, 8, Math.min(view.getUint32(0), 64) - 8);
  if (!/avi[fs]/.test(brands)) return null;
  for (let at = 8; at + 16 <= Math.min(bytes.length, 8192); at++) {
    if (text(bytes, at, 4) === "ispe") {
      return header("AVIF", view.getUint32(at + 8), view.getUint32(at + 12), brands.startsWith("avis"));
    }
  }
  return header("AVIF", null, null, brands.startsWith("avis"));
}
