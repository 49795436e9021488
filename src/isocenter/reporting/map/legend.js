// The legend, the tools above the map, and the beginning.
function legend() {
  const box = $("map-legend");
  box.replaceChildren();
  if (column.kind === "number") {
    coloured(column, colours);
    const bar = document.createElement("div"), stops = colours.ramp.map(css).join(",");
    bar.className = "ramp";
    bar.style.background = `linear-gradient(90deg, ${stops})`;
    const ends = document.createElement("div"), [low, high] = column.span;
    ends.className = "ends";
    ends.append(make("span", `≤ ${Number(low.toPrecision(4))}`), make("span", `≥ ${Number(high.toPrecision(4))}`));
    box.append(bar, ends);
    return;
  }
  const { counts, slot } = column.found ??= slots(column), list = document.createElement("ul");
  const coded = [...counts.keys()].filter(k => counts[k]).sort((a, b) => (slot[a] < 0) - (slot[b] < 0) || slot[a] - slot[b] || counts[b] - counts[a]);
  const known = counts.reduce((a, b) => a + b, 0);
  for (const k of coded.slice(0, 40)) list.append(entry(column.levels[k], counts[k], slot[k], k));
  if (known < n) list.append(entry("unknown", n - known, -1, MISSING));
  box.append(list);
  if (coded.length > 40) box.append(make("p", `and ${coded.length - 40} more`));
}

function entry(name, count, slot, code) {
  const item = document.createElement("li"), button = document.createElement("button"), key = document.createElement("i");
  key.style.background = css(slot < 0 ? colours.rest : colours.category[slot]);
  const label = make("bdi", name);
  button.append(key, label, make("span", String(count)));
  button.title = "Show or hide";
  button.setAttribute("aria-pressed", String(!hidden.has(code)));
  button.addEventListener("click", () => {
    hidden.has(code) ? hidden.delete(code) : hidden.add(code);
    button.setAttribute("aria-pressed", String(!hidden.has(code)));
    recolour();
  });
  item.append(button);
  return item;
}

function choose(k) {
  column = data.columns[k];
  hidden = new Set();
  legend();
  recolour();
}

data.columns.forEach((one, k) => { const option = make("option", one.name); option.value = k; $("map-colour").append(option); });
column = data.columns[0];
colours = cssColours(getComputedStyle(stage));
$("map-colour").addEventListener("change", event => choose(Number(event.target.value)));
for (const button of document.querySelectorAll("[data-mode]")) {
  button.addEventListener("click", () => {
    mode = button.dataset.mode;
    for (const one of document.querySelectorAll("[data-mode]")) one.setAttribute("aria-pressed", String(one === button));
    stage.dataset.mode = mode;
  });
}
$("map-in").addEventListener("click", () => zoom(1.5));
$("map-out").addEventListener("click", () => zoom(1 / 1.5));
$("map-fit").addEventListener("click", fit);
$("map-export").addEventListener("click", save);
$("map-clear").addEventListener("click", () => { chosen.fill(0); selected(); });
$("map-case-choose").addEventListener("click", () => toggle(current));
$("map-find").addEventListener("submit", event => { event.preventDefault(); search(); });
$("map-pictures").addEventListener("change", () => later(false));
$("map-pictures").parentElement.hidden = !data.pictures;
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
new ResizeObserver(resize).observe(stage);
resize();
restyle();
selected();
// For measuring and testing.
stage.isocenter = { data, view, chosen, pan, zoom, fit, show, csv: () => toCsv(data, chosenRows()), spent: () => spent, seen: () => seen, current: () => current, at: i => [toX(i) / ratio, toY(i) / ratio] };
