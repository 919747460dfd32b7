// Pictures of the reader's own: files that are chosen, dropped anywhere or pasted, and the camera's.

Object.assign(ICONS, {
  file: "M3 1h6l4 4v10H3zM8.5 2.5V5.5h3z",
  camera: "M5.5 3l1-1.5h3l1 1.5H14v10H2V3zM8 5.3a2.6 2.6 0 100 5.2 2.6 2.6 0 000-5.2z",
});

/**
 * {element, name(pixels)}: the board is given what comes in, and `name` is that of the file which pixels come from, or
 * null. What can't be read changes nothing, and it's said why.
 */
function makeOwn(input, reading, board) {
  const said = element("p", { class: "note told-own", role: "status" });
  const say = (text) => (said.textContent = text);
  const chooser = element("input", { type: "file", accept: "image/*", hidden: true, "aria-label": "A picture’s file" });
  const choose = element("button", { type: "button", onclick: () => chooser.click() }, icon("file"), "Your picture");
  const camera = makeCamera((bitmap) => take(() => readBitmap(bitmap, input, reading), "The camera’s picture"), say);
  let [tried, named, own] = [0, null, null];

  /** Show what `read` gives, unless another picture came in while it was at work. */
  async function take(read, name) {
    const turn = ++tried;
    say("");
    try {
      const pixels = await read();
      if (turn !== tried) return;
      [named, own] = [name, pixels];
      board.set(pixels);
      say(`${name || "Your picture"} is shown.`);
    } catch (error) {
      const why = error instanceof Unreadable ? error.message : `${name || "The picture"} can’t be read: ${error.message}`;
      if (turn === tried) say(why);
    }
  }

  /** The first of these files; without any, `none` is said. */
  function takeFirst(files, none) {
    if (!files.length) return void (none && say(none));
    const file = [...files].find(({ type }) => type.startsWith("image/")) || files[0];
    take(() => readFile(file, input, reading), file.name);
  }

  chooser.addEventListener("change", () => {
    takeFirst(chooser.files);
    chooser.value = ""; // so that the same file can be chosen again
  });

  const hasFiles = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
  const point = (isOver) => document.body.classList.toggle("dropping", isOver);
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    point(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || point(false));
  addEventListener("drop", (event) => {
    point(false);
    if (!hasFiles(event)) return;
    event.preventDefault(); // else the browser leaves the page for the file
    takeFirst(event.dataTransfer.files, "There was no file in what you dropped.");
  });
  addEventListener("paste", (event) => {
    const files = event.clipboardData ? event.clipboardData.files : [];
    const isText = event.target.matches && event.target.matches("input, textarea, [contenteditable]");
    if (files.length) event.preventDefault();
    takeFirst(files, isText ? null : "There is no picture in the clipboard. Copy one, and paste it here.");
  });

  return {
    element: element(
      "div",
      { class: "own" },
      element("div", { class: "tools" }, choose, chooser, camera.button),
      camera.element,
      element("p", { class: "note" }, `Or drop or paste one anywhere: it stays on this computer. ${readingText(input, reading)}`),
      said,
    ),
    name: (pixels) => (own && own.every((value, i) => value === pixels[i]) ? named : null),
  };
}
