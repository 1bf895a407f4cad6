// The player: which episodes are shown, at which step, and everything that moves them.

const SPEEDS = [1, 2, 4, 8, 15, 30, 60];
const THEMES = ["auto", "light", "dark"];
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
    this.curves = new Curves(byId("rows"), byId("more"));
    this.curves.onChange = () => this.resize();
    this.width = 0;
    // A page made for a cell, or shown by a document as its srcdoc.
    this.isEmbedded = document.documentElement.dataset.layout === "embedded" || location.protocol === "about:";
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
    if (String(this.shown) !== wanted) return; // another was chosen meanwhile
    this.panes = episodes.map((episode, index) => new Pane(episode, index, episodes.length === 1));
    byId("panes").replaceChildren(...this.panes.map((pane) => pane.element));
    document.body.classList.toggle("two", this.panes.length === 2);
    this.stops = Float64Array.from(new Set(episodes.flatMap((episode) => [...episode.step]))).sort();
    this.moments = this.findMoments();
    const defaultSpeed = SPEEDS.find((speed) => this.stops.length / speed <= 15) || 60;
    byId("speed").value = String(this.speed || Math.max(2, defaultSpeed));
    this.curves.show(this.panes);
    showInList(this);
    this.markTrack();
    this.step = this.nearest(step);
    this.resize();
    this.settle();
  }

  findMoments() {
    const found = new Map();
    for (const { episode } of this.panes) {
      for (const [position, words] of episode.moments) {
        const step = episode.step[position];
        const said = this.panes.length > 1 ? `${episode.row.name}: ${words}` : words;
        found.set(step, found.has(step) ? `${found.get(step)} \u00b7 ${said}` : said);
      }
    }
    return [...found].sort((one, other) => one[0] - other[0]);
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
    const later = this.moments.filter(([step]) => (step - this.step) * direction > 0);
    if (later.length) this.goTo((direction > 0 ? later[0] : later[later.length - 1])[0]);
  }

  draw() {
    for (const pane of this.panes) pane.draw(this.step);
    this.curves.say(this.panes);
    const share = this.lastStep ? this.step / this.lastStep : 0;
    byId("cursor").style.transform = `translateX(${share * this.width}px)`;
    byId("played").style.transform = `scaleX(${share})`;
    say(byId("at"), this.stops.length ? `${this.step.toLocaleString("en-US")} / ${this.lastStep.toLocaleString("en-US")}` : "");
    const moment = this.moments.find(([step]) => step === this.step);
    say(byId("moment"), moment ? moment[1] : "");
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
    const names = this.shown.map((index) => (index >= 0 ? encodeURIComponent(this.list.episodes[index].name) : ""));
    const hash = `#episode=${names[0]}&step=${this.step}${names[1] && `&with=${names[1]}`}`;
    if (this.isEmbedded || location.hash === hash) return; // inside a document there is no address of its own
    history.replaceState(null, "", hash);
  }

  // Reads #episode=7&step=12&with=8; what it does not say stays as it is.
  readAddress() {
    const said = new URLSearchParams(location.hash.slice(1) || document.documentElement.dataset.link);
    const index = (name) => {
      const asked = said.get(name);
      const found = this.list.episodes.findIndex((row) => row.name === asked);
      return found >= 0 || asked === null ? found : this.list.episodes.findIndex((row) => String(row.number) === asked);
    };
    return [Math.max(0, index("episode")), index("with"), Number(said.get("step")) || 0];
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
    const room = byId("panes").clientWidth;
    const gap = 40;
    const beside = this.panes.length === 2 && room >= 760;
    const width = beside ? (room - gap) / 2 : room;
    const fills = getComputedStyle(byId("panes")).overflowY === "auto";
    const height = (pane) => (fills ? byId("panes").clientHeight - pane.above - 6 : Math.min(Math.max(window.innerHeight * 0.42, 190), 400));
    for (const pane of this.panes) pane.resize(Math.floor(width), Math.max(110, height(pane)), look);
    this.width = byId("area").clientWidth;
    this.curves.draw(this.width, this.lastStep, look);
    this.draw();
  }

  restyle() {
    document.documentElement.dataset.theme = this.theme;
    byId("palette").value = this.choices.palette;
    byId("digits").setAttribute("aria-pressed", String(this.choices.digits));
    byId("theme").setAttribute("aria-label", `Light or dark: ${this.theme}`);
    byId("theme").title = `Light or dark: ${this.theme} (t)`;
    this.resize();
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

  markTrack() {
    const marks = this.moments.map(([step, words]) => {
      const mark = make("i", "moment-mark");
      mark.style.left = `${this.lastStep ? (step / this.lastStep) * 100 : 0}%`;
      mark.title = `Step ${step}: ${words}`;
      return mark;
    });
    const gaps = this.stops.length > 1 && this.stops.length < this.lastStep + 1 && this.stops.length <= 240;
    const stops = gaps ? [...this.stops].map((step) => {
      const mark = make("i", "stop-mark");
      mark.style.left = `${(step / this.lastStep) * 100}%`;
      return mark;
    }) : [];
    byId("stops").replaceChildren(...stops, ...marks);
    document.querySelector(".time").hidden = !this.stops.length;
    document.querySelector(".transport").hidden = this.stops.length < 2;
  }

  resized() {
    const size = `${byId("panes").clientWidth} ${window.innerHeight} ${window.devicePixelRatio}`;
    if (size === this.size || !this.panes.length) return;
    this.size = size;
    this.resize();
  }
}
