// One episode on the stage: what it is, which step it stands at, its observation, and what is missing.

class Pane {
  constructor(episode, index, isAlone) {
    this.episode = episode;
    this.index = index;
    this.position = 0;
    const { row } = episode;
    const outcome = outcomeOf(row);
    this.title = make("h2", "", `Episode ${row.name}`);
    const head = make("div", "pane-head", "", [this.title]);
    if (!isAlone) head.prepend(make("i", `key ${index ? "second" : ""}`));
    if (outcome.words) head.append(make("span", `badge ${outcome.kind}`, outcome.words));
    if (row.pinned) head.append(make("span", "badge", "Pinned"));
    this.step = make("b", "step");
    this.of = make("span", "of");
    this.action = make("span", "action");
    this.action.hidden = true;
    this.over = make("span", "of");
    const line = make("p", "step-line", "", [make("span", "step-words", "", [this.step, this.of]), this.action, this.over]);
    const drawn = episode.count ? episode.leaves.filter((leaf) => leaf.frames > 0) : [];
    this.leaves = drawn.map((leaf) => new LEAVES[leaf.kind](episode, leaf));
    const shown = this.leaves.map((leaf, at) => {
      const name = shortName(drawn[at]);
      const parts = name === "observation" && !episode.leaves.some((other) => other.drawn) ? [] : [make("h3", "", name)];
      return make("div", "leaf", "", [...parts, leaf.element]);
    });
    const facts = make("p", "facts", "", this.facts());
    const notes = episode.notes.map((note) => make("li", "", note));
    const about = make("div", "about", "", [head, facts]);
    if (notes.length) about.append(make("ul", "notes", "", notes));
    if (episode.remarks.length) about.append(this.remarks());
    line.hidden = !episode.count;
    this.element = make("section", "pane", "", [about, line]);
    this.shown = shown;
    this.element.append(make("div", "leaves", "", shown));
    this.element.setAttribute("aria-label", `Episode ${row.name}`);
  }

  // What people noted: on the episode, and on its steps, each of which leads there.
  remarks() {
    const { episode } = this;
    const items = episode.remarks.map(([position, words]) => {
      if (position === null) return make("li", "", words);
      const step = episode.step[position];
      const leads = make("button", "leads", `Step ${step.toLocaleString("en-US")}`);
      leads.type = "button";
      leads.dataset.step = String(step);
      return make("li", "", "", [leads, ` ${words}`]);
    });
    const list = make("ul", "remarks", "", items);
    list.setAttribute("aria-label", "Notes");
    return list;
  }

  facts() {
    const { row, facts } = this.episode;
    const said = [];
    if (row.task) said.push(["task", row.task]);
    if (row.stream) said.push(["stream", row.stream]);
    if (row.member) said.push(["member", row.member]);
    if (row.env !== null) said.push(["env", row.env]);
    if (row.update !== null && row.update >= 0) said.push(["update", row.update]);
    said.push(["steps", row.steps.toLocaleString("en-US")], ["return", number(row.reward)], ...facts);
    return said.map(([name, value]) => make("span", "fact", "", [`${name} `, make("b", "", String(value))]));
  }

  // Height of what stands above the pictures, with the words that each of them has.
  get above() {
    const { element } = this;
    const swatches = element.querySelector(".swatches");
    return element.lastChild.getBoundingClientRect().top - element.getBoundingClientRect().top + 50 + (swatches ? swatches.offsetHeight + 8 : 0);
  }

  resize(width, height, look) {
    const several = this.leaves.length > 1;
    const inPairs = several && width >= 880;
    this.element.lastChild.classList.toggle("in-pairs", inPairs);
    const gap = look.compact && width < 480 ? 8 : width < 480 ? 16 : width < 700 || inPairs ? 28 : 44;
    this.element.style.setProperty("--panel-gap", `${gap}px`);
    const room = inPairs ? (width - 44) / 2 : width;
    const own = this.index ? { ...look, accent: look.second } : look;
    for (const leaf of this.leaves) leaf.resize(room, several ? Math.min(Math.max(height, 160), 260) : height, own, gap);
    this.arrange(inPairs);
    this.action.dataset.allowed = look.operations ? "yes" : "";
  }

  // Two columns of leaves, each put where it stands highest: none leaves room beside a taller one.
  arrange(inPairs) {
    const host = this.element.lastChild;
    host.replaceChildren(...this.shown);
    if (!inPairs) return;
    const heights = this.shown.map((leaf) => leaf.offsetHeight);
    const columns = [make("div", "leaf-column"), make("div", "leaf-column")];
    const filled = [0, 0];
    this.shown.forEach((leaf, at) => {
      const column = filled[0] <= filled[1] ? 0 : 1;
      columns[column].append(leaf);
      filled[column] += heights[at] + 18;
    });
    host.replaceChildren(...columns);
  }

  // The last stored step at or before `step`; the first one where there is none.
  positionAt(step) {
    return Math.max(0, placeIn(this.episode.step, step + 1) - 1);
  }

  draw(step) {
    const { episode } = this;
    if (!episode.count) return;
    const position = (this.position = this.positionAt(step));
    episode.cursor = position;
    for (const leaf of this.leaves) leaf.draw(position);
    const here = episode.step[position];
    say(this.step, `Step ${here.toLocaleString("en-US")}`);
    say(this.of, `of ${Math.max(episode.row.steps - 1, here).toLocaleString("en-US")}`);
    const words = episode.actions && this.action.dataset.allowed ? episode.actions[position] : "";
    this.action.hidden = !words;
    say(this.action, words);
    const last = here >= episode.row.steps - 1;
    say(this.over, last && step > here ? `ended ${counted(step - here, "step")} ago` : "");
  }

  describe() {
    if (this.episode.count) for (const leaf of this.leaves) leaf.describe(this.position);
  }

  get words() {
    const { episode, position } = this;
    if (!episode.count) return "no steps";
    const action = episode.actions ? episode.actions[position] : "";
    const reward = episode.series.find(({ name }) => name === "reward");
    return [`step ${episode.step[position]}`, action, reward ? `reward ${number(reward.values[position], true)}` : ""]
      .filter(Boolean)
      .join(", ");
  }
}
