// Where an overview's blocks lie: from left to right in rows, each a column of the maps that it gives, arcs above them.

const [LEAST_PITCH, MOST_PITCH, LEAST_MAPS] = [24, 96, 3];
const [LANE, NAME_LENGTH] = [5, 74]; // pixels between arcs; the length of a name that's written downwards
const WIDE = 64; // a pitch that has room for a name that's written across
const MOST_MAPS = 16;

/**
 * The plan of `blocks` in a width, in pixels, and a height if there's room enough: {width, height, places}. A place has
 * its row's `top`, the `x`, `y`, `width` and `height` of its first map, the `pace` from one map to the next, how many
 * are `shown`, and `isVector`.
 */
function planOf(network, blocks, width, height, isMini) {
  const least = isMini ? 7 : LEAST_PITCH;
  const rows = Math.ceil(blocks.length / Math.max(1, Math.floor(width / least)));
  const each = Math.ceil(blocks.length / rows);
  const pitch = Math.min(width / each, MOST_PITCH);
  const below = isMini ? 4 : pitch > WIDE ? 24 : NAME_LENGTH;
  const above = (isMini ? 2 : LANE) * (1 + Math.max(0, ...blocks.map((block) => block.lane)));
  const tall = Math.max(height / rows, above + below + LEAST_MAPS * Math.min(pitch, isMini ? 8 : 30));
  const room = tall - above - below;
  const widest = Math.max(pitch - Math.max(pitch * 0.25, isMini ? 2 : 7), 3);
  const places = blocks.map(({ steps }, i) => {
    const shape = network.shapes[steps[1]];
    const top = Math.floor(i / each) * tall;
    const left = (i % each) * pitch;
    if (shape.length === 1) {
      const [thick, long] = [Math.min(widest, Math.max(4, pitch * 0.3)), Math.min(room, shape[0] * 14)];
      const place = { x: left + (pitch - thick) / 2, width: thick, height: long / shape[0], pace: long / shape[0] };
      return { ...place, top, y: top + above + (room - long) / 2, shown: shape[0], isVector: true, left, pitch };
    }
    // Smaller maps are drawn smaller, though not by as much as they are.
    const share = Math.max(0.5, Math.min(1, Math.sqrt(shape[2] / network.input[2])));
    const across = Math.max(3, Math.min(widest, room) * share);
    const down = Math.min(room, Math.max(2, (across * shape[1]) / shape[2]));
    const gap = Math.max(1, Math.min(3, down / 6));
    const maps = i === 0 && shape[0] === 3 ? 1 : shape[0];
    const shown = Math.max(1, Math.min(maps, MOST_MAPS, Math.floor((room + gap) / (down + gap))));
    const y = top + above + (room - shown * (down + gap) + gap) / 2;
    return { x: left + (pitch - across) / 2, y, width: across, height: down, pace: down + gap, shown, top, left, pitch };
  });
  return { width, height: rows * tall, rows, each, pitch, tall, above, room, places };
}

/** The block and the map of it that lie at a point of the plan; the map is -1 beside them. */
function atPoint(plan, x, y) {
  const row = Math.floor(y / plan.tall);
  const column = Math.floor(x / plan.pitch);
  const block = row * plan.each + column;
  if (row < 0 || column < 0 || column >= plan.each || block >= plan.places.length) return null;
  const place = plan.places[block];
  const map = Math.floor((y - place.y) / place.pace);
  const isOver = x >= place.x - 3 && x <= place.x + place.width + 3 && map >= 0 && map < place.shown;
  return { block, map: isOver ? map : -1 };
}

/** The line that leads from a block to a later one, as a path's points: straight to the next, else by an arc above. */
function routeOf(plan, source, target, lane, isMini) {
  const [from, to] = [plan.places[source], plan.places[target]];
  const middle = (place) => place.top + plan.above + plan.room / 2;
  const end = (place) => place.x - 1;
  if (target === source + 1) {
    const begin = from.x + from.width + 1;
    if (from.top === to.top) return `M${begin} ${middle(from)}H${end(to)}`;
    return `M${begin} ${middle(from)}H${plan.each * plan.pitch}M${to.left} ${middle(to)}H${end(to)}`;
  }
  const height = (place) => place.top + plan.above - lane * (isMini ? 2 : LANE);
  const [begin, stop] = [from.x + from.width * 0.7, to.x + to.width * 0.3];
  let path = `M${begin} ${from.y - 1}V${height(from)}`;
  if (from.top !== to.top) {
    path += `H${plan.each * plan.pitch}`;
    for (let top = from.top + plan.tall; top < to.top - 1; top += plan.tall) {
      path += `M0 ${height({ top })}H${plan.each * plan.pitch}`;
    }
    path += `M0 ${height(to)}`;
  }
  return `${path}H${stop}V${to.y - 1}`;
}
