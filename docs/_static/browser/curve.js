// A curve that grows: the mean of the last batches as a line, the tests between the epochs as dots.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [340, 190];
const [LEFT, RIGHT, TOP, BOTTOM] = [38, 10, 12, 30]; // margins
const STEPS = [1, 2, 5, 10, 20, 50, 100];

function element(parent, name, attributes = {}, text = "") {
  const made = parent.appendChild(document.createElementNS(SVG, name));
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

export class Curve {
  #line = [];
  #dots = [];

  // `name` is a key of the reports; `ticks` are values of the axis upwards, the last of them its end; `show` writes one.
  constructor(svg, { name, ticks, show }) {
    Object.assign(this, { svg, name, ticks, show, until: 1 });
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.clear();
  }

  clear() {
    this.#line = [];
    this.#dots = [];
    this.draw();
  }

  add(report) {
    this.#line.push([report.epoch, report[this.name]]);
    if (report.test) this.#dots.push([report.epoch, report.test[this.name]]);
    this.draw();
  }

  // `until` is the last epoch of the axis.
  draw(until = this.until) {
    this.until = until;
    const top = this.ticks.at(-1);
    const x = (epoch) => LEFT + ((WIDTH - LEFT - RIGHT) * epoch) / until;
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(value / top, 1));
    this.svg.replaceChildren();
    for (const tick of this.ticks) {
      element(this.svg, "line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) });
      element(this.svg, "text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, this.show(tick));
    }
    const step = STEPS.find((each) => until / each <= 6) ?? until;
    for (let epoch = 0; epoch <= until; epoch += step) {
      element(this.svg, "text", { x: x(epoch), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, String(epoch));
    }
    element(this.svg, "text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 2, "text-anchor": "middle" }, "epochs");
    const points = this.#line.map(([epoch, value]) => `${x(epoch).toFixed(1)},${y(value).toFixed(1)}`);
    element(this.svg, "polyline", { class: "training", points: points.join(" ") });
    for (const [epoch, value] of this.#dots) element(this.svg, "circle", { class: "test", cx: x(epoch), cy: y(value), r: 4.5 });
    this.svg.setAttribute("aria-label", this.#words());
  }

  #words() {
    if (!this.#line.length) return `Curve of the ${this.name}: nothing yet`;
    const [epoch, value] = this.#line.at(-1);
    const tests = this.#dots.map(([at, found]) => `; tested after epoch ${at}: ${this.show(found)}`).join("");
    return `Curve of the ${this.name}: ${this.show(value)} after ${epoch.toFixed(2)} epochs${tests}`;
  }
}
