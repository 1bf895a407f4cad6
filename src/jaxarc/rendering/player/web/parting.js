// Two episodes beside each other: the first step that both have in which they part, and how.

const sameNumber = (one, other) => one === other || (one !== one && other !== other);

// Whether two leaves have the same value at a row of each; null where they cannot be compared.
function sameLeaf(one, other, mine, theirs) {
  if (one.kind !== other.kind || String(one.shape) !== String(other.shape)) return null;
  if (one.kind === "text") return one.texts[one.codes[mine]] === other.texts[other.codes[theirs]];
  if (one.kind === "bars") {
    for (let entry = 0; entry < one.entries; entry++) {
      if (!sameNumber(one.values[entry * one.frames + mine], other.values[entry * other.frames + theirs])) return false;
    }
    return true;
  }
  if (one.kind === "cells") return sameCells(one, other, mine, theirs);
  if (one.size !== other.size || one.low !== other.low || one.high !== other.high) return null;
  for (let tile = 0; tile < one.tiles; tile++) {
    const from = one.numbers[mine * one.tiles + tile] * one.size;
    const at = other.numbers[theirs * other.tiles + tile] * one.size;
    for (let i = 0; i < one.size; i++) if (one.data[from + i] !== other.data[at + i]) return false;
  }
  return true;
}

// Boards without the padding that none of an episode fills: they may be cut at different places.
function sameCells(one, other, mine, theirs) {
  const rows = Math.max(one.rows, other.rows), columns = Math.max(one.columns, other.columns);
  const value = (leaf, frame, y, x) => (y < leaf.rows && x < leaf.columns ? leaf.boards[(frame * leaf.rows + y) * leaf.columns + x] : -1);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) if (value(one, mine, y, x) !== value(other, theirs, y, x)) return false;
  }
  return true;
}

function sameSelection(one, other, mine, theirs) {
  const [here, there] = [one.selection, other.selection];
  if (!here || !there) return true;
  const rows = Math.max(here.rows, there.rows), columns = Math.max(here.columns, there.columns);
  const at = (selection, position, y, x) =>
    (y < selection.rows && x < selection.columns ? selection.masks[(position * selection.rows + y) * selection.columns + x] : 0);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) if (at(here, mine, y, x) !== at(there, theirs, y, x)) return false;
  }
  return true;
}

// Says how two episodes differ at a step: their positions of it; an empty string where they do not.
function differenceAt(one, other, mine, theirs) {
  const leaves = (episode) => episode.leaves.filter((leaf) => !leaf.drawn && leaf.frames > 0 && leaf.kind !== "images");
  const theirLeaves = leaves(other);
  for (const leaf of leaves(one)) {
    const match = theirLeaves.find(({ name }) => name === leaf.name);
    if (match && sameLeaf(leaf, match, leaf.before[mine], match.before[theirs]) === false) return "what they see differs";
  }
  if (one.actions && other.actions && one.actions[mine] !== other.actions[theirs]) {
    return `${one.actions[mine]} here, ${other.actions[theirs]} there`;
  }
  if (!sameSelection(one, other, mine, theirs)) return "other cells are selected";
  const [reward, theirReward] = [one, other].map((episode) => episode.series.find(({ name }) => name === "reward"));
  if (reward && theirReward && !sameNumber(reward.values[mine], theirReward.values[theirs])) return "the reward differs";
  return "";
}

// Where two episodes part: {step, words}; step is null where they do not.
function partingOf(one, other) {
  if (!one.count || !other.count) return { step: null, words: "" };
  let mine = 0, theirs = 0, compared = 0;
  while (mine < one.count && theirs < other.count) {
    const ahead = one.step[mine] - other.step[theirs];
    if (ahead === 0) {
      const words = differenceAt(one, other, mine, theirs);
      const step = one.step[mine];
      const where = compared ? `part at step ${step.toLocaleString("en-US")}` : "differ from the start";
      if (words) return { step, words: `${where}: ${words}` };
      compared++;
    }
    if (ahead <= 0) mine++;
    if (ahead >= 0) theirs++;
  }
  if (!compared) return { step: null, words: "no step in common" };
  const goesOn = one.row.steps !== other.row.steps;
  return { step: null, words: goesOn ? "alike as long as both go on" : "alike throughout" };
}
