// A number over the episode: a row that is drawn once; only the cursor and the words beside it move.

const CURVE_HEIGHT = 40, HEAT_HEIGHT = 72, ENTRIES_WITH_CURVES = 16;

// Every curve that an episode has: its series, and the entries of its vectors before each step.
function curvesOf(episode) {
  // Rewards that come now and then are bars; where nearly every step has one they would be a wall.
  const isRare = (values) => values.filter((value) => value !== 0).length * 2 <= Math.max(values.length, 60);
  const found = episode.series.map(({ name, values }) => ({ name, values, bars: name === "reward" && isRare(values) }));
  const taken = new Set(found.map(({ name }) => name));
  for (const leaf of episode.leaves) {
    if (leaf.kind !== "bars") continue;
    const short = shortName(leaf);
    const name = taken.has(short) || taken.has(`${short} 0`) ? leaf.name : short;
    if (leaf.entries > ENTRIES_WITH_CURVES) {
      found.push({ name: `${name} (${leaf.entries} values)`, values: leaf.values, heat: leaf, observed: true });
      continue;
    }
    for (let entry = 0; entry < leaf.entries; entry++) {
      const values = Float64Array.from(leaf.before, (frame) => leaf.values[entry * leaf.frames + frame]);
      found.push({ name: leaf.entries > 1 ? `${name} ${entry}` : name, values, bars: false, observed: true });
    }
  }
  return found;
}

// Whether a step was not stored between two that follow each other; those that a small page left out are no gap.
function isGap(episode, position) {
  return episode.step[position] - episode.step[position - 1] > Math.max(episode.every, 1);
}

class Curve {
  constructor(name) {
    this.name = name;
    this.parts = []; // {episode, values, bars, heat}, one for each episode that has it
    this.title = make("span", "curve-name", name);
    this.title.title = name;
    this.range = make("span", "curve-range");
    this.label = make("div", "row-name", "", [this.title, this.range]);
    this.canvas = make("canvas", "curve");
    this.canvas.setAttribute("role", "img");
    this.value = make("div", "row-value");
    this.values = [make("b"), make("b", "second")];
    this.value.append(...this.values);
    this.elements = [this.label, this.canvas, this.value];
  }

  scale() {
    let low = Infinity, high = -Infinity, nans = 0, infinities = 0;
    for (const { values } of this.parts) {
      for (const value of values) {
        if (Number.isFinite(value)) {
          low = Math.min(low, value);
          high = Math.max(high, value);
        } else if (Number.isNaN(value)) nans++;
        else infinities++;
      }
    }
    const range = low > high ? [] : [low === high ? number(low) : `${number(low)} to ${number(high)}`];
    if (nans) range.push(`${nans.toLocaleString("en-US")} NaN`);
    if (infinities) range.push(`${infinities.toLocaleString("en-US")} inf`);
    say(this.range, range.join(", "));
    this.range.title = this.range.textContent;
    if (low > high) [low, high] = [0, 0];
    this.moves = high > low || nans + infinities > 0;
    if (this.parts.some((part) => part.bars)) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
    const middle = low === high;
    if (middle) [low, high] = [low - 1, high + 1];
    this.low = low;
    this.high = high;
  }

  draw(width, lastStep, look) {
    this.isDrawn = true;
    if (this.parts[0].heat) return this.drawHeat(width, lastStep, look);
    fitCanvas(this.canvas, width, CURVE_HEIGHT, look.dpr);
    const context = this.canvas.getContext("2d");
    context.setTransform(look.dpr, 0, 0, look.dpr, 0, 0);
    const x = (step) => (lastStep ? (step / lastStep) * width : 0);
    const y = (value) => CURVE_HEIGHT - 4 - ((value - this.low) / (this.high - this.low)) * (CURVE_HEIGHT - 8);
    context.fillStyle = look.line;
    const base = this.low <= 0 && this.high >= 0 ? y(0) : CURVE_HEIGHT - 1;
    context.fillRect(0, Math.round(base) - 0.5, width, 1);
    const asBars = this.parts.every((part) => part.bars);
    this.parts.forEach((part, index) => {
      const colour = index ? look.second : look.accent;
      if (asBars) this.drawBars(context, part, x, y, width, this.parts.length > 1 ? { good: colour, bad: colour } : look, index);
      else this.drawLine(context, part, x, y, width, colour);
      this.drawOdd(context, part, x, width, look);
    });
    const words = this.parts.map((part) => `${part.values.length} values`).join(" and ");
    this.canvas.setAttribute("aria-label", `${this.name}: ${words}, ${this.range.textContent}`);
  }

  // Vectors of many entries: time to the right, entries downwards, values as colours.
  drawHeat(width, lastStep, look) {
    const { episode, heat } = this.parts[0];
    fitCanvas(this.canvas, width, HEAT_HEIGHT, look.dpr);
    const context = this.canvas.getContext("2d");
    const pixels = context.createImageData(episode.count, heat.entries);
    const levels = look.heat.map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
    for (let entry = 0, at = 0; entry < heat.entries; entry++) {
      for (let i = 0; i < episode.count; i++, at += 4) {
        const share = (heat.values[entry * heat.frames + heat.before[i]] - this.low) / (this.high - this.low);
        if (!Number.isFinite(share)) continue;
        const level = levels[Math.round(share * (levels.length - 1))];
        pixels.data.set([...level, 255], at);
      }
    }
    const stamp = make("canvas");
    stamp.width = episode.count;
    stamp.height = heat.entries;
    stamp.getContext("2d").putImageData(pixels, 0, 0);
    context.imageSmoothingEnabled = false;
    // Steps side by side are stretched together; each piece stands where its steps are.
    const x = (step) => (step / (lastStep + 1)) * this.canvas.width;
    for (let start = 0, i = 1; i <= episode.count; i++) {
      if (i < episode.count && episode.step[i] === episode.step[i - 1] + 1) continue;
      const last = episode.step[i - 1];
      const lasts = i < episode.count && !isGap(episode, i) ? episode.step[i] - last : 1;
      if (lasts > 1 && i - start > 1) {
        context.drawImage(stamp, start, 0, i - 1 - start, heat.entries, x(episode.step[start]), 0, x(last) - x(episode.step[start]), this.canvas.height);
        start = i - 1;
      }
      const left = x(episode.step[start]);
      context.drawImage(stamp, start, 0, i - start, heat.entries, left, 0, Math.max(x(last + lasts) - left, 1), this.canvas.height);
      start = i;
    }
    const words = `${heat.entries} values over ${counted(episode.count, "step")}`;
    this.canvas.setAttribute("aria-label", `${this.name}: ${words}, ${this.range.textContent}`);
  }

  drawBars(context, { episode, values }, x, y, width, colours, shift) {
    const room = width / Math.max(episode.step.length, 1);
    const thick = Math.max(1, Math.min(5, room * 0.5));
    const zero = y(0);
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i]) || values[i] === 0) continue;
      context.fillStyle = values[i] > 0 ? colours.good : colours.bad;
      const top = Math.min(y(values[i]), zero);
      const left = Math.min(Math.max(x(episode.step[i]) - thick / 2 + (shift ? thick : 0), 0), width - thick);
      context.fillRect(left, top, thick, Math.max(1, Math.abs(y(values[i]) - zero)));
    }
  }

  drawLine(context, { episode, values }, x, y, width, colour) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.beginPath();
    let open = false;
    const dots = [];
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) {
        open = false;
        continue;
      }
      const [left, top] = [x(episode.step[i]), y(values[i])];
      if (open && !isGap(episode, i)) context.lineTo(left, top);
      else {
        context.moveTo(left, top);
        const goesOn = i + 1 < values.length && Number.isFinite(values[i + 1]) && !isGap(episode, i + 1);
        if (!goesOn) dots.push([left, top]);
      }
      open = true;
    }
    context.stroke();
    // At the very ends a dot stays whole.
    for (const [left, top] of dots) context.fillRect(Math.min(Math.max(left - 2, 0), width - 4), top - 2, 4, 4);
  }

  // What is no number on the scale: NaN as a tick at the foot, an infinity as one at its end of the scale.
  drawOdd(context, { episode, values }, x, width, look) {
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i])) continue;
      const left = Math.min(Math.max(x(episode.step[i]) - 1, 0), width - 2);
      context.fillStyle = Number.isNaN(values[i]) ? look.muted : look.bad;
      context.fillRect(left, values[i] === Infinity ? 0 : CURVE_HEIGHT - 6, 2, 6);
    }
  }

  // positions: where each shown episode stands; -1 for one that has not begun.
  say(panes) {
    for (let index = 0; index < 2; index++) {
      const part = this.parts.find((candidate) => panes[index] && candidate.episode === panes[index].episode);
      const signed = this.name === "reward";
      say(this.values[index], part && !part.heat ? number(part.values[panes[index].position], signed) : "");
    }
  }
}
