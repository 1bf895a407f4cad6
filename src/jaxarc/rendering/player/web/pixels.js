// Frames, stacks of frames, heat maps and planes: bytes that go to the canvas as they are.

class PixelsPicture {
  constructor(leaf) {
    this.leaf = leaf;
    this.across = leaf.tiles <= 3 ? leaf.tiles : Math.ceil(Math.sqrt(leaf.tiles));
    this.down = Math.ceil(leaf.tiles / this.across);
    // Small tiles are enlarged before they are put beside each other, so that the gap is not as wide as a cell.
    this.zoom = leaf.tiles > 1 ? Math.max(1, Math.round(96 / Math.max(leaf.columns, leaf.rows))) : 1;
    this.gap = leaf.tiles > 1 ? Math.max(2, Math.round((leaf.columns * this.zoom) / 40)) : 0;
    this.width = this.across * (leaf.columns * this.zoom + this.gap) - this.gap;
    this.height = this.down * (leaf.rows * this.zoom + this.gap) - this.gap;
    this.canvas = make("canvas", "pixels");
    this.canvas.setAttribute("role", "img");
    this.canvas.width = this.width;
    this.canvas.height = this.height;
    this.missing = make("p", "missing", "not recorded");
    this.missing.hidden = true;
    this.element = make("div", "picture", "", [this.canvas, this.missing]);
    this.context = this.canvas.getContext("2d");
    this.context.imageSmoothingEnabled = false;
    this.tile = this.context.createImageData(leaf.columns, leaf.rows);
    this.stamp = make("canvas");
    this.stamp.width = leaf.columns;
    this.stamp.height = leaf.rows;
    this.stampContext = this.stamp.getContext("2d");
    this.out = new Uint32Array(this.tile.data.buffer);
    this.shown = new Array(leaf.tiles).fill(-1);
    this.colours = new Uint32Array(256);
    for (let level = 0; level < 256; level++) {
      const colour = leaf.colours ? leaf.colours[level] : null;
      const [red, green, blue] = colour
        ? [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16))
        : [level, level, level];
      this.colours[level] = 0xff000000 | (blue << 16) | (green << 8) | red;
    }
  }

  resize(width, height) {
    let scale = Math.min(width / this.width, height / this.height, 40 / this.zoom);
    if (scale >= 3) scale = Math.floor(scale);
    this.canvas.style.width = `${Math.round(this.width * scale)}px`;
    this.canvas.style.height = `${Math.round(this.height * scale)}px`;
    this.canvas.classList.toggle("sharp", scale >= 1);
  }

  draw(frame) {
    this.missing.hidden = frame >= 0;
    this.canvas.classList.toggle("faded", frame < 0);
    if (frame < 0) return;
    const { leaf, out } = this;
    for (let tile = 0; tile < leaf.tiles; tile++) {
      const plane = leaf.numbers[frame * leaf.tiles + tile];
      if (this.shown[tile] === plane) continue;
      this.shown[tile] = plane;
      let from = plane * leaf.size;
      if (leaf.channels === 3) {
        for (let i = 0; i < out.length; i++, from += 3) {
          out[i] = 0xff000000 | (leaf.data[from + 2] << 16) | (leaf.data[from + 1] << 8) | leaf.data[from];
        }
      } else {
        for (let i = 0; i < out.length; i++) out[i] = this.colours[leaf.data[from + i]];
      }
      const [wide, tall] = [leaf.columns * this.zoom, leaf.rows * this.zoom];
      const left = (tile % this.across) * (wide + this.gap);
      const top = Math.floor(tile / this.across) * (tall + this.gap);
      this.stampContext.putImageData(this.tile, 0, 0);
      this.context.drawImage(this.stamp, left, top, wide, tall);
    }
  }
}

// The bar that says what the colours of a heat map mean.
function colourBar(leaf) {
  const canvas = make("canvas", "scale");
  canvas.setAttribute("aria-hidden", "true");
  const levels = leaf.colours.length - 3; // after them NaN, +inf and -inf
  canvas.width = levels;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  for (let level = 0; level < levels; level++) {
    context.fillStyle = leaf.colours[level];
    context.fillRect(level, 0, 1, 1);
  }
  const words = [number(leaf.low), ...(leaf.low < 0 && leaf.high > 0 ? ["0"] : []), number(leaf.high)];
  const ends = make("span", "ends", "", words.map((word) => make("span", "", word)));
  return make("div", "colour-bar", "", [canvas, ends]);
}
