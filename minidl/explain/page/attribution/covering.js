// Occlusion as pictures: the square on its way, and how much probability the class loses where it lay.

/** The part of the panel that slides the square when it's asked to. */
function occlusionPart(about) {
  const { network, names } = about;
  const [, height, width] = network.input;
  const sizes = SQUARES.map(({ name, part }) => {
    const [rows, columns] = squareOf(network.input, part);
    return element("option", { value: part, selected: part === USUAL_PART }, `${name}, ${rows} × ${columns}`);
  });
  const select = element("select", { id: "square" }, ...sizes);
  const button = element("button", { type: "button", id: "cover" });
  const progress = element("progress", { "aria-label": "Squares tried", value: 0, hidden: true });
  const [picture, map] = ["with the square", "probability lost"].map(captioned);
  const views = element("div", { class: "views" }, picture.element, map.element);
  let scale = 0;
  const ends = legend(() => scale);
  const asked = element("p", {});
  const said = element("p", { "aria-live": "polite" });
  let job = null;

  /** How much probability the class lost at each place tried so far. */
  const losses = () => job.seen.map((shares) => job.before[about.chosen()] - shares[about.chosen()]);

  const lossSoFar = () => lossMap(network.input, job.places, losses());

  function paintJob() {
    const [found, lost] = [losses(), lossSoFar()];
    const at = job.isRunning ? found.length - 1 : placeOfLargest(found);
    scale = magnitude(lost);
    if (at >= 0) paintImage(picture.canvas, covered(job.pixels, network.input, job.places[at]), network.input);
    paintMap(map.canvas, lost, [1, height, width], 0, { scale });
    ends.refresh();
    progress.value = found.length;
  }

  function paintControls() {
    const isRunning = job !== null && job.isRunning;
    button.replaceChildren(icon(isRunning ? "stop" : "play"), isRunning ? "Stop" : "Slide the square");
    progress.hidden = !isRunning;
    views.hidden = ends.hidden = job === null;
  }

  /** What came of it, in words. */
  function outcome() {
    paintJob();
    const found = losses();
    const worst = placeOfLargest(found);
    const [name, before] = [names[about.chosen()], job.before[about.chosen()]];
    const isCut = found.length < job.places.length;
    const tried = isCut ? `After ${found.length} of ${job.places.length} squares: ` : "";
    if (!(found[worst] > 0)) return `${tried}${name} loses nothing, wherever the square lies.`;
    const { y, x, rows, columns } = job.places[worst];
    const where = REGIONS[ninthOf(y + (rows - 1) / 2, x + (columns - 1) / 2, height, width)];
    const fall = `it falls from ${percent(before)} to ${percent(before - found[worst])}.`;
    const rest = before > 0.5 && found[worst] < 0.01 ? " What isn’t covered is enough for the network." : "";
    return `${tried}${name} loses most with the square ${where}: ${fall}${rest}`;
  }

  async function slide() {
    const places = squarePlaces(network.input, squareOf(network.input, Number(select.value)));
    const { pixels, state } = about;
    const { off, probabilities } = state;
    const mine = { places, pixels, off, before: probabilities, seen: [], isRunning: true, isStopped: false };
    job = mine;
    said.textContent = "";
    [progress.max, progress.value] = [places.length, 0];
    paintControls();
    await tryPlaces(network, mine, paintJob);
    if (job !== mine) return;
    if (!mine.seen.length) return leave("Stopped.");
    mine.isRunning = false;
    paintControls();
    said.textContent = outcome();
  }

  function leave(why) {
    if (!job) return;
    job.isStopped = true;
    job = null;
    said.textContent = why && `${why} Slide the square again.`;
    paintControls();
  }

  button.addEventListener("click", () => {
    if (job && job.isRunning) job.isStopped = true;
    else slide();
  });
  select.addEventListener("change", () => leave("Another square."));
  paintControls();

  return {
    element: element(
      "section",
      { "aria-labelledby": "covered" },
      element("h3", { id: "covered" }, "If a part were covered"),
      asked,
      element("div", { class: "tools" }, element("label", { for: "square" }, "Square", select), button, progress),
      views,
      ends,
      said,
    ),
    leave,
    lost: () => job && Array.from(lossSoFar()),
    show() {
      asked.replaceChildren(
        "A grey square slides over the picture. Where the map is ",
        element("span", { class: "positive" }, "orange"),
        `, covering that part makes the network less sure of ${names[about.chosen()]}: the part speaks for it. `,
        "Where it is ",
        element("span", { class: "negative" }, "blue"),
        ", the network becomes surer.",
      );
      if (job && job.isRunning) paintJob();
      else if (job) said.textContent = outcome();
    },
  };
}
