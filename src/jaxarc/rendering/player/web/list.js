// The list of episodes, and the choice of the one beside.

function buildList(player) {
  const { episodes } = player.list;
  byId("title").textContent = document.title;
  for (const speed of SPEEDS) byId("speed").append(new Option(`${speed} steps/s`, String(speed)));
  if (episodes.length < 2) return;
  byId("list").hidden = byId("choose").hidden = false;
  document.body.classList.add("many");
  byId("beside").append(new Option("none", "-1"));
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
      make("span", "item-return", number(row.reward)),
    ]);
    item.type = "button";
    item.dataset.index = String(index);
    item.setAttribute("aria-label", `Episode ${row.name}, ${row.task}, ${outcome.words}, return ${number(row.reward)}`);
    return item;
  });
  byId("list").append(make("p", "list-head", "", [make("span", "", counted(episodes.length, "episode")), make("span", "", "return")]), ...items);
}

function showInList(player) {
  const list = byId("list");
  for (const item of list.querySelectorAll("button")) {
    const index = Number(item.dataset.index);
    const isShown = player.shown.indexOf(index);
    item.classList.toggle("first", isShown === 0);
    item.classList.toggle("second", isShown === 1);
    if (isShown === 0) {
      item.setAttribute("aria-current", "true");
      item.scrollIntoView({ block: "nearest" });
    } else {
      item.removeAttribute("aria-current");
    }
  }
  byId("episode").value = String(player.shown[0]);
  byId("beside").value = String(player.shown[1]);
  say(byId("parting"), player.panes.length === 2 ? partingOf(player.panes[0].episode, player.panes[1].episode) : "");
}

// Says where two episodes that begin alike part.
function partingOf(one, other) {
  const boards = [one, other].map((episode) => episode.leaves.find((leaf) => leaf.kind === "cells"));
  if (!boards[0] || !boards[1] || !one.count || !other.count) return "";
  if (boards[0].rows !== boards[1].rows || boards[0].columns !== boards[1].columns) return "";
  const size = boards[0].rows * boards[0].columns;
  const at = (which, episode, position) => boards[which].boards.subarray(episode.before[position] * size, (episode.before[position] + 1) * size);
  for (let position = 0; position < Math.min(one.count, other.count); position++) {
    if (one.step[position] !== other.step[position]) return "";
    const [mine, theirs] = [at(0, one, position), at(1, other, position)];
    if (mine.some((value, place) => value !== theirs[place])) {
      return position === 0 ? "" : `alike before step ${one.step[position]}`;
    }
  }
  return "alike as long as both go on";
}
