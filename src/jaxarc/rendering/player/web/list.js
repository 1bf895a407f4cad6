// The list of episodes, and the choice of the one beside.

function buildList(player) {
  const { episodes } = player.list;
  byId("title").textContent = document.title;
  for (const speed of SPEEDS) byId("speed").append(new Option(`${speed} steps/s`, String(speed)));
  if (episodes.length < 2) return;
  byId("list").hidden = byId("choose").hidden = false;
  document.body.classList.add("many");
  byId("beside").append(new Option("none", "-1"));
  const returns = aligned(episodes.map((row) => number(row.reward)));
  const items = episodes.map((row, index) => {
    const outcome = outcomeOf(row);
    const words = `${row.name}${row.task ? ` \u00b7 ${row.task}` : ""}`;
    byId("episode").append(new Option(words, String(index)));
    byId("beside").append(new Option(words, String(index)));
    const dot = make("i", `dot ${outcome.kind}`);
    dot.title = outcome.words;
    const item = make("button", "item", "", [
      dot,
      make("span", "item-name", row.name),
      make("span", "item-task", row.task || row.stream),
      make("span", "item-return", returns[index]),
    ]);
    item.type = "button";
    item.dataset.index = String(index);
    const said = [`Episode ${row.name}`, row.task, outcome.words, row.pinned ? "pinned" : "", `return ${number(row.reward)}`];
    item.setAttribute("aria-label", said.filter(Boolean).join(", "));
    return item;
  });
  byId("list").append(make("p", "list-head", "", [make("span", "", counted(episodes.length, "episode")), make("span", "", "return")]), ...items);
}

// Numbers below each other, with as many decimals as the longest of them has; what is no plain number stays.
function aligned(numbers) {
  const decimals = (text) => (/^[^.e]*\.([0-9]+)$/.exec(text) || ["", ""])[1].length;
  const most = numbers.reduce((longest, text) => Math.max(longest, decimals(text)), 0);
  return numbers.map((text) => {
    const missing = most - decimals(text);
    if (!missing || !/^[^a-zA-Z]+$/.test(text)) return text;
    return `${text}${text.includes(".") ? "" : "."}${"0".repeat(missing)}`;
  });
}

function showInList(player) {
  const list = byId("list");
  for (const item of list.querySelectorAll("button")) {
    const index = Number(item.dataset.index);
    const isShown = player.shown.indexOf(index);
    item.classList.toggle("first", isShown === 0);
    item.classList.toggle("second", isShown === 1);
    item.tabIndex = isShown === 0 ? 0 : -1;
    if (isShown === 0) {
      item.setAttribute("aria-current", "true");
      item.scrollIntoView({ block: "nearest" });
    } else {
      item.removeAttribute("aria-current");
    }
  }
  byId("episode").value = String(player.shown[0]);
  byId("beside").value = String(player.shown[1]);
  const { parting } = player;
  say(byId("parting"), parting ? parting.words : "");
  byId("parting").hidden = !parting || !parting.words;
  byId("parting").disabled = !parting || parting.step === null;
}

// The list is one stop of the tab key; arrows go through it.
function moveInList(event) {
  const items = [...byId("list").querySelectorAll("button")];
  const at = items.indexOf(event.target.closest("button"));
  const place = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (at < 0 || place === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const next = items[Math.min(Math.max(place, 0), items.length - 1)];
  items[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
