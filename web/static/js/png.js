/** Writes PNG files strip by strip, so that a picture is never in memory twice. */

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let k = 0; k < 8; k++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});
const COLOUR = { 1: 0, 2: 4, 3: 2, 4: 6 }; // channels -> PNG's colour type
const PREDICTED = 4; // the filter of PNG that guesses from three neighbours

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(name, data) {
  const made = new Uint8Array(12 + data.length);
  const view = new DataView(made.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) made[4 + i] = name.charCodeAt(i);
  made.set(data, 8);
  view.setUint32(8 + data.length, crc(made.subarray(4, 8 + data.length)));
  return made;
}

/** Predict each byte from the pixels to the left, above and between them. */
function filter(line, above, pixel, target) {
  for (let i = 0; i < line.length; i++) {
    const a = i >= pixel ? line[i - pixel] : 0;
    const b = above[i];
    const c = i >= pixel ? above[i - pixel] : 0;
    const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
    target[i] = line[i] - (pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
  }
}

export class PngWriter {
  /** A picture of 8 bits with 1 to 4 channels; the second or fourth is alpha. */
  constructor(width, height, channels) {
    this.line = width * channels;
    this.channels = channels;
    const head = new Uint8Array(13);
    const view = new DataView(head.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    head[8] = 8;
    head[9] = COLOUR[channels];
    const signature = Uint8Array.from("\x89PNG\r\n\x1a\n", (each) => each.charCodeAt(0));
    this.parts = [signature, chunk("IHDR", head)];
    this.above = new Uint8Array(this.line);
    const stream = new CompressionStream("deflate");
    this.writer = stream.writable.getWriter();
    this.reading = this.read(stream.readable.getReader());
  }

  async read(reader) {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.parts.push(chunk("IDAT", value));
    }
  }

  /** Append rows of levels. */
  async push(strip) {
    const { line } = this;
    const count = strip.data.length / line;
    const made = new Uint8Array(count * (line + 1));
    for (let y = 0; y < count; y++) {
      const row = strip.data.subarray(y * line, (y + 1) * line);
      made[y * (line + 1)] = PREDICTED;
      filter(row, this.above, this.channels, made.subarray(y * (line + 1) + 1, (y + 1) * (line + 1)));
      this.above.set(row);
    }
    await this.writer.write(made);
  }

  /** @returns {Promise<Blob>} the file */
  async finish() {
    await this.writer.close();
    await this.reading;
    return new Blob([...this.parts, chunk("IEND", new Uint8Array(0))], { type: "image/png" });
  }
}
