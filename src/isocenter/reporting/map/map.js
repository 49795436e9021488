// The map: what is seen of it, what is selected, and what hands do to it.
const data = readData(document.getElementById("map-data"));
const grid = makeGrid(data.x, data.y), n = data.ids.length;
const $ = id => document.getElementById(id);
const stage = $("map-stage"), base = $("map-dots"), over = $("map-over"), tip = $("map-tip");
const plain = base.getContext("2d", { alpha: false }), upper = over.getContext("2d");
const view = { scale: 1, left: 0, top: 0 }; // pixels of the device a unit; what lies at the upper left corner
const chosen = new Uint8Array(n), shown = new Uint8Array(n).fill(1), rank = new Uint8Array(n), ink = new Uint32Array(n);
const picture = makePictures(data.pictures, () => later(false));
const MANY = 160; // cases in view up to which pictures are drawn
const drawing = { dots: true, asked: false };
let colours, column, frame, stamp, fitted = 1, ratio = 1, seen = n, current = -1, mode = "pan", path = null, hidden = new Set();
let spent = 0; // milliseconds of the last frame

function later(dots = true) {
  drawing.dots ||= dots;
  if (!drawing.asked) { drawing.asked = true; requestAnimationFrame(draw); }
}

function draw() {
  const began = performance.now();
  drawing.asked = false;
  if (drawing.dots) {
    const zoom = Math.log2(Math.max(1, view.scale / fitted)), small = n > 20000 ? 1.5 : n > 4000 ? 2.1 : n > 600 ? 3 : 4.5;
    const radius = Math.min(7, small + 0.55 * zoom) * ratio;
    if (!stamp || stamp.radius !== radius) stamp = { ...makeStamp(radius), radius };
    const layers = rank.includes(1) ? [1, 2] : [2];
    seen = paintDots(frame, stamp, data, grid, view, ink, rank, pack(colours.back), layers);
    plain.putImageData(frame.image, -frame.margin, -frame.margin);
    drawing.dots = false;
  }
  drawOver();
  spent = performance.now() - began;
}

const toX = i => (data.x[i] - view.left) * view.scale, toY = i => (data.y[i] - view.top) * view.scale;
const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

function drawOver() {
  upper.clearRect(0, 0, over.width, over.height);
  if (data.pictures && $("map-pictures").checked && seen <= MANY) drawPictures();
  if (current >= 0) ring(current, 3);
  if (path) {
    upper.beginPath();
    path.forEach(([x, y], k) => k ? upper.lineTo(x, y) : upper.moveTo(x, y));
    upper.closePath();
    upper.lineWidth = 1.5 * ratio;
    upper.strokeStyle = css(colours.ink);
    upper.setLineDash([5 * ratio, 4 * ratio]);
    upper.stroke();
    upper.setLineDash([]);
    upper.globalAlpha = 0.08;
    upper.fillStyle = css(colours.ink);
    upper.fill();
    upper.globalAlpha = 1;
  }
}

const pictureSize = () => Math.min(data.pictures.size, 64) * ratio;

function drawPictures() {
  const size = pictureSize(), of = coloured(column, colours);
  visitBox(grid, view.left, view.top, view.left + over.width / view.scale, view.top + over.height / view.scale, (from, to) => {
    for (let k = from; k < to; k++) {
      const i = grid.order[k], part = rank[i] && picture(i);
      if (!part) continue;
      const x = toX(i) - size / 2, y = toY(i) - size / 2, rim = 2 * ratio;
      upper.fillStyle = css(of(i));
      upper.fillRect(x - rim, y - rim, size + 2 * rim, size + 2 * rim);
      upper.drawImage(part.image, part.x, part.y, part.size, part.size, x, y, size, size);
    }
  });
}

function ring(i, width) {
  upper.beginPath();
  upper.arc(toX(i), toY(i), stamp.radius + 3 * ratio, 0, 7);
  upper.lineWidth = width * ratio;
  upper.strokeStyle = css(colours.back);
  upper.stroke();
  upper.lineWidth = (width - 1) * ratio;
  upper.strokeStyle = css(colours.ink);
  upper.stroke();
}

// -- colours and what is shown ----------------------------------------------------------------------
function recolour() {
  const of = coloured(column, colours), any = chosen.includes(1);
  for (let i = 0; i < n; i++) {
    const faint = any && !chosen[i];
    shown[i] = column.kind === "category" && hidden.has(column.codes[i]) ? 0 : 1;
    rank[i] = shown[i] ? faint ? 1 : 2 : 0;
    ink[i] = pack(faint ? mix(of(i), colours.back, 0.78) : of(i));
  }
  later();
}

function restyle() {
  colours = cssColours(getComputedStyle(stage));
  legend();
  recolour();
}

// -- what is seen -----------------------------------------------------------------------------------
function whole() { // the scale at which all is seen, pictures at the border too where they are drawn
  const side = Math.min(base.width, base.height), beside = data.pictures && n <= MANY ? pictureSize() + 4 * ratio : 0;
  return Math.max(0.5 * side, Math.min(0.92 * side, side - beside));
}

function fit() {
  fitted = whole();
  look(0.5, 0.5, fitted);
}

function look(x, y, scale) {
  view.scale = scale;
  view.left = x - base.width / 2 / scale;
  view.top = y - base.height / 2 / scale;
  later();
}

function zoom(factor, px = base.width / 2, py = base.height / 2) {
  const scale = Math.min(fitted * 4000, Math.max(fitted / 3, view.scale * factor));
  view.left += px / view.scale - px / scale;
  view.top += py / view.scale - py / scale;
  view.scale = scale;
  later();
}

function pan(dx, dy) {
  view.left -= dx / view.scale;
  view.top -= dy / view.scale;
  later();
}

function resize() {
  const box = stage.getBoundingClientRect(), before = [view.left + base.width / 2 / view.scale, view.top + base.height / 2 / view.scale];
  const first = !frame, zoomed = view.scale / fitted;
  ratio = Math.min(n > 20000 ? 1.5 : 2, devicePixelRatio || 1); // finer dots would cost frames where they are many
  for (const canvas of [base, over]) {
    canvas.width = Math.max(1, Math.round(box.width * ratio));
    canvas.height = Math.max(1, Math.round(box.height * ratio));
  }
  frame = makeFrame(base.width, base.height, Math.ceil(8 * ratio) * 2);
  if (first) return fit();
  fitted = whole();
  look(...before, fitted * zoomed);
}
