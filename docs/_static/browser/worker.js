// Python in a thread of its own, so that the page answers while a network trains. The page names a task and gets
// messages back; between a few batches and the next, others have their turn.

const TURN = 0.15; // seconds of training between two looks at the messages
const say = (what, more = {}) => postMessage({ what, ...more });
const lastLine = (error) => String(error.message ?? error).trim().split("\n").pop();

let python, trainer;
let until = 0; // the epoch at whose end training stops; 0 while there is none
let isTraining = false;

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

const tasks = {
  async load({ pyodide, wheel }) {
    say("status", { text: "Loading Python …" });
    const { loadPyodide } = await import(`${pyodide}pyodide.mjs`);
    python = await loadPyodide({ indexURL: pyodide });
    say("status", { text: "Loading NumPy …" });
    await python.loadPackage("numpy", { messageCallback: () => {} });
    say("status", { text: "Loading minidl and its pictures …" });
    python.unpackArchive(await fetched(wheel), "wheel");
    python.FS.writeFile("trainer.py", await fetched(new URL("trainer.py", import.meta.url)));
    trainer = python.pyimport("trainer").Trainer();
    say("ready", JSON.parse(trainer.begin()));
  },

  async train(order) {
    until = order.until;
    if (isTraining) return;
    isTraining = true;
    try {
      for (let epoch = 0; epoch < until; ) {
        const report = JSON.parse(trainer.advance(TURN));
        epoch = report.epoch;
        say("progress", report);
        await new Promise((resolve) => setTimeout(resolve)); // messages that have come meanwhile
      }
    } finally {
      isTraining = false;
      say("stopped");
    }
  },

  stop() {
    until = 0;
  },

  begin() {
    until = 0;
    say("begun", JSON.parse(trainer.begin()));
  },

  guess({ pixels }) {
    say("guess", { probabilities: JSON.parse(trainer.probabilities(python.toPy(pixels))) });
  },

  picture({ place }) {
    say("picture", JSON.parse(trainer.picture(place)));
  },

  save() {
    const bytes = trainer.save();
    say("saved", { bytes: bytes.toJs() });
    bytes.destroy();
  },

  open({ bytes, name }) {
    until = 0;
    say("opened", { name, ...JSON.parse(trainer.open(python.toPy(bytes))) });
  },
};

onmessage = async ({ data }) => {
  try {
    await tasks[data.task](data);
  } catch (error) {
    say("error", { task: data.task, text: lastLine(error) });
  }
};
