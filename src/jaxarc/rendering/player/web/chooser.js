// Which curves are shown: a dialog with a box for each, for episodes that have dozens.

class Chooser {
  constructor(curves, onChange) {
    this.curves = curves;
    this.onChange = onChange;
    this.dialog = byId("curves");
    byId("choose-curves").addEventListener("click", () => this.open());
    byId("curve-filter").addEventListener("input", () => this.filter());
    byId("curves-all").addEventListener("click", () => this.tick(() => true));
    byId("curves-none").addEventListener("click", () => this.tick(() => false));
    byId("curves-initial").addEventListener("click", () => this.tick(({ name }) => curves.initial.includes(name)));
    byId("curve-list").addEventListener("change", () => this.apply());
  }

  // Says how many there are; without a choice to make there is no button.
  say() {
    const { curves, shown } = this.curves;
    byId("choose-curves").hidden = curves.length < 2;
    say(byId("choose-curves"), shown.length === curves.length ? "Curves" : `Curves: ${shown.length} of ${curves.length}`);
  }

  open() {
    this.boxes = this.curves.curves.map((curve) => {
      const box = make("input");
      box.type = "checkbox";
      box.checked = this.curves.shown.includes(curve);
      const words = [box, make("span", "curve-choice", curve.name), make("span", "curve-range", curve.range.textContent)];
      return { curve, box, row: make("label", "curve-row", "", words) };
    });
    byId("curve-list").replaceChildren(...this.boxes.map(({ row }) => row));
    byId("curve-filter").value = "";
    byId("curve-filter").hidden = this.boxes.length < 9;
    this.dialog.showModal();
  }

  filter() {
    const wanted = byId("curve-filter").value.toLowerCase();
    for (const { curve, row } of this.boxes) row.hidden = !curve.name.toLowerCase().includes(wanted);
  }

  // Ticks those that are in sight, or not.
  tick(isWanted) {
    for (const { curve, box, row } of this.boxes) if (!row.hidden) box.checked = isWanted(curve);
    this.apply();
  }

  apply() {
    this.onChange(this.boxes.filter(({ box }) => box.checked).map(({ curve }) => curve.name));
  }
}
