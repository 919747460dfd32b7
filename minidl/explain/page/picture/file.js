// A picture of the reader's as the network is given it: read as those of its training were.

const MOST_PIXELS = 2 ** 26; // as many as minidl reads

/** An error whose message is for the reader. */
class Unreadable extends Error {}

/** What is done to a picture, in a sentence. */
function readingText([channels, height, width], { is_known: isKnown, resize }) {
  const size = `${height} × ${width} pixels`;
  const ways = {
    squash: `scaled to ${size}`,
    crop: `cut to its middle, scaled to ${size}`,
    pad: `scaled and, with a border, brought to ${size}`,
  };
  const done = `${ways[resize]}${channels === 3 ? "" : ", in grey"}`;
  return isKnown
    ? `It is read as in training: ${done}.`
    : `How pictures were read for this network isn’t known: yours is ${done}.`;
}

/** The pixels (c, h, w) of a file. Raises Unreadable for what is no picture. */
async function readFile(file, input, reading) {
  let bitmap;
  try {
    // As Pillow, which minidl reads with: turned as the camera was held, without regard to profiles of colors.
    const options = { imageOrientation: "from-image", colorSpaceConversion: "none" };
    bitmap = await createImageBitmap(file, options);
  } catch {
    throw new Unreadable(
      `${file.name || "This"} isn’t a picture that this browser can read. PNG, JPEG, WebP, GIF and BMP are fine.`,
    );
  }
  return readBitmap(bitmap, input, reading);
}

/** The pixels (c, h, w) of a decoded picture, which is then closed. Raises Unreadable for one that is too large. */
function readBitmap(bitmap, input, { is_known: isKnown, resize, background }) {
  const [channels, ...size] = input;
  const [height, width] = [bitmap.height, bitmap.width];
  if (height * width > MOST_PIXELS) {
    bitmap.close();
    throw new Unreadable(`The picture has ${height} × ${width} pixels, which is too many: make it smaller first.`);
  }
  const kept = channels === 3 ? 3 : 1;
  const inChannels = kept === 3 ? withoutOpacity : greys;
  const canvas = element("canvas", { width, height: Math.min(STRIP, height) });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = background;
  const rows = (top, count) => {
    context.fillRect(0, 0, width, count); // seen where the picture is transparent
    if (top !== null) context.drawImage(bitmap, 0, -top);
    return inChannels(context.getImageData(0, 0, width, count).data);
  };
  const { box, target } = fitted([height, width], size, resize);
  let pixels;
  try {
    pixels = padded(resample(rows, [height, width, kept], box, target), target, size, rows(null, 1).subarray(0, kept));
  } finally {
    bitmap.close();
  }
  const [plane, found] = [size[0] * size[1], new Float32Array(channels * size[0] * size[1])];
  const [black, white] = isKnown ? [0, 1] : [tones.black, tones.white];
  for (let i = 0; i < found.length; i++) {
    const share = pixels[(i % plane) * kept + (kept === 3 ? Math.floor(i / plane) : 0)] / 255;
    found[i] = black + share * (white - black);
  }
  return found;
}

/** Bytes (h, w, c) in the middle of others of `size`, all of one color. */
function padded(bytes, [rows, columns], [height, width], color) {
  if (rows === height && columns === width) return bytes;
  const found = new Uint8Array(height * width * color.length);
  for (let at = 0; at < found.length; at += color.length) found.set(color, at);
  const [top, left] = [Math.floor((height - rows) / 2), Math.floor((width - columns) / 2)];
  const across = columns * color.length;
  for (let row = 0; row < rows; row++) {
    found.set(bytes.subarray(row * across, (row + 1) * across), ((top + row) * width + left) * color.length);
  }
  return found;
}

function withoutOpacity(rgba) {
  const found = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    for (let channel = 0; channel < 3; channel++) found[to++] = rgba[from + channel];
  }
  return found;
}

/** How bright each pixel is, as Pillow has it: ITU-R BT.601, in 16 bits. */
function greys(rgba) {
  const found = new Uint8Array(rgba.length / 4);
  for (let at = 0; at < found.length; at++) {
    const [red, green, blue] = [rgba[4 * at], rgba[4 * at + 1], rgba[4 * at + 2]];
    found[at] = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
  }
  return found;
}
