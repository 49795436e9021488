// Dots drawn pixel by pixel into a buffer: 50,000 take a few milliseconds, without any help of a graphics card.
function makeStamp(radius) {
  const reach = Math.ceil(radius), dx = [], dy = [], cover = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const share = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
      if (share > 0.05) { dx.push(x); dy.push(y); cover.push(Math.round(share * 256)); }
    }
  }
  return { reach, dx: Int32Array.from(dx), dy: Int32Array.from(dy), cover: Int32Array.from(cover) };
}

// A frame with a margin all around, so that no dot needs to look where the edge is.
function makeFrame(width, height, margin) {
  const image = new ImageData(width + 2 * margin, height + 2 * margin);
  return { image, pixels: new Uint32Array(image.data.buffer), wide: width + 2 * margin, width, height, margin };
}

function dot(frame, stamp, offsets, place, ink) {
  const pixels = frame.pixels, r = ink & 255, g = ink >> 8 & 255, b = ink >> 16 & 255;
  for (let k = 0; k < offsets.length; k++) {
    const at = place + offsets[k], cover = stamp.cover[k];
    if (cover === 256) { pixels[at] = ink; continue; }
    const old = pixels[at], or = old & 255, og = old >> 8 & 255, ob = old >> 16 & 255;
    pixels[at] = (255 << 24 | ob + ((b - ob) * cover >> 8) << 16 | og + ((g - og) * cover >> 8) << 8
      | or + ((r - or) * cover >> 8)) >>> 0;
  }
}

// rank (n,): 0 hidden, 1 drawn first (faint), 2 drawn above. Returns how many cases lie in the frame.
function paintDots(frame, stamp, data, grid, view, ink, rank, back, layers) {
  frame.pixels.fill(back);
  const { wide, width, height, margin } = frame, { scale, left, top } = view;
  const offsets = stamp.dx.map((x, k) => stamp.dy[k] * wide + x), edge = stamp.reach / scale;
  let seen = 0;
  for (const layer of layers) {
    visitBox(grid, left - edge, top - edge, left + width / scale + edge, top + height / scale + edge, (from, to) => {
      for (let k = from; k < to; k++) {
        const i = grid.order[k];
        if (rank[i] !== layer) continue;
        const x = Math.round((data.x[i] - left) * scale), y = Math.round((data.y[i] - top) * scale);
        if (x < -stamp.reach || y < -stamp.reach || x >= width + stamp.reach || y >= height + stamp.reach) continue;
        dot(frame, stamp, offsets, (y + margin) * wide + x + margin, ink[i]);
        seen++;
      }
    });
  }
  return seen;
}
