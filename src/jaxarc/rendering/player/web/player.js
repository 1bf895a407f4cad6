// The player: which episodes are shown, at which step, and everything that moves them.

const SPEEDS = [1, 2, 4, 8, 15, 30, 60];
// The place of the first of ascending numbers that is not less than one.
function placeIn(numbers, one) {
  let low = 0, high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < one) low = middle + 1;
    else high = middle;
  }
  return low;
}

class Player {
  constructor(list, packed) {
    this.list = list;
    this.packed = packed;
    this.unpacked = new Map();
    this.choices = { ...list.look };
    this.panes = [];
    this.shown = [0, -1];
    this.step = 0;
    this.stops = new Float64Array(0);
    this.moments = [];
    this.parting = null;
    this.curves = new Curves(byId("rows"));
    this.chooser = new Chooser(this.curves, (names) => this.chooseCurves(names));
    this.firstTheme = this.theme = document.documentElement.dataset.theme;
    this.width = 0;
    // A page made for a cell, or shown by a document as its srcdoc.
    this.isCompact = document.documentElement.dataset.layout === "embedded";
    this.isEmbedded = this.isCompact || location.protocol === "about:";
    this.due = false;
  }

  async episode(index) {
    if (!this.unpacked.has(index)) {
      if (this.unpacked.size > 8) this.forget();
      const unpacking = readStream(this.packed[index]).then((stream) => unpackEpisode(this.list.episodes[index], stream));
      this.unpacked.set(index, unpacking);
    }
    return this.unpacked.get(index);
  }

  forget() {
    for (const index of [...this.unpacked.keys()].slice(0, 4)) {
      if (!this.shown.includes(index)) this.unpacked.delete(index);
    }
  }

  // Shows an episode, and another one beside it (-1: none), at a step.
  async show(first, second, step) {
    this.pause();
    this.shown = [first, second === first ? -1 : second];
    const asked = this.shown.filter((index) => index >= 0);
    const wanted = String(this.shown);
    const episodes = await Promise.all(asked.map((index) => this.episode(index)));
    if (String(this.shown) !== wanted) return false; // another was chosen meanwhile
    this.panes = episodes.map((episode, index) => new Pane(episode, index, episodes.length === 1));
    byId("panes").replaceChildren(...this.panes.map((pane) => pane.element));
    document.body.classList.toggle("two", this.panes.length === 2);
    const hasCells = episodes.some(({ leaves }) => leaves.some(({ kind }) => kind === "cells"));
    byId("palette").hidden = byId("digits").hidden = !hasCells; // only cells have colours and digits of a palette
    this.stops = Float64Array.from(new Set(episodes.flatMap((episode) => [...episode.step]))).sort();
    this.parting = episodes.length === 2 ? partingOf(...episodes) : null;
    this.moments = momentsOf(this.panes, this.parting);
    byId("speed").value = String(this.speed || this.defaultSpeed);
    this.curves.show(this.panes);
    this.chooser.say();
    showInList(this);
    markTrack(this);
    this.step = this.nearest(step);
    this.resize();
    this.settle();
    return true;
  }

  // Fifteen seconds an episode, if it can be; who asked for little motion begins slowly.
  get defaultSpeed() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return 2;
    return Math.max(2, SPEEDS.find((speed) => this.stops.length / speed <= 15) || 60);
  }

  chooseCurves(names) {
    this.curves.choose(names);
    this.chooser.say();
    this.resize();
    this.settle();
  }

  get lastStep() {
    return Math.max(0, ...this.panes.map(({ episode }) => Math.max(episode.row.steps - 1, episode.step[episode.count - 1] || 0)));
  }

  // The stop that is nearest to a step.
  nearest(step) {
    const place = placeIn(this.stops, step);
    const [before, after] = [this.stops[place - 1], this.stops[place]];
    if (after === undefined) return before || 0;
    return before !== undefined && step - before < after - step ? before : after;
  }

  get stop() {
    return placeIn(this.stops, this.step);
  }

  // Goes to a step, and draws it with the next frame.
  goTo(step, isPlaying = false) {
    if (!isPlaying) this.pause();
    this.step = step;
    if (!this.due) {
      this.due = true;
      requestAnimationFrame(() => {
        this.due = false;
        this.draw();
      });
    }
    clearTimeout(this.settling);
    if (!isPlaying) this.settling = setTimeout(() => this.settle(), 200);
  }

  move(stops) {
    if (!this.stops.length) return;
    const place = Math.min(Math.max(this.stop + stops, 0), this.stops.length - 1);
    this.goTo(this.stops[place]);
  }

  moveToMoment(direction) {
    const later = this.moments.filter(({ step }) => (step - this.step) * direction > 0);
    if (later.length) this.goTo((direction > 0 ? later[0] : later[later.length - 1]).step);
  }

  draw() {
    for (const pane of this.panes) pane.draw(this.step);
    this.curves.say(this.panes);
    const share = this.lastStep ? this.step / this.lastStep : 0;
    byId("cursor").style.transform = `translateX(${share * this.width}px)`;
    byId("played").style.transform = `scaleX(${share})`;
    say(byId("at"), this.stops.length ? `${this.step.toLocaleString("en-US")} / ${this.lastStep.toLocaleString("en-US")}` : "");
    const moment = this.moments.find(({ step }) => step === this.step);
    say(byId("moment"), moment ? moment.words : "");
  }

  // What need not happen while the cursor moves: words for screen readers, and the address.
  settle() {
    const track = byId("track");
    track.setAttribute("aria-valuemin", "0");
    track.setAttribute("aria-valuemax", String(this.lastStep));
    track.setAttribute("aria-valuenow", String(this.step));
    const words = this.panes.map((pane) => pane.words).join("; ");
    track.setAttribute("aria-valuetext", words);
    for (const pane of this.panes) pane.describe();
    say(byId("status"), words);
    if (this.isEmbedded) return; // inside another document a page has no address of its own
    const hash = linkTo(this);
    if (location.hash !== hash) history.replaceState(null, "", hash);
  }

  // Shows what a link asks for, and says what it asks for in vain.
  async follow(text) {
    const asked = readLink(text, this.list);
    this.choices = { ...this.list.look, ...asked.choices };
    this.theme = asked.theme || this.firstTheme;
    this.curves.chosen = asked.curves;
    this.restyle(false);
    const isShown = await this.show(asked.first, asked.second, asked.step);
    if (!isShown) return;
    const { problems } = asked;
    if (this.stops.length && asked.step > this.lastStep) {
      problems.push(`step ${asked.step.toLocaleString("en-US")} is past the last one, ${this.lastStep.toLocaleString("en-US")}`);
    } else if (this.stops.length && asked.step !== this.step) {
      problems.push(`step ${asked.step.toLocaleString("en-US")} is not stored, ${this.step.toLocaleString("en-US")} is the nearest`);
    }
    for (const name of this.curves.unknown) problems.push(`there is no curve \u201c${brief(name)}\u201d`);
    this.tell(problems);
  }

  // Says what a link asked for in vain, until something else is asked for.
  tell(problems) {
    byId("notice").hidden = !problems.length;
    say(byId("notice-words"), problems.length ? `In the link: ${problems.join("; ")}.` : "");
  }

  get isPlaying() {
    return this.playing !== undefined;
  }

  play() {
    if (this.stops.length < 2) return;
    if (this.stop >= this.stops.length - 1) this.goTo(this.stops[0], true);
    let since = performance.now();
    const tick = (now) => {
      const ahead = Math.floor(((now - since) / 1000) * Number(byId("speed").value));
      if (ahead > 0) {
        since += (ahead / Number(byId("speed").value)) * 1000;
        const place = Math.min(this.stop + ahead, this.stops.length - 1);
        this.goTo(this.stops[place], true);
        if (place === this.stops.length - 1) return this.pause();
      }
      this.playing = requestAnimationFrame(tick);
    };
    this.playing = requestAnimationFrame(tick);
    this.sayPlaying();
  }

  pause() {
    if (!this.isPlaying) return;
    cancelAnimationFrame(this.playing);
    this.playing = undefined;
    this.sayPlaying();
    this.settling = setTimeout(() => this.settle(), 200);
  }

  sayPlaying() {
    const play = byId("play");
    play.classList.toggle("playing", this.isPlaying);
    play.setAttribute("aria-label", this.isPlaying ? "Pause" : "Play");
  }

  changeSpeed(by) {
    const place = SPEEDS.indexOf(Number(byId("speed").value)) + by;
    this.speed = SPEEDS[Math.min(Math.max(place, 0), SPEEDS.length - 1)];
    byId("speed").value = String(this.speed);
  }

  // Everything that depends on how much room there is, and on the colours.
  resize() {
    const look = { ...readLook(this.choices, this.list.palettes), heat: this.list.heat };
    const style = getComputedStyle(byId("panes"));
    look.fills = style.overflowY === "auto"; // the pictures have what the rest leaves
    const room = byId("panes").clientWidth - 2 * parseFloat(style.paddingLeft);
    const gap = this.isCompact ? 20 : 40;
    look.compact = this.isCompact;
    const beside = this.panes.length === 2 && room >= (this.isCompact ? 600 : 760);
    const width = beside ? (room - gap) / 2 : room;
    const height = (pane) => (look.fills ? byId("panes").clientHeight - pane.above - 6 : Math.min(Math.max(window.innerHeight * 0.42, 190), 400));
    for (const pane of this.panes) pane.resize(Math.floor(width), Math.max(110, height(pane)), look);
    this.width = byId("area").clientWidth;
    this.curves.draw(this.width, this.lastStep, look);
    this.draw();
  }

  restyle(isShown = true) {
    document.documentElement.dataset.theme = this.theme;
    byId("palette").value = this.choices.palette;
    byId("digits").setAttribute("aria-pressed", String(this.choices.digits));
    byId("theme").setAttribute("aria-label", `Light or dark: ${this.theme}`);
    byId("theme").title = `Light or dark: ${this.theme} (t)`;
    if (!isShown) return;
    this.resize();
    this.settle();
  }

  change(choices) {
    Object.assign(this.choices, choices);
    this.restyle();
  }

  changePalette() {
    const names = Object.keys(this.list.palettes);
    this.change({ palette: names[(names.indexOf(this.choices.palette) + 1) % names.length] });
  }

  changeTheme() {
    // From what the system has to the other, then to the first, then back to the system's.
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const order = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
    this.theme = order[(order.indexOf(this.theme) + 1) % THEMES.length];
    this.restyle();
  }

  changeEpisode(by) {
    const count = this.list.episodes.length;
    if (count > 1) this.show((this.shown[0] + by + count) % count, this.shown[1], this.step);
  }

  changeBeside() {
    const count = this.list.episodes.length;
    const other = this.shown[0] + 1 < count ? this.shown[0] + 1 : this.shown[0] - 1;
    if (count > 1) this.show(this.shown[0], this.shown[1] >= 0 ? -1 : other, this.step);
  }

  resized() {
    const size = `${byId("panes").clientWidth} ${window.innerHeight} ${window.devicePixelRatio}`;
    if (size === this.size || !this.panes.length) return;
    this.size = size;
    this.resize();
  }
}
