// A board of 28 x 28 grey cells, drawn on by mouse, finger, pen or arrow keys: bright on black, as the pictures are.

export const SIDE = 28;
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const FROM_EACH_OTHER = 0.25; // cells between two dabs of a stroke

export class Board {
  pixels = new Uint8Array(SIDE * SIDE);
  radius = 1;
  erases = false;
  #at = null; // where the pointer's stroke has come to
  #pen = { x: SIDE >> 1, y: SIDE >> 1, isDown: false }; // the keys' pen
  #cells = new OffscreenCanvas(SIDE, SIDE);

  // `changed()` follows each change and `ended(where)` each stroke; `said(text)` is for who can't see the board.
  constructor(canvas, { changed, ended, said }) {
    Object.assign(this, { canvas, changed, ended, said });
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => this.#end());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => this.paint());
    this.paint();
  }

  show(pixels) {
    this.pixels.set(pixels);
    this.paint();
    this.changed();
    this.ended();
  }

  clear() {
    this.show(new Uint8Array(SIDE * SIDE));
  }

  paint() {
    const grey = new ImageData(SIDE, SIDE);
    this.pixels.forEach((value, k) => grey.data.set([value, value, value, 255], 4 * k));
    this.#cells.getContext("2d").putImageData(grey, 0, 0);
    const { width } = this.canvas;
    const context = this.canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(this.#cells, 0, 0, width, width);
    if (!this.canvas.matches(":focus-visible")) return;
    const cell = width / SIDE;
    context.lineWidth = this.#pen.isDown ? 4 : 2;
    context.strokeStyle = "#ff8a3c";
    context.strokeRect(this.#pen.x * cell, this.#pen.y * cell, cell, cell);
  }

  #begin(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#at = this.#place(event);
    this.#stroke(this.#at, this.#at);
  }

  #move(event) {
    if (!this.#at) return;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const place = this.#place(each);
      this.#stroke(this.#at, place);
      this.#at = place;
    }
  }

  #end() {
    if (!this.#at) return;
    this.#at = null;
    this.ended();
  }

  #key(event) {
    const pen = this.#pen;
    if (event.key in ARROWS) {
      const [dx, dy] = ARROWS[event.key];
      const before = { ...pen };
      pen.x = Math.min(Math.max(pen.x + dx, 0), SIDE - 1);
      pen.y = Math.min(Math.max(pen.y + dy, 0), SIDE - 1);
      if (pen.isDown) this.#stroke(before, pen);
    } else if (event.key === " " || event.key === "Enter") {
      pen.isDown = !pen.isDown;
      if (pen.isDown) this.#stroke(pen, pen);
      const place = `at row ${pen.y + 1}, column ${pen.x + 1}.`;
      if (pen.isDown) this.said(`Pen down ${place}`);
      else this.ended(`Pen up ${place}`);
    } else {
      return;
    }
    event.preventDefault();
    this.paint();
  }

  // The place of a pointer in cells; the middle of the first one is 0.
  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const cells = (position, start, size) => ((position - start) / size) * SIDE - 0.5;
    return { x: cells(event.clientX, box.left, box.width), y: cells(event.clientY, box.top, box.height) };
  }

  #stroke(from, to) {
    const steps = Math.max(Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / FROM_EACH_OTHER), 1);
    for (let k = 0; k <= steps; k++) {
      this.#dab(from.x + ((to.x - from.x) * k) / steps, from.y + ((to.y - from.y) * k) / steps);
    }
    this.paint();
    this.changed();
  }

  #dab(x, y) {
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const ink = 255 * Math.min(Math.max(this.radius + 0.5 - Math.hypot(column - x, row - y), 0), 1);
        const k = row * SIDE + column;
        this.pixels[k] = this.erases ? Math.min(this.pixels[k], 255 - ink) : Math.max(this.pixels[k], ink);
      }
    }
  }
}
