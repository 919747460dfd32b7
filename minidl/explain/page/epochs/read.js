// What was kept of the network as it learned: numbers of 8 bits, decoded when they're asked for.

const LEVELS = 127; // of a number of 8 bits, to both sides of zero

/** The snapshots of a training, by their place among those kept, and its pictures by theirs. */
function readEpochs(kept) {
  const { numbers, logs, labels, filters, layers, shown } = kept;
  const pictureSize = kept.pictures.shape.reduce((product, size) => product * size);
  const pictures = bytes(kept.pictures.data);
  const count = pictures.length / pictureSize;
  const shares = floats(kept.probabilities);
  const each = shares.length / numbers.length / count;
  const classes = kept.classes && new Uint32Array(bytes(kept.classes).buffer);
  const decoded = new Map();
  const eightBits = (text) => {
    if (!decoded.has(text)) decoded.set(text, new Int8Array(bytes(text).buffer));
    return decoded.get(text);
  };
  /** Part `at` of the numbers, times its unit, and the largest magnitude that it can have. */
  const part = (text, units, at) => {
    const [all, scales] = [eightBits(text), floats(units)];
    const size = all.length / scales.length;
    const values = Float32Array.from(all.subarray(at * size, (at + 1) * size), (number) => number * scales[at]);
    return { values, scale: LEVELS * scales[at] };
  };
  return {
    ...{ numbers, logs, labels, filters, layers, count },
    begin: shown === null ? numbers.length - 1 : shown,
    isOfPage: shown !== null,
    /** A picture as numbers of the page's images, whatever is black and white there. */
    picture(i) {
      const values = pictures.subarray(i * pictureSize, (i + 1) * pictureSize);
      return Float32Array.from(values, (value) => tones.black + (value / 255) * (tones.white - tones.black));
    },
    /** [class, probability] of a picture: of all classes in their order, or of the likeliest. */
    shares(epoch, picture) {
      const start = (epoch * count + picture) * each;
      const found = Array.from(shares.subarray(start, start + each));
      return found.map((share, i) => [classes ? classes[start + i] : i, share]);
    },
    /** The filters in an epoch; their scale is that of all epochs, so that one sees them grow. */
    filtersIn: (epoch) => ({
      values: part(filters.weights, filters.units, epoch).values,
      scale: LEVELS * Math.max(...floats(filters.units)),
    }),
    /** A layer's maps of a picture, with a scale of their own. */
    mapsIn: (layer, epoch, picture) => part(layer.maps, layer.units, epoch * count + picture),
  };
}

/** The likeliest of [class, probability]; null where they aren't numbers. */
function likeliest(shares) {
  const best = shares.reduce((most, one) => (one[1] > most[1] ? one : most));
  return Number.isNaN(best[1]) ? null : best;
}

/** "After epoch 3 of 10", or where it's short without the last part; of what was kept at first, "Before training". */
function epochText({ numbers }, epoch, isShort = false) {
  if (numbers[epoch] === 0) return "Before training";
  return `After epoch ${numbers[epoch]}${isShort ? "" : ` of ${numbers.at(-1)}`}`;
}

/** What was logged of an epoch, in words; `isShort` has the loss and the accuracy of the validation, or else training. */
function logText({ logs }, epoch, isShort = false) {
  const all = Object.entries(logs[epoch]).filter(([name]) => name !== "lr");
  const amount = ([name, value]) => {
    const text = value === null ? "not a number" : name.endsWith("accuracy") ? percent(value) : figure(value, 3);
    return `${name.replaceAll("_", " ")} ${text}`.replaceAll(" ", "\u00a0");
  };
  const held = all.filter(([name]) => name.startsWith("val_")).map(([name, value]) => [name.slice(4), value]);
  const own = all.filter(([name]) => !name.startsWith("val_"));
  const list = (part) => part.map(amount).join(", ");
  if (isShort) return list(held.length ? held : own);
  const sentences = [];
  if (own.length) sentences.push(`Training images: ${list(own)}.`);
  if (held.length) sentences.push(`Validation images: ${list(held)}.`);
  return sentences.join(" ") || "Its weights are still the initial ones.";
}
