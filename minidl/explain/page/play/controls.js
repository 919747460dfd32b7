// What a reader turns: sliders of the sizes, and buttons and a slider that move the window.

const WINDOW_MILLISECONDS = 700;
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

const NAMES = { size: "Picture, n", kernel: "Kernel, k", stride: "Stride, s", padding: "Padding, p", dilation: "Dilation, d" };

/** A size in words: one number where all of its axes and ends have the same. */
function sizeText(name, value) {
  const texts = name === "padding" ? value.map(([a, b]) => (a === b ? `${a}` : `${a} and ${b}`)) : [value].flat();
  if (name === "size" || name === "kernel") return `${texts[0]} × ${texts.at(-1)}`;
  return texts[0] === texts.at(-1) ? String(texts[0]) : `${texts[0]} down, ${texts.at(-1)} across`;
}

/** Sliders: {element, show(sizes)}. `changed(name, value)` is told a size, for all axes and ends. */
function sizeControls(changed) {
  const rows = Object.entries(SIZES).map(([name, [min, max]]) => {
    const input = element("input", { type: "range", id: `play-${name}`, min, max, step: 1 });
    const said = element("output", { for: input.id });
    const each = { size: (n) => n, padding: (n) => [[n, n], [n, n]] }[name] || ((n) => [n, n]);
    input.addEventListener("input", () => changed(name, each(Number(input.value))));
    return { name, input, said, row: element("label", { for: input.id }, NAMES[name], input, said) };
  });
  return {
    element: element("div", { class: "tools sizes" }, ...rows.map(({ row }) => row)),
    show(sizes) {
      for (const { name, input, said } of rows) {
        input.value = [sizes[name]].flat(2)[0];
        said.textContent = sizeText(name, sizes[name]);
        input.setAttribute("aria-valuetext", said.textContent);
      }
    },
  };
}

/** What moves the window: {element, show(now, count)}. `move(place, isByHand)` is told where to. */
function moveControls(move) {
  let [now, count, timer] = [0, 0, null];
  const button = (label, act) => element("button", { type: "button", onclick: act }, label);
  const go = (place, isByHand = true) => move((place + count) % count, isByHand);
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.replaceChildren(icon("play"), "Play");
    play.setAttribute("aria-pressed", "false");
  };
  const play = button("", () => {
    if (timer) return stop();
    timer = setInterval(() => go(now + 1, false), WINDOW_MILLISECONDS);
    play.replaceChildren(icon("stop"), "Stop");
    play.setAttribute("aria-pressed", "true");
  });
  const byHand = (place) => {
    stop();
    go(place);
  };
  const [back, next] = [button("Back", () => byHand(now - 1)), button("Next", () => byHand(now + 1))];
  const slider = element("input", { type: "range", id: "play-place", min: 0, step: 1 });
  slider.addEventListener("input", () => byHand(Number(slider.value)));
  // Who has asked for no motion moves the window by hand.
  const still = () => {
    play.hidden = stillness.matches;
    if (stillness.matches) stop();
  };
  stillness.addEventListener("change", still);
  stop();
  still();
  return {
    element: element("div", { class: "tools" }, play, back, next, element("label", { for: slider.id }, "Place", slider)),
    stop,
    show(place, places) {
      [now, count] = [place, places];
      slider.max = Math.max(0, count - 1);
      slider.value = now;
      slider.setAttribute("aria-valuetext", count ? `${now + 1} of ${count}` : "none");
      for (const control of [play, back, next, slider]) control.disabled = count < 2;
      if (count < 2) stop();
    },
  };
}
