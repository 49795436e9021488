// Pointer, wheel, touch and keyboard; the case that is looked at; selection, search and export.
const place = event => { const box = stage.getBoundingClientRect(); return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio]; };
const say = text => { $("map-said").textContent = text; };
const under = ([px, py], reach) => nearest(data, grid, shown, view.left + px / view.scale, view.top + py / view.scale, reach * ratio / view.scale);
const fingers = new Map();
let moved = 0, spread = 0;

stage.addEventListener("pointerdown", event => {
  if (event.button) return;
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, place(event));
  moved = 0;
  spread = 0;
  const draws = mode !== "pan" || event.shiftKey;
  path = draws && fingers.size === 1 ? [place(event)] : null;
});

stage.addEventListener("pointermove", event => {
  const now = place(event), before = fingers.get(event.pointerId);
  if (!before) return hover(now);
  moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
  fingers.set(event.pointerId, now);
  tip.hidden = true;
  if (fingers.size === 2) return pinch();
  if (!path) return pan(now[0] - before[0], now[1] - before[1]);
  const [x, y] = path[0];
  if (mode === "box") path = [[x, y], [now[0], y], now, [x, now[1]]];
  else path.push(now);
  later(false);
});

function pinch() {
  const [a, b] = [...fingers.values()], middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], wide = Math.hypot(a[0] - b[0], a[1] - b[1]);
  if (spread) { pan(middle[0] - spread[1], middle[1] - spread[2]); zoom(wide / spread[0], ...middle); }
  spread = [Math.max(1, wide), ...middle];
  path = null;
}

function lift(event) {
  if (!fingers.delete(event.pointerId)) return;
  spread = 0;
  if (event.type === "pointerup" && moved < 6 * ratio) {
    const i = under(place(event), event.pointerType === "mouse" ? 9 : 20);
    event.shiftKey && i >= 0 ? toggle(i) : show(i);
  } else if (path && path.length > 2) enclose(path, event.ctrlKey || event.metaKey);
  path = null;
  later(false);
}
stage.addEventListener("pointerup", lift);
stage.addEventListener("pointercancel", lift);
stage.addEventListener("pointerleave", () => { tip.hidden = true; });
stage.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(2 ** (-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...place(event));
}, { passive: false });
stage.addEventListener("dblclick", event => zoom(2, ...place(event)));

const KEYS = {
  ArrowLeft: () => pan(60 * ratio, 0), ArrowRight: () => pan(-60 * ratio, 0), ArrowUp: () => pan(0, 60 * ratio), ArrowDown: () => pan(0, -60 * ratio),
  "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), 0: fit, n: () => step(1), p: () => step(-1),
  " ": () => toggle(current), Enter: () => show(under([base.width / 2, base.height / 2], 4000)), Escape: () => show(-1),
};
stage.addEventListener("keydown", event => {
  const act = event.ctrlKey || event.metaKey || event.altKey ? null : KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});

// From case to case, from left to right.
let across = null;
function step(by) {
  across ??= Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => data.x[a] - data.x[b]);
  let k = current < 0 ? by > 0 ? -1 : n : across.indexOf(current);
  do k += by; while (k >= 0 && k < n && !shown[across[k]]);
  if (k >= 0 && k < n) show(across[k], true);
}

// -- the case that is looked at ---------------------------------------------------------------------
function paintPicture(canvas, i) {
  const part = picture(i);
  canvas.hidden = !data.pictures;
  if (!data.pictures) return;
  canvas.width = canvas.height = data.pictures.size;
  if (part) canvas.getContext("2d").drawImage(part.image, part.x, part.y, part.size, part.size, 0, 0, part.size, part.size);
  else setTimeout(() => { if (Number(canvas.dataset.case) === i) paintPicture(canvas, i); }, 30);
}

function hover(at) {
  const i = under(at, 9);
  tip.hidden = i < 0;
  if (i < 0) return;
  $("map-tip-id").textContent = data.ids[i];
  $("map-tip-value").textContent = `${column.name}: ${valueOf(column, i) || "unknown"}`;
  $("map-tip-picture").dataset.case = i;
  paintPicture($("map-tip-picture"), i);
  const wide = stage.clientWidth, x = at[0] / ratio, y = at[1] / ratio;
  tip.style.left = Math.min(x + 14, wide - tip.offsetWidth - 4) + "px";
  tip.style.top = (y + tip.offsetHeight + 20 > stage.clientHeight ? y - tip.offsetHeight - 12 : y + 14) + "px";
}

function show(i, centred = false) {
  current = i;
  $("map-case").hidden = i < 0;
  $("map-no-case").hidden = i >= 0;
  if (i >= 0) {
    $("map-case-id").textContent = data.ids[i];
    $("map-case-picture").dataset.case = i;
    paintPicture($("map-case-picture"), i);
    const rows = data.columns.filter(c => valueOf(c, i) !== "").map(c => pair(c.name, valueOf(c, i)));
    $("map-case-facts").replaceChildren(...rows.flat());
    $("map-case-choose").textContent = chosen[i] ? "Remove from selection" : "Add to selection";
    say(`${data.ids[i]}, ${column.name} ${valueOf(column, i) || "unknown"}${chosen[i] ? ", selected" : ""}`);
    const x = toX(i), y = toY(i), near = 20 * ratio;
    if (centred && (x < near || y < near || x > base.width - near || y > base.height - near)) look(data.x[i], data.y[i], view.scale);
  }
  later(false);
}

const make = (tag, text) => { const e = document.createElement(tag); e.textContent = text; return e; };
const pair = (name, value) => [make("dt", name), make("dd", value)];

// -- selection --------------------------------------------------------------------------------------
function inside(shape, x, y) {
  let odd = false;
  for (let k = 0, j = shape.length - 1; k < shape.length; j = k++) {
    const [ax, ay] = shape[k], [bx, by] = shape[j];
    if (ay > y !== by > y && x < (bx - ax) * (y - ay) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

function enclose(shape, adding) {
  const corners = shape.map(([x, y]) => [view.left + x / view.scale, view.top + y / view.scale]);
  const xs = corners.map(c => c[0]), ys = corners.map(c => c[1]);
  const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  if (!adding) chosen.fill(0);
  visitBox(grid, ...box, (from, to) => {
    for (let k = from; k < to; k++) {
      const i = grid.order[k];
      if (shown[i] && inside(corners, data.x[i], data.y[i])) chosen[i] = 1;
    }
  });
  selected();
}

function toggle(i) {
  if (i < 0) return;
  chosen[i] ^= 1;
  selected();
  show(i);
}

function selected() {
  const rows = chosenRows(), count = rows.length;
  $("map-count").textContent = count ? `${count} of ${n} selected` : "Nothing selected";
  for (const id of ["map-export", "map-clear"]) $(id).disabled = !count;
  $("map-list").replaceChildren(...rows.slice(0, 100).map(i => {
    const item = document.createElement("li"), button = make("button", data.ids[i]);
    button.addEventListener("click", () => show(i, true));
    item.append(button);
    return item;
  }));
  $("map-more").textContent = count > 100 ? `and ${count - 100} more, all in the file` : "";
  say($("map-count").textContent);
  recolour();
}

function chosenRows() {
  const rows = [];
  for (let i = 0; i < n; i++) if (chosen[i]) rows.push(i);
  return rows;
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", toCsv(data, chosenRows())], { type: "text/csv" }));
  link.download = "selected-cases.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// -- search -----------------------------------------------------------------------------------------
let found = { text: "", rows: [], at: -1 };
function search() {
  const text = $("map-search").value.trim().toLowerCase();
  if (!text) return;
  if (text !== found.text) {
    const rank = id => id === text ? 0 : id.startsWith(text) ? 1 : id.includes(text) ? 2 : 3;
    const ranked = data.ids.map((id, i) => [rank(id.toLowerCase()), i]).filter(([r]) => r < 3).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    found = { text, rows: ranked.map(r => r[1]), at: -1 };
  }
  if (!found.rows.length) return say(`No case is called ${text}.`);
  found.at = (found.at + 1) % found.rows.length;
  show(found.rows[found.at], true);
  say(`${data.ids[current]}: ${found.at + 1} of ${found.rows.length} found`);
}
