// The gradient of a class's score as pictures: by sign, and by size.

/** [light, strength] of a gradient (c, h, w), each (h, w): the sum of a pixel's channels, and the largest size of any. */
function overChannels(gradient, [channels, height, width]) {
  const plane = height * width;
  const [light, strength] = [new Float32Array(plane), new Float32Array(plane)];
  for (let at = 0; at < plane; at++) {
    for (let channel = 0; channel < channels; channel++) {
      const value = gradient[channel * plane + at];
      light[at] += value;
      strength[at] = Math.max(strength[at], Math.abs(value));
    }
  }
  return [light, strength];
}

/** The part of the panel that shows it. */
function gradientPart(about) {
  const { network, names } = about;
  const [channels, height, width] = network.input;
  const [picture, signed, sized] = ["the picture", "raise or lower", "how strongly"].map(captioned);
  const [asked, said] = [element("p", {}), element("p", {})];
  let scale = 0;
  const ends = legend(() => scale);

  function words(name) {
    const isOfMaps = network.shapes.at(-1).length > 1;
    return [
      "Making an ",
      element("span", { class: "positive" }, "orange"),
      ` pixel a little brighter raises the score of ${name}; making a `,
      element("span", { class: "negative" }, "blue"),
      " one brighter lowers it. This is the gradient of the score, ",
      isOfMaps ? "which is the sum of the class’s map." : "the class’s number before the softmax (its logit).",
      channels > 1 ? " A pixel’s channels are taken together." : "",
    ];
  }

  return {
    element: element(
      "section",
      { "aria-labelledby": "brighter" },
      element("h3", { id: "brighter" }, "If a pixel were brighter"),
      asked,
      element("div", { class: "views" }, picture.element, signed.element, sized.element),
      ends,
      said,
    ),
    leave() {},
    show() {
      const [light, strength] = overChannels(inputGradient(network, about.state, about.chosen()), network.input);
      const shape = [1, height, width];
      scale = magnitude(light);
      paintImage(picture.canvas, about.pixels, network.input);
      paintMap(signed.canvas, light, shape, 0, { scale });
      paintMap(sized.canvas, strength, shape, 0, { scale: magnitude(strength) });
      ends.refresh();
      asked.replaceChildren(...words(names[about.chosen()]));
      const region = strongestRegion(strength, height, width);
      said.textContent = region
        ? `Strongest ${region.words}: this ninth of the picture has ${percent(region.share)} of the whole.`
        : "No pixel changes the score by a little.";
    },
  };
}
