// Colours of the cases: a palette for categories, a ramp for numbers, both from the page's variables.
const MOST = 8; // categories with a colour of their own; the rest share one

const pack = ([r, g, b]) => (255 << 24 | b << 16 | g << 8 | r) >>> 0; // as a little-endian pixel
const mix = (a, b, t) => a.map((v, k) => Math.round(v + (b[k] - v) * t));

function cssColours(style) {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = name => {
    probe.fillStyle = style.getPropertyValue(name).trim();
    probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const numbered = (stem, n) => Array.from({ length: n }, (_, k) => read(`--${stem}-${k + 1}`));
  return { back: read("--surface"), ink: read("--ink"), rest: read("--map-rest"),
    category: numbered("map", MOST), ramp: numbered("ramp", 5) };
}

function rampAt(ramp, t) {
  const place = Math.min(1, Math.max(0, t)) * (ramp.length - 1), k = Math.min(ramp.length - 2, Math.floor(place));
  return mix(ramp[k], ramp[k + 1], place - k);
}

// Ends of the scale: the 2nd and 98th percentile, so that one wild value does not make all others alike.
function span(values) {
  const known = values.filter(v => !Number.isNaN(v)).sort();
  if (!known.length) return [0, 1];
  const at = share => known[Math.round(share * (known.length - 1))];
  const [low, high] = [at(0.02), at(0.98)];
  return low < high ? [low, high] : [known[0], known[known.length - 1]];
}

// Slot of each level: the commonest MOST have colours, in the order of the levels; the others -1.
function slots(column) {
  const counts = new Uint32Array(column.levels.length);
  for (const code of column.codes) if (code !== MISSING) counts[code]++;
  const order = [...counts.keys()].filter(k => counts[k]);
  const common = new Set([...order].sort((a, b) => counts[b] - counts[a]).slice(0, MOST));
  let next = 0;
  return { counts, slot: Array.from(counts, (_, k) => common.has(k) && column.levels[k] !== column.none ? next++ : -1) };
}

// One colour a case, as three numbers.
function coloured(column, colours) {
  if (column.kind === "number") {
    const [low, high] = column.span ??= span(column.values);
    const steps = Array.from({ length: 256 }, (_, k) => rampAt(colours.ramp, k / 255));
    const scale = 255 / (high - low || 1);
    return i => {
      const v = column.values[i];
      return Number.isNaN(v) ? colours.rest : steps[Math.min(255, Math.max(0, Math.round((v - low) * scale)))];
    };
  }
  const { slot } = column.found ??= slots(column);
  return i => {
    const code = column.codes[i], k = code === MISSING ? -1 : slot[code];
    return k < 0 ? colours.rest : colours.category[k];
  };
}
