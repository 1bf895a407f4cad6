// The rows of the time line below its track: which there are, and which of them are shown.

const CURVES_AT_FIRST = 8;

class Curves {
  constructor(host) {
    this.host = host;
    this.curves = [];
    this.chosen = null; // names; null for those that are shown by themselves
  }

  show(panes) {
    const byName = new Map();
    for (const { episode } of panes) {
      for (const { name, ...part } of curvesOf(episode)) {
        const own = part.heat && panes.length > 1 ? `${episode.row.name}: ${name}` : name;
        if (!byName.has(own)) byName.set(own, new Curve(own));
        byName.get(own).parts.push({ episode, ...part });
      }
    }
    for (const curve of this.curves) for (const element of curve.elements) element.remove();
    this.curves = [...byName.values()];
    for (const curve of this.curves) curve.scale();
    this.initial = this.shownByThemselves();
    this.choose(this.chosen);
  }

  // Of many: what moves before what stays, and half of the places for what was observed if there is much else.
  shownByThemselves() {
    if (this.curves.length <= CURVES_AT_FIRST + 1) return this.curves.map(({ name }) => name);
    const observed = this.curves.filter(({ parts }) => parts[0].observed);
    const first = (curves, count) => [...curves].sort((one, other) => other.moves - one.moves).slice(0, count);
    const reward = this.curves.filter(({ name }) => name === "reward");
    const said = this.curves.filter((curve) => !observed.includes(curve) && !reward.includes(curve));
    const shown = [...reward, ...first(said, CURVES_AT_FIRST - 1 - Math.min(observed.length, CURVES_AT_FIRST / 2))];
    shown.push(...first(observed, CURVES_AT_FIRST - shown.length));
    return this.curves.filter((curve) => shown.includes(curve)).map(({ name }) => name);
  }

  // Shows the curves of some names; null shows those that are shown by themselves. Rows are made when needed.
  choose(names) {
    this.chosen = names && String([...names].sort()) === String([...this.initial].sort()) ? null : names;
    // Of an episode that has none of those that were chosen, those are shown that it shows by itself.
    const isKnown = this.chosen && (!this.chosen.length || this.unknown.length < this.chosen.length);
    const wanted = new Set(isKnown ? this.chosen : this.initial);
    this.shown = this.curves.filter(({ name }) => wanted.has(name));
    for (const curve of this.curves) for (const element of curve.elements) element.remove();
    for (const curve of this.shown) this.host.append(...curve.elements);
  }

  get unknown() {
    return (this.chosen || []).filter((name) => !this.curves.some((curve) => curve.name === name));
  }

  draw(width, lastStep, look) {
    for (const curve of this.shown) curve.draw(width, lastStep, look);
  }

  say(panes) {
    for (const curve of this.shown) curve.say(panes);
  }
}
