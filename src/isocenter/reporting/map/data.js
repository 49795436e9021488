// What the page holds, decoded: places of the cases, columns, pictures, and a grid to find cases by place.
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const floats = text => new Float32Array(bytes(text).buffer);
const codes = text => new Uint16Array(bytes(text).buffer);

const MISSING = 65535;
const CELLS = 128; // a side of the grid

function readData(element) {
  const data = JSON.parse(element.textContent);
  data.x = floats(data.x);
  data.y = floats(data.y);
  for (const column of data.columns) {
    if (column.kind === "number") column.values = floats(column.values);
    else column.codes = codes(column.codes);
  }
  return data;
}

// Cases by cell: those of cell c are order[start[c]] to order[start[c + 1] - 1]. Places lie within 0..1.
function makeGrid(x, y) {
  const n = x.length, start = new Uint32Array(CELLS * CELLS + 1), cell = new Uint16Array(n), order = new Uint32Array(n);
  const at = v => Math.min(CELLS - 1, Math.max(0, Math.floor(v * CELLS)));
  for (let i = 0; i < n; i++) {
    cell[i] = at(y[i]) * CELLS + at(x[i]);
    start[cell[i] + 1]++;
  }
  for (let c = 0; c < CELLS * CELLS; c++) start[c + 1] += start[c];
  const next = start.slice();
  for (let i = 0; i < n; i++) order[next[cell[i]]++] = i;
  return { start, order, at };
}

// Calls visit(start, end) for every run of cases whose cell touches the box.
function visitBox(grid, left, top, right, bottom, visit) {
  const first = grid.at(left), last = grid.at(right);
  for (let row = grid.at(top); row <= grid.at(bottom); row++) {
    const from = grid.start[row * CELLS + first], to = grid.start[row * CELLS + last + 1];
    if (to > from) visit(from, to);
  }
}

function nearest(data, grid, shown, x, y, reach) {
  let best = -1, least = reach * reach;
  visitBox(grid, x - reach, y - reach, x + reach, y + reach, (from, to) => {
    for (let k = from; k < to; k++) {
      const i = grid.order[k], dx = data.x[i] - x, dy = data.y[i] - y, d = dx * dx + dy * dy;
      if (shown[i] && d <= least) { least = d; best = i; }
    }
  });
  return best;
}

// Sheets of pictures are decoded when one of theirs is first looked at; the last few are kept.
function makePictures(pictures, ready) {
  const kept = new Map();
  return function picture(i) {
    if (!pictures) return null;
    const sheet = Math.floor(i / pictures.per), k = i % pictures.per;
    let image = kept.get(sheet);
    if (!image) {
      image = new Image();
      image.onload = ready;
      image.src = "data:image/jpeg;base64," + pictures.sheets[sheet];
      if (kept.size >= 48) kept.delete(kept.keys().next().value);
      kept.set(sheet, image);
    }
    const size = pictures.size;
    const column = k % pictures.across, row = Math.floor(k / pictures.across);
    return image.complete ? { image, x: column * size, y: row * size, size } : null;
  };
}

function valueOf(column, i) {
  if (column.kind === "number") {
    const v = column.values[i];
    return Number.isNaN(v) ? "" : String(Number(v.toPrecision(6)));
  }
  return column.codes[i] === MISSING ? "" : column.levels[column.codes[i]];
}

// A cell that a spreadsheet would run as a formula gets an apostrophe in front.
function csvCell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.]+(e[+-]?\d+)?$/i.test(text) ? "'" + text : text;
  return /[",\n\r]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
}

function toCsv(data, rows) {
  const lines = [["case_id", ...data.columns.map(c => c.name)].map(csvCell).join(",")];
  for (const i of rows) lines.push([data.ids[i], ...data.columns.map(c => valueOf(c, i))].map(csvCell).join(","));
  return lines.join("\r\n") + "\r\n";
}
