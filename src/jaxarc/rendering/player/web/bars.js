// Vectors: a bar from zero for every entry, and a thin line where the step takes it.

const ROWS_AT_MOST = 16, ROW = 26, STRIP = 150;

class BarsPicture {
  constructor(leaf) {
    this.leaf = leaf;
    this.canvas = make("canvas", "bars");
    this.canvas.setAttribute("role", "img");
    this.element = make("div", "picture", "", [this.canvas]);
    let low = 0, high = 0;
    for (const value of leaf.values) {
      if (Number.isFinite(value)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    this.low = low;
    this.high = high > low ? high : low + 1;
  }

  resize(width, look) {
    this.look = look;
    this.width = Math.max(180, Math.min(width, 560));
    this.tall = this.leaf.entries <= ROWS_AT_MOST;
    this.height = this.tall ? this.leaf.entries * ROW : STRIP;
    fitCanvas(this.canvas, this.width, this.height, look.dpr);
    this.drawn = null;
  }

  at(entry, frame) {
    return this.leaf.values[entry * this.leaf.frames + frame];
  }

  draw(before, after) {
    const key = `${before} ${after}`;
    if (this.drawn === key) return;
    this.drawn = key;
    const context = this.canvas.getContext("2d");
    context.setTransform(this.look.dpr, 0, 0, this.look.dpr, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.tall) this.drawRows(context, before, after);
    else this.drawStrip(context, before);
  }

  drawRows(context, before, after) {
    const { leaf, look, low, high, width } = this;
    const left = leaf.entries > 1 ? 26 : 0, right = width - 76;
    const scale = (value) => left + ((value - low) / (high - low)) * (right - left);
    context.font = `12px ${look.font}`;
    context.textBaseline = "middle";
    context.fillStyle = look.line;
    context.fillRect(scale(0) - 0.5, 0, 1, this.height);
    for (let entry = 0; entry < leaf.entries; entry++) {
      const middle = entry * ROW + ROW / 2;
      const value = this.at(entry, before);
      const next = after >= 0 ? this.at(entry, after) : NaN;
      context.textAlign = "right";
      context.fillStyle = look.muted;
      if (leaf.entries > 1) context.fillText(String(entry), left - 10, middle);
      context.fillStyle = look.ink;
      context.fillText(number(value), width, middle);
      if (Number.isFinite(value)) {
        const from = Math.min(scale(0), scale(value));
        context.fillStyle = look.accent;
        context.globalAlpha = 0.85;
        context.fillRect(from, middle - 6, Math.max(1, Math.abs(scale(value) - scale(0))), 12);
        context.globalAlpha = 1;
      }
      if (Number.isFinite(next)) {
        context.fillStyle = look.ink;
        context.fillRect(scale(next) - 1, middle - 9, 2, 18);
      }
    }
  }

  drawStrip(context, before) {
    const { leaf, look, low, high, width } = this;
    const scale = (value) => STRIP - ((value - low) / (high - low)) * STRIP;
    const step = width / leaf.entries;
    context.fillStyle = look.accent;
    for (let entry = 0; entry < leaf.entries; entry++) {
      const value = this.at(entry, before);
      if (!Number.isFinite(value)) continue;
      const top = Math.min(scale(value), scale(0));
      const tall = Math.max(0.75, Math.abs(scale(value) - scale(0)));
      context.fillRect(entry * step, top, Math.max(0.5, step * 0.8), tall);
    }
    context.fillStyle = look.line;
    context.fillRect(0, scale(0) - 0.5, width, 1);
  }
}
