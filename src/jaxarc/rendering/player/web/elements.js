// Elements, numbers as people read them, and the colours that the style sheet has.

const byId = (id) => document.getElementById(id);

function make(tag, classes = "", text = "", children = []) {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

// Writes text only where it differs, so that nothing is laid out for nothing.
function say(element, text) {
  if (element.said === text) return;
  element.said = text;
  element.textContent = text;
}

const MINUS = "\u2212", TIMES = "\u00d7";

function number(value, signed = false) {
  if (typeof value === "string") value = value === "NaN" ? NaN : value === "inf" ? Infinity : -Infinity;
  if (value === null || Number.isNaN(value)) return "NaN";
  const sign = value < 0 ? MINUS : signed && value > 0 ? "+" : "";
  const size = Math.abs(value);
  if (size === Infinity) return sign + "inf";
  if (size && (size < 0.001 || size >= 1e6)) {
    const [mantissa, exponent] = size.toExponential(2).split("e");
    return sign + String(Number(mantissa)) + "e" + exponent.replace("+", "").replace("-", MINUS);
  }
  const digits = size < 1e3 ? 3 : size < 1e5 ? 1 : 0;
  return sign + Number(size.toFixed(digits)).toLocaleString("en-US", { maximumFractionDigits: digits });
}

// What a leaf is called where there is little room: observation.agent.pos is agent.pos.
const shortName = (leaf) => leaf.name.replace(/^observation\./, "");

const counted = (count, word) => `${count.toLocaleString("en-US")} ${word}${count === 1 ? "" : "s"}`;

function outcomeOf(row) {
  if (row.success) return { words: "Solved", kind: "good" };
  const ended = row.ended ? row.ended[0].toUpperCase() + row.ended.slice(1) : "";
  if (row.success === null || row.ended === "cut" || row.ended === "running") return { words: ended, kind: "unknown" };
  return { words: row.ended ? `Not solved \u00b7 ${row.ended}` : "Not solved", kind: "bad" };
}

// What drawing needs to know: colours of the theme, the palette, and how many pixels a CSS pixel has.
function readLook(choices, palettes) {
  const style = getComputedStyle(document.documentElement);
  const look = { ...choices, cells: palettes[choices.palette], dpr: window.devicePixelRatio || 1, font: style.fontFamily };
  for (const name of ["background", "ink", "muted", "line", "accent", "good", "bad", "wrong", "second"]) {
    look[name] = style.getPropertyValue(`--${name}`).trim();
  }
  look.font = getComputedStyle(document.body).fontFamily;
  return look;
}

// A canvas of whole device pixels that covers width by height CSS pixels.
function fitCanvas(canvas, width, height, dpr) {
  canvas.width = Math.max(1, Math.round(width * dpr));
  canvas.height = Math.max(1, Math.round(height * dpr));
  canvas.style.width = `${canvas.width / dpr}px`;
  canvas.style.height = `${canvas.height / dpr}px`;
}
