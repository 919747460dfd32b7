// The drawing board: a soft brush on the very pixels that the network is given.

const STEPS_BACK = 50;

/** A black image. */
function blank(input) {
  return new Float32Array(size(input)).fill(tones.black);
}

/** Make the board for images (c, h, w), with a first one on it: `changed(pixels)` is told of each change. */
function makeBoard(input, first, changed) {
  const [channels, height, width] = input;
  const plane = height * width;
  const isColored = channels === 3;
  let pixels = Float32Array.from(first);
  const earlier = [];
  const canvas = element("canvas", {
    class: "board",
    tabindex: "0",
    role: "img",
    "aria-label":
      "Drawing board: draw with the mouse, a finger or a pen; with the keyboard, arrow keys move and Space paints",
  });
  const frame = element("div", { class: "frame cursor", hidden: true });
  const holder = element("div", { class: "picture" }, canvas, frame);
  const widths = { min: 0.6, max: Math.max(2, height / 7), step: 0.1, value: height / 20 };
  const brush = element("input", { type: "range", id: "brush", ...widths });
  const ink = isColored
    ? element("input", { type: "color", id: "ink", value: "#ffffff" })
    : element("input", { type: "range", id: "ink", min: "0", max: "1", step: "0.05", value: "1" });
  const undo = element("button", { type: "button", id: "undo", onclick: goBack, disabled: true }, "Undo");
  const empty = () => set(blank(input));
  const clear = element("button", { type: "button", id: "clear", onclick: empty }, "Clear");

  const invert = () => set(pixels.map((value) => tones.black + tones.white - value));
  const negative = element("button", { type: "button", onclick: invert, title: "Swap black and white" }, "Negative");

  /** The value of the ink in each channel. */
  function shades() {
    const shares = isColored
      ? [1, 3, 5].map((at) => parseInt(ink.value.slice(at, at + 2), 16) / 255)
      : Array(channels).fill(Number(ink.value));
    return shares.map((share) => tones.black + share * (tones.white - tones.black));
  }

  function show() {
    paintImage(canvas, pixels, input);
    undo.disabled = earlier.length === 0;
    changed(pixels);
  }

  function remember() {
    earlier.push(pixels);
    if (earlier.length > STEPS_BACK) earlier.shift();
  }

  function set(values) {
    remember();
    pixels = Float32Array.from(values);
    show();
  }

  function goBack() {
    if (!earlier.length) return;
    pixels = earlier.pop();
    show();
  }

  /** Cover pixels near the segment between two points: a pixel's share falls from 1 to 0 across the brush's edge. */
  function cover(mask, [y0, x0], [y1, x1]) {
    const radius = Number(brush.value);
    const length = (y1 - y0) ** 2 + (x1 - x0) ** 2;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const along = length ? ((y + 0.5 - y0) * (y1 - y0) + (x + 0.5 - x0) * (x1 - x0)) / length : 0;
        const t = Math.min(Math.max(along, 0), 1);
        const distance = Math.hypot(y + 0.5 - y0 - t * (y1 - y0), x + 0.5 - x0 - t * (x1 - x0));
        const share = Math.min(Math.max(radius + 0.5 - distance, 0), 1);
        mask[y * width + x] = Math.max(mask[y * width + x], share);
      }
    }
  }

  let stroke = null;

  function begin(point) {
    remember();
    stroke = { before: pixels, mask: new Float32Array(plane), point };
    extend(point);
  }

  function extend(point) {
    cover(stroke.mask, stroke.point, point);
    stroke.point = point;
    const values = shades();
    pixels = stroke.before.map((old, i) => old + (values[Math.floor(i / plane)] - old) * stroke.mask[i % plane]);
    show();
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientY - box.top) / box.height) * height, ((event.clientX - box.left) / box.width) * width];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    begin(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const between = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of between.length ? between : [event]) extend(place(one));
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (stroke = null));

  let cursor = [Math.floor(height / 2), Math.floor(width / 2)];
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], " ": [0, 0] };
    if ((event.ctrlKey || event.metaKey) && event.key === "z") return event.preventDefault(), goBack();
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    cursor = [within(cursor[0] + move[0], height), within(cursor[1] + move[1], width)];
    frame.hidden = false;
    placeFrame(frame, pixel(...cursor), height, width);
    if (event.key !== " ") return;
    begin([cursor[0] + 0.5, cursor[1] + 0.5]);
    stroke = null;
  });
  canvas.addEventListener("blur", () => (frame.hidden = true));

  const label = (text, control) => element("label", { for: control.id }, text, control);
  return {
    element: element(
      "div",
      { class: "drawing" },
      holder,
      element("div", { class: "tools" }, label("Brush", brush), label(isColored ? "Color" : "Shade", ink), undo, clear, negative),
    ),
    set,
    show,
    pixels: () => pixels,
  };
}
