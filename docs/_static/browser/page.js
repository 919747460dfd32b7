// The page: hands tasks to the worker, which has Python, and shows what it answers.

import { Board } from "./board.js";
import { Classes } from "./classes.js";
import { Curve } from "./curve.js";

const part = (name) => document.getElementById(`lab-${name}`);
const lab = document.getElementById("lab");
const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const ask = (task, more = {}) => worker.postMessage({ task, ...more });
const percent = (share) => `${Math.round(100 * share)} %`;

const curves = [
  new Curve(part("loss"), { name: "loss", ticks: [0, 0.5, 1, 1.5, 2, 2.5], show: (value) => value.toFixed(2).replace(/0$/, "") }),
  new Curve(part("accuracy"), { name: "accuracy", ticks: [0, 0.25, 0.5, 0.75, 1], show: percent }),
];
const classes = new Classes(part("classes"));
const noEpochs = part("epoch-rows").rows[0];
const state = { isReady: false, isTraining: false, epoch: 0, until: 0, isGuessing: false, mustGuess: false, mustSay: false, about: "" };

const status = (text) => (part("status").textContent = text);
const said = (text) => (part("said").textContent = text);

const board = new Board(part("board"), { changed: guess, ended: sayGuess, said });

// One picture is looked at at a time: while it is, the board may change often.
function guess() {
  if (!state.isReady) return;
  state.mustGuess = state.isGuessing;
  if (state.isGuessing) return;
  state.isGuessing = true;
  ask("guess", { pixels: board.pixels });
}

// What is said of a picture is said once it has been looked at, not at each touch of the pen.
function sayGuess(about = "") {
  Object.assign(state, { about, mustSay: true });
  if (about) said(about);
  if (!state.isGuessing) tellGuess();
}

function tellGuess() {
  if (!state.mustSay || !classes.best) return;
  state.mustSay = false;
  said(`${state.about} The model says ${classes.best}.`.trim());
}

function guessAgain() {
  guess();
  state.mustSay = part("said").textContent !== "";
}

function controls() {
  const { isReady, isTraining, epoch, until } = state;
  const isHalfway = epoch < until;
  for (const name of ["epochs", "train", "begin", "picture", "save", "open"]) part(name).disabled = !isReady;
  part("train").textContent = isTraining ? "Stop" : isHalfway ? "Resume" : "Train";
  part("now").textContent = `Epoch ${epoch.toFixed(2)} of ${Math.max(until, 1)}`;
}

function fresh(names) {
  Object.assign(state, { epoch: 0, until: 0 });
  for (const curve of curves) curve.clear();
  part("epoch-rows").replaceChildren(noEpochs.cloneNode(true));
  classes.show(names);
  controls();
  guessAgain();
}

function row(report) {
  const { loss, test, epoch } = report;
  const cells = [epoch, loss.toFixed(3), test.loss.toFixed(3), `${(100 * test.accuracy).toFixed(1)} %`];
  if (epoch === 1) part("epoch-rows").replaceChildren();
  const line = part("epoch-rows").insertRow();
  for (const text of cells) line.insertCell().textContent = text;
}

const answers = {
  status: ({ text }) => status(text),
  ready({ names }) {
    state.isReady = true;
    status("Ready. The model is untrained: its weights are random, and so is what it says.");
    fresh(names);
    part("load").hidden = true;
    if (document.activeElement === document.body) part("train").focus(); // where the button that is gone would have led
  },
  begun({ names }) {
    status("A new model, untrained.");
    fresh(names);
  },
  opened({ names, name }) {
    status(`${name}: a model of ${names.length} classes.`);
    fresh(names);
  },
  progress(report) {
    state.epoch = report.epoch;
    classes.rename(report.names);
    for (const curve of curves) curve.add(report);
    if (report.test) {
      row(report);
      status(`Epoch ${report.epoch}: ${percent(report.test.accuracy)} of the test pictures are right.`);
      guessAgain();
    }
    controls();
  },
  stopped() {
    state.isTraining = false;
    controls();
    guessAgain();
  },
  guess({ probabilities }) {
    state.isGuessing = false;
    classes.fill(probabilities);
    if (state.mustGuess) guess();
    else tellGuess();
  },
  picture({ place, pixels, name }) {
    board.show(pixels);
    sayGuess(`Test picture ${place}: ${name}.`);
  },
  saved({ bytes }) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
    link.download = "lenet.npz";
    link.click();
    URL.revokeObjectURL(link.href);
    status("lenet.npz is among your downloads: minidl.load reads it.");
  },
  error({ task, text }) {
    status(`That didn't work: ${text}`);
    state.isGuessing = false;
    if (task === "load") part("load").disabled = false;
  },
};

worker.onmessage = ({ data }) => answers[data.what](data);
worker.onerror = (event) => status(`The page's worker can't run: ${event.message}`);

part("load").addEventListener("click", () => {
  part("load").disabled = true;
  const [pyodide, wheel] = [lab.dataset.pyodide, lab.dataset.wheel].map((url) => new URL(url, document.baseURI).href);
  ask("load", { pyodide, wheel });
});
part("train").addEventListener("click", () => {
  if (state.isTraining) return ask("stop");
  if (state.epoch >= state.until) state.until = state.epoch + Math.max(Math.round(part("epochs").value) || 1, 1);
  state.isTraining = true;
  for (const curve of curves) curve.draw(state.until);
  status("Training.");
  controls();
  ask("train", { until: state.until });
});
part("begin").addEventListener("click", () => ask("begin"));
part("pen").addEventListener("input", () => (board.radius = part("pen").value - 0.5));
part("eraser").addEventListener("change", () => (board.erases = part("eraser").checked));
part("clear").addEventListener("click", () => board.clear());
part("picture").addEventListener("click", () => ask("picture", { place: Math.floor(Math.random() * 5000) }));
part("save").addEventListener("click", () => ask("save"));
part("open").addEventListener("change", async () => {
  const [file] = part("open").files;
  if (file) ask("open", { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
  part("open").value = "";
});

part("load").disabled = false;
status("Loading takes about 20 MB from the network, once: Python, NumPy, and minidl with its pictures.");
