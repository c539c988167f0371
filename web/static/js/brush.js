/** Painting on a canvas with hard edges, by pointer or keyboard. Strokes are kept, so that they can be undone. */

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @typedef {{colour: string, size: number, points: number[][]}} Stroke
 */
export class Brush {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} cursor a ring that shows where the keyboard paints, placed beside the canvas
   * @param {{begin: () => {colour: string, size: number}, reset: (context: CanvasRenderingContext2D) => void,
   *   finished: () => void}} host the current colour and size; what lies below the strokes; a stroke's end
   */
  constructor(canvas, cursor, host) {
    Object.assign(this, { canvas, cursor, host });
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.strokes = [];
    this.at = null;
    canvas.tabIndex = 0;
    canvas.onpointerdown = (event) => this.begin(event);
    canvas.onpointermove = (event) => this.move(event);
    canvas.onpointerup = canvas.onpointercancel = () => this.end();
    canvas.onkeydown = (event) => this.key(event);
    canvas.onfocus = () => this.place();
    canvas.onblur = () => (cursor.hidden = true);
  }

  /** Begin anew on a canvas of a size. */
  reset(height, width) {
    this.canvas.height = height;
    this.canvas.width = width;
    this.strokes = [];
    this.at = [Math.floor(width / 2), Math.floor(height / 2)];
    this.redraw();
  }

  redraw() {
    this.host.reset(this.context);
    for (const stroke of this.strokes) stroke.points.forEach((_, i) => this.segment(stroke, i));
  }

  undo() {
    if (!this.strokes.pop()) return;
    this.redraw();
    this.host.finished();
  }

  clear() {
    this.strokes = [];
    this.redraw();
    this.host.finished();
  }

  // -- pointer

  position({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.canvas;
    return [((clientX - box.left) / box.width) * width, ((clientY - box.top) / box.height) * height];
  }

  begin(event) {
    if (event.button) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.cursor.hidden = true;
    this.canvas.setPointerCapture(event.pointerId);
    this.drawing = { ...this.host.begin(), points: [this.position(event)] };
    this.strokes.push(this.drawing);
    this.segment(this.drawing, 0);
  }

  move(event) {
    if (!this.drawing) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      this.drawing.points.push(this.position(each));
      this.segment(this.drawing, this.drawing.points.length - 1);
    }
  }

  end() {
    if (!this.drawing) return;
    this.drawing = null;
    this.host.finished();
  }

  // -- keyboard

  key(event) {
    const step = ARROWS[event.key];
    if (step) {
      const { width, height } = this.canvas;
      const size = (event.shiftKey ? 4 : 1) * Math.max(1, this.host.begin().size / 2);
      this.at = [
        Math.min(width, Math.max(0, this.at[0] + step[0] * size)),
        Math.min(height, Math.max(0, this.at[1] + step[1] * size)),
      ];
    } else if (event.key === " " || event.key === "Enter") {
      this.strokes.push({ ...this.host.begin(), points: [[...this.at]] });
      this.segment(this.strokes.at(-1), 0);
      this.host.finished();
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
    this.place();
  }

  place() {
    if (!this.at || !this.canvas.matches(":focus-visible")) return;
    const scale = this.canvas.clientWidth / this.canvas.width;
    const side = Math.max(6, this.host.begin().size * scale);
    const { style } = this.cursor;
    style.width = style.height = `${side}px`;
    style.left = `${this.canvas.offsetLeft + this.at[0] * scale - side / 2}px`;
    style.top = `${this.canvas.offsetTop + this.at[1] * scale - side / 2}px`;
    this.cursor.hidden = false;
  }

  // -- pixels

  /** Draw the part of a stroke that ends at point i: discs without smooth edges, which would mix colours. */
  segment({ colour, size, points }, i) {
    const [x, y] = points[i];
    const [fromX, fromY] = points[Math.max(0, i - 1)];
    const radius = size / 2;
    const steps = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / Math.max(1, radius / 2)));
    this.context.fillStyle = colour;
    for (let k = i ? 1 : steps; k <= steps; k++) {
      this.disc(fromX + ((x - fromX) * k) / steps, fromY + ((y - fromY) * k) / steps, radius);
    }
  }

  disc(x, y, radius) {
    for (let row = Math.floor(y - radius); row <= Math.ceil(y + radius); row++) {
      const half = Math.sqrt(Math.max(0, radius ** 2 - (row + 0.5 - y) ** 2));
      const [left, right] = [Math.round(x - half), Math.round(x + half)];
      if (right > left) this.context.fillRect(left, row, right - left, 1);
    }
  }
}
