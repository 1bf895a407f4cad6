// Boards on a canvas: a cell is painted when it, or what marks it, is not what is there already.

const GRID = "#555B63", MARK_DARK = "#15181C", MARK_LIGHT = "#FFFFFF";
const CHANGED = 1, WRONG = 2;
const LINES_FROM = 4, DIGITS_FROM = 11;
const GUTTER = 18; // CSS pixels for the numbers of rows and columns
const BEYOND = 3; // CSS pixels that an outline at the edge reaches beyond the board

function isDark(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return red * 0.299 + green * 0.587 + blue * 0.114 < 140;
}

class CellsPicture {
  constructor(rows, columns, colours) {
    this.rows = rows;
    this.columns = columns;
    this.colours = colours; // of a grid, by palette; null for ARC's
    this.cells = make("canvas", "cells");
    this.over = null; // made when there is something to outline: an empty canvas costs every frame
    this.cells.setAttribute("role", "img");
    this.missing = make("p", "missing", "not recorded");
    this.missing.hidden = true;
    this.axes = make("canvas", "axes");
    this.axes.setAttribute("aria-hidden", "true");
    this.element = make("div", "picture", "", [this.axes, this.cells, this.missing]);
    this.painted = new Float64Array(rows * columns);
    this.outlined = null;
  }

  // Largest whole number of device pixels a cell that fits.
  static cellIn(width, height, rows, columns, dpr) {
    const line = 1 / dpr; // the last line lies beyond the last cell
    const side = Math.min((width - line) / columns, (height - line) / rows, 52);
    return Math.max(1, Math.floor(side * dpr));
  }

  resize(cell, look) {
    this.cell = cell;
    this.look = look;
    const edge = cell / look.dpr >= LINES_FROM ? 1 : 0;
    this.margin = Math.round(BEYOND * look.dpr);
    this.edge = edge;
    this.fit(this.cells, 0);
    if (this.over) this.fit(this.over, this.margin);
    this.palette = this.colours ? this.colours[look.palette].map((colour) => colour || look.line) : look.cells;
    this.context = this.cells.getContext("2d");
    this.context.textAlign = "center";
    this.context.textBaseline = "middle";
    this.context.font = `${Math.round(cell * 0.52)}px ${look.font}`;
    this.painted.fill(NaN);
    this.outlined = null;
    this.element.classList.toggle("numbered", look.coordinates);
    if (look.coordinates) this.number();
  }

  fit(canvas, margin) {
    const { cell, edge, look } = this;
    canvas.width = this.columns * cell + edge + 2 * margin;
    canvas.height = this.rows * cell + edge + 2 * margin;
    canvas.style.width = `${canvas.width / look.dpr}px`;
    canvas.style.height = `${canvas.height / look.dpr}px`;
    canvas.style.margin = `${-margin / look.dpr}px`;
  }

  addOver() {
    this.over = make("canvas", "over");
    this.over.setAttribute("aria-hidden", "true");
    this.cells.after(this.over);
    this.fit(this.over, this.margin);
  }

  // Numbers rows and columns, as many as have room.
  number() {
    const { axes, look, rows, columns } = this;
    const cell = this.cell / look.dpr;
    fitCanvas(axes, columns * cell + GUTTER, rows * cell + GUTTER, look.dpr);
    const context = axes.getContext("2d");
    context.setTransform(look.dpr, 0, 0, look.dpr, 0, 0);
    context.font = `10px ${look.font}`;
    context.fillStyle = look.muted;
    context.textBaseline = "middle";
    const every = [1, 2, 5, 10, 20, 50, 100, 500].find((step) => step * cell >= 17) || 1000;
    context.textAlign = "center";
    for (let x = 0; x < columns; x += every) context.fillText(String(x), GUTTER + (x + 0.5) * cell, GUTTER - 8);
    context.textAlign = "right";
    for (let y = 0; y < rows; y += every) context.fillText(String(y), GUTTER - 5, GUTTER + (y + 0.5) * cell);
  }

  // values: the cells, or null where they were not recorded; marks: CHANGED and WRONG of every cell, or null.
  draw(values, marks) {
    const isEmpty = values !== null && values.every((value) => value === -1);
    this.missing.hidden = values !== null && !isEmpty;
    say(this.missing, isEmpty ? "all padding" : "not recorded");
    if (values === null) {
      if (this.blank) return;
      this.blank = true;
      this.context.clearRect(0, 0, this.cells.width, this.cells.height);
      this.painted.fill(NaN);
      return;
    }
    this.blank = false;
    const { painted, columns, rows } = this;
    for (let place = 0; place < rows * columns; place++) {
      const had = painted[place];
      if (had === had && (Math.floor(had / 4) === -1) !== (values[place] === -1)) {
        // Lines belong to two cells: where a cell comes or goes, all are painted.
        painted.fill(NaN);
        this.context.clearRect(0, 0, this.cells.width, this.cells.height);
        break;
      }
    }
    let place = 0;
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++, place++) {
        const code = values[place] * 4 + (marks ? marks[place] : 0);
        if (painted[place] === code) continue;
        painted[place] = code;
        this.paint(x, y, values[place], marks ? marks[place] : 0);
      }
    }
  }

  paint(x, y, value, mark) {
    const { context, cell, edge, palette } = this;
    const left = x * cell, top = y * cell;
    const known = this.colours ? value < palette.length : value <= 9;
    const colour = value >= 0 && known ? palette[value] : this.look.cells[10];
    if (value === -1) {
      context.clearRect(left + edge, top + edge, cell - edge, cell - edge);
    } else {
      if (edge) {
        context.fillStyle = GRID;
        context.fillRect(left, top, cell + 1, cell + 1);
      }
      context.fillStyle = colour;
      context.fillRect(left + edge, top + edge, cell - edge, cell - edge);
      if (value < -1 || !known) {
        context.fillStyle = this.look.cells[11];
        context.fillRect(left + edge, top + cell / 2, cell - edge, Math.max(1, cell * 0.12));
      }
    }
    const digits = this.look.digits && cell / this.look.dpr >= DIGITS_FROM && value !== -1;
    if (digits) {
      context.fillStyle = isDark(colour) ? "#FFFFFF" : MARK_DARK;
      context.fillText(String(value), left + (cell + edge) / 2, top + (cell + edge) / 2 + cell * 0.04);
    }
    if (mark && this.marksCells) this.mark(left, top, mark, digits);
  }

  get marksCells() {
    return this.cell / this.look.dpr >= 5;
  }

  mark(left, top, mark, corner) {
    const { context, cell, edge, look } = this;
    const size = corner ? cell * 0.15 : cell * 0.17;
    const x = left + (corner ? cell * 0.8 : (cell + edge) / 2);
    const y = top + (corner ? cell * 0.2 + edge : (cell + edge) / 2);
    const ring = Math.max(look.dpr, cell * 0.06);
    if (mark & WRONG) {
      context.fillStyle = MARK_LIGHT;
      context.fillRect(x - size - ring, y - size - ring, 2 * (size + ring), 2 * (size + ring));
      context.fillStyle = look.wrong;
      context.fillRect(x - size, y - size, 2 * size, 2 * size);
    } else {
      context.beginPath();
      context.arc(x, y, size + ring, 0, 7);
      context.fillStyle = MARK_DARK;
      context.fill();
      context.beginPath();
      context.arc(x, y, size, 0, 7);
      context.fillStyle = MARK_LIGHT;
      context.fill();
    }
  }

  // Outlines a mask, whose rows and columns may be fewer; `name` says whether it is the one that is there.
  outline(name, mask, rows, columns) {
    if (this.outlined === name) return;
    if (!this.over && !mask) return;
    if (!this.over) this.addOver();
    const context = this.over.getContext("2d");
    if (this.outlined !== null) context.clearRect(0, 0, this.over.width, this.over.height);
    this.outlined = name;
    if (!mask) return;
    const { cell, look } = this;
    const at = (x, y) => x >= 0 && y >= 0 && x < columns && y < rows && mask[y * columns + x];
    context.beginPath();
    for (let y = 0; y < Math.min(rows, this.rows); y++) {
      for (let x = 0; x < Math.min(columns, this.columns); x++) {
        if (!at(x, y)) continue;
        const [left, top, right, bottom] = [x, y, x + 1, y + 1].map((side) => side * cell + this.edge / 2 + this.margin);
        if (!at(x, y - 1)) context.moveTo(left, top), context.lineTo(right, top);
        if (!at(x, y + 1)) context.moveTo(left, bottom), context.lineTo(right, bottom);
        if (!at(x - 1, y)) context.moveTo(left, top), context.lineTo(left, bottom);
        if (!at(x + 1, y)) context.moveTo(right, top), context.lineTo(right, bottom);
      }
    }
    context.lineCap = "square";
    for (const [colour, width] of [[MARK_DARK, 3.4], [MARK_LIGHT, 1.8]]) {
      context.strokeStyle = colour;
      context.lineWidth = width * look.dpr;
      context.stroke();
    }
  }
}
