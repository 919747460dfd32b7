// Which maps of earlier values a map is made of.

/**
 * For each value that step `step` takes, the maps of it that go into `map`: the numbers of the first and the last. Of a
 * vector, numbers are maps.
 */
function feeds(step, map) {
  const make = FEEDS[step.kind];
  return step.sources.map((shape, which) => {
    const found = make ? make(step, map, which) : [map, map];
    return found && [within(found[0], shape[0]), within(found[1], shape[0])];
  });
}

/** The number in the middle of a map: where it comes from, the rest of the map mostly does. */
function middleOf([, height = 1, width = 1], map) {
  return (map * height + Math.floor(height / 2)) * width + Math.floor(width / 2);
}

/** The map of a source that a place lies in; nothing for a place in a border. */
function mapAt(shape, place) {
  const map = place < 0 ? null : Math.floor(place / (size(shape) / shape[0]));
  return map === null ? null : [map, map];
}

const all = (step, map, which) => [0, step.sources[which][0] - 1];

function ofGroup(step, map) {
  const first = firstChannel(step, map);
  return [first, first + step.sources[0][0] / step.groups - 1];
}

const FEEDS = {
  convolution: ofGroup,
  transposed: ofGroup,
  dense: all,
  softmax: all,
  log_softmax: all,
  product: all,
  constant: () => null,
  response: neighbours,

  flatten: (step, map) => mapAt(step.sources[0], middleOf(step.shape, map)),

  copy(step, map) {
    const plane = size(step.shape) / step.shape[0];
    let [first, last] = [Infinity, -Infinity]; // a shuffled map is made of several
    for (let i = map * plane; i < (map + 1) * plane; i++) {
      const found = mapAt(step.sources[0], placeOf(step.places, i));
      if (found) [first, last] = [Math.min(first, found[0]), Math.max(last, found[0])];
    }
    return last < 0 ? null : [first, last];
  },

  combine: (step, map, which) => mapAt(step.sources[which], placeOf(step.places[which], middleOf(step.shape, map))),

  concatenate(step, map, which) {
    const before = step.sources.slice(0, which).reduce((sum, shape) => sum + size(shape), 0);
    const place = middleOf(step.shape, map) - before;
    return place < 0 || place >= size(step.sources[which]) ? null : mapAt(step.sources[which], place);
  },

  reduce(step, map) {
    const first = placeOf(step.groups, middleOf(step.shape, map));
    const last = first + placeOf(step.within, extent(step.within) - 1);
    return [mapAt(step.sources[0], first)[0], mapAt(step.sources[0], last)[0]];
  },
};

/** The maps that go into a map of a block's last value, through all of its steps: {value, first, last} of each source. */
function blockFeeds(network, [first, last], map) {
  let range = [map, map];
  for (let i = last; i > first; i--) {
    const step = network.steps[i - 1];
    const ends = range.map((one) => feeds(step, one)[0] || [one, one]);
    range = [ends[0][0], ends[1][1]];
  }
  const step = network.steps[first - 1];
  const [low, high] = range.map((one) => feeds(step, one));
  return step.from.flatMap((value, which) =>
    low[which] && high[which] ? [{ value, first: low[which][0], last: high[which][1] }] : [],
  );
}
