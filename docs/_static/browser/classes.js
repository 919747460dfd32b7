// The classes with their probabilities: a row each, with a bar.

export class Classes {
  #rows = [];
  #names = [];
  #probabilities = [];

  constructor(body) {
    this.body = body;
  }

  show(names) {
    this.#probabilities = [];
    this.body.replaceChildren();
    this.#rows = names.map(() => {
      const row = this.body.insertRow();
      const name = row.appendChild(document.createElement("th"));
      name.scope = "row";
      const cell = row.insertCell();
      const bar = cell.appendChild(document.createElement("span"));
      bar.className = "bar";
      const number = cell.appendChild(document.createElement("span"));
      number.className = "number";
      return { row, name, bar, number };
    });
    this.rename(names);
  }

  rename(names) {
    this.#names = names;
    this.#rows.forEach(({ name }, k) => (name.textContent = names[k]));
  }

  fill(probabilities) {
    if (probabilities.length !== this.#rows.length) return; // those of a model that is gone
    this.#probabilities = probabilities;
    const best = Math.max(...probabilities);
    this.#rows.forEach(({ row, bar, number }, k) => {
      bar.style.width = `${100 * probabilities[k]}%`;
      number.textContent = `${(100 * probabilities[k]).toFixed(1)} %`;
      row.dataset.probability = probabilities[k];
      row.classList.toggle("best", probabilities[k] === best);
    });
  }

  // The most probable class in words; "" before the first picture.
  get best() {
    if (!this.#probabilities.length) return "";
    const most = Math.max(...this.#probabilities);
    return `${this.#names[this.#probabilities.indexOf(most)]}, ${Math.round(100 * most)} %`;
  }
}
