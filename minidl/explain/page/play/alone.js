// The convolution to play with, on a page of its own.

readPalette(JSON.parse(document.getElementById("data").textContent).colors);
const play = makePlay();
document.getElementById("alone").append(play.element);
darkness.addEventListener("change", play.redraw);
