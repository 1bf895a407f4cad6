// One leaf of the observations with its panels: before and after a step, and the target beside a board.

const PANEL_AT_LEAST = 124; // CSS pixels, in which the words above a board have room
const PANEL_AT_LEAST_COMPACT = 98;
const PANEL_WORDS = 62; // CSS pixels that these words take, and the gap above them

function panel(heading, picture) {
  const glyph = make("i", "glyph");
  const words = make("span", "legend-words");
  const legend = make("p", "legend", "", [glyph, words]);
  const figure = make("figure", "panel", "", [make("figcaption", "", heading), legend, picture.element]);
  return { figure, picture, legend, glyph, words };
}

function explain(shown, kind, text) {
  if (shown.kind !== kind) {
    shown.kind = kind;
    shown.glyph.className = `glyph ${kind}`;
  }
  say(shown.words, text);
}

class CellsLeaf {
  constructor(episode, leaf) {
    this.episode = episode;
    this.leaf = leaf;
    const { target, selection } = episode;
    const isBoard = !leaf.drawn && !leaf.colours && leaf.shape.length === 2;
    this.target = isBoard ? target : null;
    const fits = selection && !leaf.drawn && selection.whole.every((side, axis) => side === leaf.shape[axis]);
    this.selection = fits ? selection : null;
    this.size = leaf.rows * leaf.columns;
    const picture = () => new CellsPicture(leaf.rows, leaf.columns, leaf.colours || null);
    this.before = panel("Before", picture());
    this.after = panel("After", picture());
    this.panels = [this.before, this.after];
    if (this.target) this.addTarget();
    this.changed = new Uint8Array(this.size);
    this.element = make("div", "", "", [make("div", "panels", "", this.panels.map((shown) => shown.figure))]);
    if (leaf.legend) this.addLegend();
  }

  // What the colours of a grid stand for.
  addLegend() {
    this.swatches = this.leaf.legend.map(([, words]) => make("span", "swatch", "", [make("i"), words]));
    this.element.append(make("p", "swatches", "", this.swatches));
  }

  // The target on a board that also has room for what reaches beyond it.
  addTarget() {
    const { target, leaf } = this;
    this.rows = Math.max(target.rows, leaf.rows);
    this.columns = Math.max(target.columns, leaf.columns);
    this.wanted = new Int32Array(this.rows * this.columns).fill(-1);
    for (let y = 0; y < target.rows; y++) {
      this.wanted.set(target.cells.subarray(y * target.columns, (y + 1) * target.columns), y * this.columns);
    }
    this.wrong = new Uint8Array(this.wanted.length);
    this.goal = panel("Target", new CellsPicture(this.rows, this.columns, null));
    this.panels.push(this.goal);
  }

  resize(width, height, look, gap) {
    this.look = look;
    const { rows, columns } = this.target ? this : this.leaf;
    const gutter = look.coordinates ? GUTTER : 0;
    const roomOf = (across) => (width - gap * (across - 1)) / across - gutter;
    let cell = 0;
    // In a row if there is room for words; where the height is given too, in as many rows as make cells large.
    for (let across = this.panels.length; across > 1 || !cell; across--) {
      if (roomOf(across) < (look.compact ? PANEL_AT_LEAST_COMPACT : PANEL_AT_LEAST) && across > 2) continue;
      const down = Math.ceil(this.panels.length / across);
      const tall = look.fills ? (height - (down - 1) * PANEL_WORDS) / down : height;
      const fits = CellsPicture.cellIn(roomOf(across), tall - gutter, rows, columns, look.dpr);
      if (fits > cell * 1.25) cell = fits; // one row is easier to read
      if (!look.fills) break;
    }
    for (const shown of this.panels) shown.picture.resize(cell, look);
    if (!this.swatches) return;
    this.leaf.legend.forEach(([value], index) => {
      this.swatches[index].firstChild.style.background = this.before.picture.palette[value];
    });
  }

  board(frame) {
    return frame < 0 ? null : this.leaf.boards.subarray(frame * this.size, (frame + 1) * this.size);
  }

  draw(position) {
    const { leaf } = this;
    const before = this.board(leaf.before[position]);
    const after = this.board(leaf.after[position]);
    this.before.picture.draw(before, null);
    this.drawSelected(position);
    this.drawChanged(before, after);
    if (this.goal) this.drawWrong(after);
  }

  drawSelected(position) {
    const { selection } = this;
    let count = 0, mask = null;
    if (selection) {
      mask = selection.masks.subarray(position * selection.size, (position + 1) * selection.size);
      for (let i = 0; i < mask.length; i++) count += mask[i];
    }
    const name = count ? position : -1;
    this.before.picture.outline(name, count ? mask : null, selection ? selection.rows : 0, selection ? selection.columns : 0);
    explain(this.before, count ? "selected" : "", count ? `${count.toLocaleString("en-US")} selected` : "");
  }

  drawChanged(before, after) {
    let count = 0;
    this.changed.fill(0);
    if (before && after) {
      for (let i = 0; i < this.size; i++) {
        if (before[i] !== after[i]) {
          this.changed[i] = CHANGED;
          count++;
        }
      }
    }
    const marks = this.look.changes ? this.changed : null;
    this.after.picture.draw(after, marks);
    if (!this.after.picture.marksCells && marks) {
      // In cells too small for a dot, what changed is outlined together; where most did, there is nothing to see.
      const few = count > 0 && count * 4 < this.size;
      this.after.picture.outline(few ? this.episode.cursor : -1, few ? marks : null, this.leaf.rows, this.leaf.columns);
    }
    const words = !after ? "" : count ? `${count.toLocaleString("en-US")} changed` : "nothing changed";
    explain(this.after, count && marks ? "changed" : "", words);
  }

  drawWrong(after) {
    const { rows, columns, leaf, wanted, wrong } = this;
    let count = 0;
    wrong.fill(0);
    if (after) {
      for (let y = 0, i = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++, i++) {
          const there = y < leaf.rows && x < leaf.columns ? after[y * leaf.columns + x] : -1;
          if (there !== wanted[i]) {
            wrong[i] = WRONG;
            count++;
          }
        }
      }
    }
    this.goal.picture.draw(wanted, this.look.changes ? wrong : null);
    const words = !after ? "" : count ? `${count.toLocaleString("en-US")} still wrong` : "reached";
    explain(this.goal, count && this.look.changes ? "wrong" : "", words);
  }

  describe(position) {
    const { rows, columns } = this.leaf;
    for (const shown of this.panels) {
      const heading = shown.figure.firstChild.textContent;
      const words = [`${heading}: board of ${rows} rows and ${columns} columns`, shown.words.textContent];
      shown.picture.cells.setAttribute("aria-label", words.filter(Boolean).join(", "));
    }
  }
}

class PixelsLeaf {
  constructor(episode, leaf, Picture = PixelsPicture) {
    this.leaf = leaf;
    this.before = panel("Before", new Picture(leaf));
    this.after = panel("After", new Picture(leaf));
    this.panels = [this.before, this.after];
    this.element = make("div", "panels", "", this.panels.map((shown) => shown.figure));
    this.explain(leaf);
  }

  explain(leaf) {
    const shape = leaf.shape.join(TIMES);
    const many = { stack: "frames", planes: "planes", channels: "channels" }[leaf.of];
    say(this.before.words, many ? `${leaf.tiles} ${many} of ${leaf.rows}${TIMES}${leaf.columns}` : `${leaf.dtype} ${shape}`);
    if (leaf.low !== undefined && leaf.high > leaf.low) this.before.figure.append(colourBar(leaf));
    for (const shown of this.panels) {
      const words = `${shown.figure.firstChild.textContent}: ${leaf.name}, ${leaf.dtype} ${shape}`;
      shown.picture.canvas.setAttribute("aria-label", words);
    }
  }

  resize(width, height, look, gap) {
    const across = width < 300 ? 1 : 2;
    for (const shown of this.panels) shown.picture.resize((width - gap * (across - 1)) / across, height);
  }

  draw(position) {
    this.before.picture.draw(this.leaf.before[position]);
    this.after.picture.draw(this.leaf.after[position]);
  }

  describe() {}
}

class BarsLeaf {
  constructor(episode, leaf) {
    this.episode = episode;
    this.leaf = leaf;
    this.picture = new BarsPicture(leaf);
    const legend = leaf.entries <= ROWS_AT_MOST
      ? [make("i", "glyph bar"), make("span", "", "before"), make("i", "glyph tick"), make("span", "", "after")]
      : [make("span", "", `${leaf.entries} values, ${number(this.picture.low)} to ${number(this.picture.high)}`)];
    this.element = make("figure", "panel", "", [make("p", "legend", "", legend), this.picture.element]);
  }

  resize(width, height, look) {
    this.picture.resize(width, look);
  }

  draw(position) {
    this.picture.draw(this.leaf.before[position], this.leaf.after[position]);
  }

  describe(position) {
    const { leaf } = this;
    const values = [];
    for (let entry = 0; entry < Math.min(leaf.entries, ROWS_AT_MOST); entry++) {
      values.push(number(this.picture.at(entry, leaf.before[position])));
    }
    this.picture.canvas.setAttribute("aria-label", `${leaf.name} before the step: ${values.join(", ")}`);
  }
}

class TextLeaf {
  constructor(episode, leaf) {
    this.episode = episode;
    this.leaf = leaf;
    this.element = make("pre", "text");
  }

  resize() {}

  draw(position) {
    const { codes, texts, before } = this.leaf;
    const frame = Math.min(before[position], codes.length - 1);
    say(this.element, texts[codes[frame]]);
  }

  describe() {}
}

class ImagesLeaf extends PixelsLeaf {
  constructor(episode, leaf) {
    super(episode, leaf, ImagesPicture);
  }

  explain(leaf) {
    for (const shown of this.panels) {
      shown.legend.hidden = true;
      const words = `${shown.figure.firstChild.textContent}: as ${leaf.name} drew it`;
      shown.picture.canvas.setAttribute("aria-label", words);
    }
  }
}

const LEAVES = { images: ImagesLeaf, cells: CellsLeaf, pixels: PixelsLeaf, bars: BarsLeaf, text: TextLeaf };
