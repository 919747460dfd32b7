// Ablation: maps of a step are switched off, which makes them zero, and the network runs on without them.

/**
 * Give every step of maps its switches: {element, update(state)}. The element is a bar that says what is off, always in
 * sight; `changed()` is told when the network has to run again.
 */
function makeAblation(network, classes, stations, changed) {
  const outcome = makeOutcome(network, classes);
  const said = element("span", { role: "status" });
  const restore = element("button", { type: "button", id: "restore", hidden: true, onclick: () => set(() => network.off.clear()) }, "Restore");
  const bar = element("section", { id: "switched", "aria-label": "Maps switched off" }, said, restore);
  let [state, before] = [null, null];
  const panels = network.steps.flatMap((step, i) => {
    if (step.shape.length !== 3 || ["identity", "constant"].includes(step.kind) || i === network.steps.length - 1) return [];
    const panel = makePanel(i + 1);
    stations[i].element.querySelector(".body").after(panel.element);
    return [panel];
  });

  /** Change what is off, and have the network run. */
  function set(change) {
    change();
    for (const [index, maps] of network.off) if (!maps.size) network.off.delete(index);
    changed();
  }

  function turn(index, map, isOn) {
    set(() => {
      const maps = network.off.get(index) || new Set();
      if (isOn) maps.delete(map);
      else maps.add(map);
      network.off.set(index, maps);
    });
  }

  function makePanel(index) {
    const step = network.steps[index - 1];
    const noun = nounOf(step);
    const details = element("details", { class: "ablation" }, element("summary", {}, `Switch ${noun}s off`));
    const effect = element("div", { class: "effect" });
    let [boxes, ranking] = [null, null];

    function fill() {
      boxes = Array.from({ length: step.shape[0] }, (_, map) => {
        const box = element("input", { type: "checkbox", "aria-label": `${noun} ${map + 1}` });
        box.addEventListener("change", () => turn(index, map, box.checked));
        return box;
      });
      const switchOff = (map) => turn(index, map, false);
      ranking = makeRanking(network, index, outcome, noun, { now: () => state, switchOff });
      const labels = boxes.map((box, map) => element("label", {}, box, String(map + 1)));
      const legend = element("legend", {}, `Which ${noun}s are on`);
      const words =
        `What a ${noun} gives is zero from step ${index} on when it’s switched off, for every picture. ` +
        "All that follows is computed without it.";
      details.append(element("p", {}, words), element("fieldset", {}, legend, ...labels), element("div", { class: "results" }, effect, ranking.element));
    }

    function paint() {
      if (!details.open || !state) return;
      if (!boxes) fill();
      boxes.forEach((box, map) => (box.checked = !isOff(state, index, map)));
      effect.replaceChildren(...(before ? [effectTable(outcome, before, state)] : []));
    }

    details.addEventListener("toggle", paint);
    return {
      element: details,
      update() {
        if (ranking) ranking.forget();
        paint();
      },
    };
  }

  function paintBar() {
    restore.hidden = !before;
    bar.classList.toggle("on", before !== null);
    said.textContent = before ? `${offText(network)} ${outcomeText()}` : "";
  }

  function outcomeText() {
    const [old, now] = [outcome.of(before), outcome.of(state)];
    const named = placeOfLargest(old);
    return `${outcome.names[named]}: ${outcome.text(old[named])} → ${outcome.text(now[named])}.`;
  }

  return {
    element: bar,
    update(now) {
      state = now;
      const first = Math.min(...network.off.keys());
      before = network.off.size ? run(network, state.values[0], new Map(), state.values.slice(0, first)) : null;
      paintBar();
      for (const panel of panels) panel.update();
    },
  };
}

function nounOf(step) {
  return step.kind === "convolution" || step.kind === "transposed" ? "filter" : "map";
}

/** What is off, in words: "2 maps are switched off: filter 3 of step 1, map 5 of step 2." */
function offText(network) {
  const steps = Array.from(network.off).sort(([a], [b]) => a - b);
  const count = steps.reduce((sum, [, maps]) => sum + maps.size, 0);
  const parts = steps.map(([index, maps]) => {
    const noun = nounOf(network.steps[index - 1]);
    const numbers = Array.from(maps, (map) => map + 1).sort((a, b) => a - b);
    return `${noun}${numbers.length > 1 ? "s" : ""} ${rangesText(numbers)} of step ${index}`;
  });
  return `${count} ${count === 1 ? "map is" : "maps are"} switched off: ${parts.join("; ")}.`;
}

/** Rising numbers, of which three and more in a row are a range: "1 to 4, 7 and 9". */
function rangesText(numbers) {
  const runs = [];
  for (const number of numbers) {
    if (runs.length && runs.at(-1).at(-1) === number - 1) runs.at(-1).push(number);
    else runs.push([number]);
  }
  const texts = runs.flatMap((run) => (run.length > 2 ? [`${run[0]} to ${run.at(-1)}`] : run.map(String)));
  return texts.length > 1 ? `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}` : texts[0];
}
