// From the streams of the page to arrays: the other half of codecs.py, leaves.py and packing.py.

async function inflated(base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function readStream(base64) {
  const bytes = await inflated(base64);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, body: bytes.subarray(4 + length) };
}

function varints(bytes) {
  const values = new Float64Array(bytes.length);
  let count = 0, value = 0, scale = 1;
  for (let i = 0; i < bytes.length; i++) {
    value += (bytes[i] & 127) * scale;
    if (bytes[i] > 127) {
      scale *= 128;
    } else {
      values[count++] = value;
      value = 0;
      scale = 1;
    }
  }
  return values.subarray(0, count);
}

const unzigzag = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);

// Boards as one array; board number f begins at f * cells.
function unpackBoards(bytes, frames, cells) {
  const numbers = varints(bytes);
  let total = 0;
  for (let f = 0; f < frames; f++) total += numbers[f];
  let largest = 0;
  for (let i = frames + total; i < frames + 2 * total; i++) largest = Math.max(largest, numbers[i]);
  const boards = new (largest < 65536 ? Int16Array : Int32Array)(frames * cells);
  let change = frames;
  for (let f = 0; f < frames; f++) {
    const start = f * cells;
    if (f === 0) boards.fill(-1, 0, cells);
    else boards.copyWithin(start, start - cells, start);
    for (let place = -1, left = numbers[f]; left > 0; left--, change++) {
      place += numbers[change] + 1;
      boards[start + place] = unzigzag(numbers[change + total]);
    }
  }
  return boards;
}

function unpackMasks(bytes, size) {
  const mask = new Uint8Array(size);
  let at = 0, set = 0;
  for (const run of varints(bytes)) {
    if (set) mask.fill(1, at, at + run);
    at += run;
    set = 1 - set;
  }
  if (set) mask.fill(1, at);
  return mask;
}

function unpackFloats(bytes, kind) {
  const size = Number(kind[1]);
  const count = bytes.length / size;
  const ordered = new Uint8Array(bytes.length);
  for (let byte = 0; byte < size; byte++) {
    for (let i = 0; i < count; i++) ordered[i * size + byte] = bytes[byte * count + i];
  }
  return size === 4 ? new Float32Array(ordered.buffer) : new Float64Array(ordered.buffer);
}

// A leaf of the observations: what packing.py said of it, and its arrays.
function unpackLeaf(spec, bytes) {
  const leaf = { ...spec };
  if (leaf.kind === "cells") {
    leaf.boards = unpackBoards(bytes, leaf.frames, leaf.rows * leaf.columns);
  } else if (leaf.kind === "pixels") {
    leaf.numbers = varints(bytes.subarray(0, leaf.order));
    leaf.data = bytes.slice(leaf.order);
    leaf.size = leaf.rows * leaf.columns * leaf.channels;
    if (leaf.differences) {
      for (let i = leaf.size; i < leaf.data.length; i++) leaf.data[i] += leaf.data[i - leaf.size];
    }
  } else if (leaf.kind === "images") {
    leaf.numbers = varints(bytes.subarray(0, leaf.order));
    let at = leaf.order + leaf.lengths;
    leaf.files = Array.from(varints(bytes.subarray(leaf.order, at)), (length) => bytes.subarray(at, (at += length)));
  } else if (leaf.kind === "bars") {
    leaf.values = unpackFloats(bytes, leaf.float);
  } else {
    leaf.codes = varints(bytes);
  }
  return leaf;
}

// An episode as the page uses it; `row` is its entry in the list.
function unpackEpisode(row, { header, body }) {
  const episode = { ...header, row, count: header.steps, series: [], leaves: [], actions: null };
  episode.selection = episode.target = null;
  const drawn = {}; // where a drawing of the user's own has its frames
  const places = (bytes) => varints(bytes).map((place) => place - 1);
  for (const spec of header.parts) {
    const bytes = body.subarray(spec.at[0], spec.at[0] + spec.at[1]);
    if (spec.part === "step") {
      let step = 0;
      episode.step = varints(bytes).map((more) => (step += more));
    } else if (spec.part === "before") {
      episode.before = varints(bytes);
    } else if (spec.part === "after") {
      episode.after = places(bytes);
    } else if (spec.part === "drawn before") {
      drawn.before = varints(bytes);
    } else if (spec.part === "drawn after") {
      drawn.after = places(bytes);
    } else if (spec.part === "actions") {
      episode.actions = Array.from(varints(bytes), (code) => spec.words[code]);
    } else if (spec.part === "series") {
      episode.series.push({ name: spec.name, values: unpackFloats(bytes, spec.float) });
    } else if (spec.part === "selection") {
      const size = spec.rows * spec.columns;
      episode.selection = { ...spec, size, masks: unpackMasks(bytes, episode.count * size) };
    } else if (spec.part === "target") {
      episode.target = { ...spec, cells: unpackBoards(bytes, 1, spec.rows * spec.columns) };
    } else {
      const { before, after } = spec.drawn ? drawn : episode;
      episode.leaves.push({ ...unpackLeaf(spec, bytes), before, after });
    }
  }
  return episode;
}
