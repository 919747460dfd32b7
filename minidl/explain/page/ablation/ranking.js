// Which map matters most for the picture: each is switched off in turn, in slices of time that leave the page free.

const MOST_RANKED = 10;

/**
 * What the network says with each map of value `index` off, beside those that are off already: [{map, numbers}]. `told`
 * hears of each one; with `isStopped()` it ends, and gives nothing.
 */
async function tryEach(network, index, state, outcome, { isStopped, told }) {
  const shape = network.shapes[index];
  const found = [];
  const clock = { since: performance.now() };
  for (let map = 0; map < shape[0]; map++) {
    if (isOff(state, index, map)) continue;
    const known = state.values.slice(0, index);
    const steps = running(network, state.off, [...known, withoutMaps(state.values[index], shape, [map])]);
    const without = await inSlices(steps, clock, isStopped);
    if (!without) return null;
    found.push({ map, numbers: outcome.of(without) });
    told(map + 1);
  }
  return found;
}

/**
 * A button that ranks a step's maps by what becomes of the class that the network names: {element, forget()}.
 * `now()` is the network's state, and `switchOff(map)` is told which one a reader wants off.
 */
function makeRanking(network, index, outcome, noun, { now, switchOff }) {
  const count = network.shapes[index][0];
  const [label, stop] = [`Which ${noun} matters most for this picture?`, "Stop"];
  const progress = element("progress", { max: count, value: 0, hidden: true, "aria-label": `${noun}s tried` });
  const said = element("p", { class: "note", role: "status" });
  const list = element("div", { class: "ranked" });
  const button = element("button", { type: "button", class: "rank" }, label);
  let job = null;

  function end(text) {
    job = null;
    button.textContent = label;
    progress.hidden = true;
    said.textContent = text;
  }

  button.addEventListener("click", async () => {
    if (job) return end("");
    const [mine, state] = [{}, now()];
    job = mine;
    list.replaceChildren();
    button.textContent = stop;
    said.textContent = "";
    [progress.value, progress.hidden] = [0, false];
    const told = (done) => (progress.value = done);
    const found = await tryEach(network, index, state, outcome, { isStopped: () => job !== mine, told });
    if (!found || job !== mine) return;
    show(found, outcome.of(state));
  });

  function show(found, old) {
    const named = placeOfLargest(old);
    const change = ({ numbers }) => numbers[named] - old[named];
    found.sort((a, b) => Math.abs(change(b)) - Math.abs(change(a)));
    const rows = found.slice(0, MOST_RANKED).map((one) => {
      const then = placeOfLargest(one.numbers);
      const name = `${noun} ${one.map + 1}`;
      const off = element("button", { type: "button", "aria-label": `Switch off ${name}` }, "Switch off");
      off.addEventListener("click", () => switchOff(one.map));
      const [after, points] = [outcome.text(one.numbers[named]), changeText(outcome, change(one))];
      return [name, after, points, then === named ? "the same" : outcome.names[then], off];
    });
    const { names, text } = outcome;
    const caption = `${names[named]}: ${text(old[named])} before. With one ${noun} off:`;
    list.replaceChildren(table(caption, [noun, "after", "change", "largest then", ""], rows));
    const rest = found.slice(MOST_RANKED);
    const words = rest.length ? ` The other ${rest.length} change it by ${changeText(outcome, Math.abs(change(rest[0]))).replace("+", "")} at most.` : "";
    end(found.length ? `${noun[0].toUpperCase()}${noun.slice(1)} ${found[0].map + 1} matters most.${words}` : `Every ${noun} is off.`);
  }

  return {
    element: element("div", { class: "ranking" }, button, progress, said, list),
    /** What was found is of another picture, or of other maps that are off. */
    forget() {
      if (!job && !list.firstChild) return;
      list.replaceChildren();
      end("Something has changed: ask again.");
    },
  };
}
