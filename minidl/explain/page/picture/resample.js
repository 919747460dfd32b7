// A picture in another size, bilinear and antialiased: the bytes of Pillow's `resize`, which pictures are trained with.

const WEIGHT_BITS = 22; // as many as leave room for a byte in 30 bits
const STRIP = 256; // rows that are read at once, as a photo as a whole takes much memory

/**
 * Resample bytes (height, width, channels), rows of which `read(top, count)` gives, to (rows, columns, channels); `box` is
 * the part [left, top, right, bottom] that is shown. Each pixel is a weighted mean of those that it stands for, first
 * along rows and then, rounded to bytes, along columns: Pillow, src/libImaging/Resample.c. From 13 on, that begins with
 * columns where the height shrinks by more than twice what the width does: then bytes differ by 1.
 */
function resample(read, [height, width, channels], box, [rows, columns]) {
  const [left, top, right, bottom] = box.map(Math.fround); // as Pillow has them
  const across = left === 0 && right === width && columns === width ? null : triangles(width, left, right, columns);
  const narrow = new Uint8Array(height * columns * channels);
  for (let y = 0; y < height; y += STRIP) {
    const count = Math.min(STRIP, height - y);
    const strip = read(y, count);
    narrow.set(across ? weighed(strip, count, width, channels, across) : strip, y * columns * channels);
  }
  if (top === 0 && bottom === height && rows === height) return narrow;
  return weighed(narrow, 1, height, columns * channels, triangles(height, top, bottom, rows));
}

/** Of each of `count` places between `start` and `end`: the first of the `length` pixels it stands for, and weights. */
function triangles(length, start, end, count) {
  const pace = Math.fround(end - start) / count;
  const reach = Math.max(pace, 1);
  return Array.from({ length: count }, (_, i) => {
    const center = start + (i + 0.5) * pace;
    const first = Math.max(Math.trunc(center - reach + 0.5), 0);
    const beyond = Math.min(Math.trunc(center + reach + 0.5), length);
    const heights = Array.from({ length: beyond - first }, (_, j) =>
      Math.max(1 - Math.abs((first + j - center + 0.5) * (1 / reach)), 0),
    );
    const sum = total(heights);
    return { first, weights: heights.map((one) => Math.trunc(0.5 + (one / sum) * 2 ** WEIGHT_BITS)) };
  });
}

/** Weighted means along the middle axis of bytes (outer, length, inner). */
function weighed(bytes, outer, length, inner, windows) {
  const found = new Uint8Array(outer * windows.length * inner);
  let to = 0;
  for (let one = 0; one < outer; one++) {
    for (const { first, weights } of windows) {
      const start = (one * length + first) * inner;
      for (let i = 0; i < inner; i++) {
        let sum = 2 ** (WEIGHT_BITS - 1);
        for (let k = 0, at = start + i; k < weights.length; k++, at += inner) sum += bytes[at] * weights[k];
        found[to++] = sum >> WEIGHT_BITS;
      }
    }
  }
  return found;
}

/** The part of a picture (height, width) that is shown, and the size in which, where it's to have `size` in the end. */
function fitted([height, width], size, way) {
  const whole = [0, 0, width, height];
  const shares = [size[0] / height, size[1] / width];
  if (way === "pad") {
    const scale = Math.min(...shares);
    return { box: whole, target: [height, width].map((length) => Math.max(roundedToEven(length * scale), 1)) };
  }
  if (way === "squash") return { box: whole, target: size };
  const scale = Math.min(height / size[0], width / size[1]);
  const [top, left] = [Math.max(height - size[0] * scale, 0) / 2, Math.max(width - size[1] * scale, 0) / 2];
  return { box: [left, top, width - left, height - top], target: size };
}

/** The nearest whole number, and of two the even one, as Python rounds. */
function roundedToEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}
