// What a network says in the end, as a few numbers with names, and how they change as maps are switched off.

const MOST_OUTCOMES = 12;

/** {names, of(state), text(value)}: probabilities, shares of pixels, or, of maps without names, their means. */
function makeOutcome(network, classes) {
  const [count, ...rest] = network.steps.at(-1).shape;
  if (!rest.length) return { names: classes, of: (state) => Array.from(state.probabilities), text: percent };
  const isNamed = classes.length === count && count > 1;
  const names = isNamed ? classes : Array.from({ length: count }, (_, i) => `mean of map ${i + 1}`);
  const of = (state) => (isNamed ? pixelShares : mapMeans)(state.values.at(-1), count);
  return { names, of, text: isNamed ? percent : (value) => figure(value, 3) };
}

/** The share of the pixels at which each map has the largest number. */
function pixelShares(values, count) {
  const plane = values.length / count;
  const shares = Array(count).fill(0);
  for (let at = 0; at < plane; at++) {
    let most = 0;
    for (let map = 1; map < count; map++) if (values[map * plane + at] > values[most * plane + at]) most = map;
    shares[most] += 1 / plane;
  }
  return shares;
}

function mapMeans(values, count) {
  const plane = values.length / count;
  return Array.from({ length: count }, (_, map) => total(values.subarray(map * plane, (map + 1) * plane)) / plane);
}

/** A change in a few figures, with its sign: of shares, in points of a hundred. */
function changeText(outcome, change) {
  const [value, digits] = outcome.text === percent ? [100 * change, 1] : [change, 3];
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? "0" : (value < 0 ? "−" : "+") + text;
}

/** A table of all that the network says, before and after; of many classes, those that change most. */
function effectTable(outcome, before, after) {
  const [old, now] = [outcome.of(before), outcome.of(after)];
  let order = Array.from(old.keys());
  if (order.length > MOST_OUTCOMES) {
    order.sort((i, j) => Math.abs(now[j] - old[j]) - Math.abs(now[i] - old[i]));
    order = order.slice(0, MOST_OUTCOMES);
  }
  const rows = order.map((i) => {
    const change = changeText(outcome, now[i] - old[i]);
    const kind = { "+": "positive", "−": "negative" }[change[0]];
    const strong = (values) => (i === placeOfLargest(values) ? element("b", {}, outcome.text(values[i])) : outcome.text(values[i]));
    return [outcome.names[i], strong(old), strong(now), element("span", { class: kind }, change)];
  });
  const unit = outcome.text === percent ? "change, points" : "change";
  return table("What became of it", ["", "before", "after", unit], rows);
}

/** A table whose rows begin with what they are about. */
function table(caption, heads, rows) {
  const head = heads.map((text) => (text ? element("th", { scope: "col" }, text) : element("td")));
  const body = rows.map(([name, ...rest]) =>
    element("tr", {}, element("th", { scope: "row" }, name), ...rest.map((content) => element("td", {}, content))),
  );
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
}
