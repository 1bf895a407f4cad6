// Keys, buttons and the pointer.

const KEYS = [
  ["Space", "play or pause"],
  ["\u2190 \u2192", "one step back, one step on"],
  ["Shift \u2190 \u2192", "ten steps"],
  [", .", "previous, next key moment"],
  ["Home End", "first, last step"],
  ["\u2212 +", "slower, faster"],
  ["p n", "previous, next episode"],
  ["b", "another episode beside, or none"],
  ["c", "palette"],
  ["t", "light or dark"],
  ["g", "digits in cells"],
  ["m", "marks on cells that changed or are wrong"],
  ["v", "which curves are shown"],
  ["\u2191 \u2193", "in the list: up, down; Shift Enter: beside"],
  ["?", "these keys"],
];

function listen(player) {
  const click = (id, act) => byId(id).addEventListener("click", act);
  click("first", () => player.goTo(player.stops[0]));
  click("last", () => player.goTo(player.stops[player.stops.length - 1]));
  click("back", () => player.move(-1));
  click("forward", () => player.move(1));
  click("earlier", () => player.moveToMoment(-1));
  click("later", () => player.moveToMoment(1));
  click("play", () => (player.isPlaying ? player.pause() : player.play()));
  click("digits", () => player.change({ digits: !player.choices.digits }));
  click("theme", () => player.changeTheme());
  click("help", () => byId("keys").showModal());
  click("parting", () => player.goTo(player.nearest(player.parting.step)));
  click("notice-close", () => player.tell([]));
  byId("speed").addEventListener("change", () => (player.speed = Number(byId("speed").value)));
  byId("palette").addEventListener("change", () => player.change({ palette: byId("palette").value }));
  byId("episode").addEventListener("change", () => player.show(Number(byId("episode").value), player.shown[1], player.step));
  byId("beside").addEventListener("change", () => player.show(player.shown[0], Number(byId("beside").value), player.step));
  byId("list").addEventListener("click", (event) => {
    const item = event.target.closest("button");
    if (!item) return;
    const index = Number(item.dataset.index);
    if (event.shiftKey) player.show(player.shown[0], index, player.step);
    else player.show(index, player.shown[1], player.step);
  });
  byId("list").addEventListener("keydown", moveInList);
  addEventListener("hashchange", () => {
    if (location.hash !== linkTo(player)) player.follow(location.hash);
  });
  addEventListener("keydown", (event) => pressKey(player, event));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => player.resize());
  new ResizeObserver(() => player.resized()).observe(byId("panes"));
  addEventListener("resize", () => player.resized());
  byId("panes").addEventListener("click", (event) => {
    const leads = event.target.closest(".leads");
    if (leads) player.goTo(player.nearest(Number(leads.dataset.step)));
  });
  listenToPointer(player);
}

function listenToPointer(player) {
  const area = byId("area");
  const follow = (event) => {
    const share = (event.clientX - area.getBoundingClientRect().left) / Math.max(player.width, 1);
    player.goTo(player.nearest(Math.min(Math.max(share, 0), 1) * player.lastStep));
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    area.setPointerCapture(event.pointerId);
    byId("track").focus({ preventScroll: true, focusVisible: false });
    follow(event);
  });
  area.addEventListener("pointermove", (event) => {
    if (area.hasPointerCapture(event.pointerId)) follow(event);
  });
}

function pressKey(player, event) {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (target.closest("select") || (target.closest("button") && (event.key === " " || event.key === "Enter"))) return;
  const far = event.shiftKey ? 10 : 1;
  const onTrack = target.id === "track"; // a slider goes up and down as well
  const acts = {
    ...(onTrack && { ArrowDown: () => player.move(-far), ArrowUp: () => player.move(far) }),
    ...(onTrack && { PageDown: () => player.move(-10), PageUp: () => player.move(10) }),
    Escape: () => (player.isPlaying ? player.pause() : player.tell([])),
    " ": () => (player.isPlaying ? player.pause() : player.play()),
    ArrowLeft: () => player.move(-far),
    ArrowRight: () => player.move(far),
    Home: () => player.move(-Infinity),
    End: () => player.move(Infinity),
    ",": () => player.moveToMoment(-1),
    ".": () => player.moveToMoment(1),
    "-": () => player.changeSpeed(-1),
    "+": () => player.changeSpeed(1),
    "=": () => player.changeSpeed(1),
    p: () => player.changeEpisode(-1),
    n: () => player.changeEpisode(1),
    b: () => player.changeBeside(),
    c: () => player.changePalette(),
    t: () => player.changeTheme(),
    g: () => player.change({ digits: !player.choices.digits }),
    m: () => player.change({ changes: !player.choices.changes }),
    v: () => byId("choose-curves").hidden || player.chooser.open(),
    "?": () => byId("keys").showModal(),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}
