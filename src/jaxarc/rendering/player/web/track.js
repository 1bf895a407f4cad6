// The track below the pictures: the steps that there are, and the moments worth jumping to.

// {step, words, kind} of the shown episodes, ascending; one a step. That they part there is said beside it.
function momentsOf(panes, parting) {
  const found = new Map();
  const add = (step, words, kind) => {
    const moment = found.get(step);
    if (!moment) found.set(step, { step, words, kind });
    else Object.assign(moment, { words: `${moment.words} \u00b7 ${words}`, kind: kind || moment.kind });
  };
  for (const { episode } of panes) {
    const whose = panes.length > 1 ? `${episode.row.name}: ` : "";
    for (const [position, words] of episode.moments) add(episode.step[position], whose + words, "");
    for (const [position, words] of episode.remarks) if (position !== null) add(episode.step[position], `${whose}\u201c${words}\u201d`, "remark");
  }
  if (parting && parting.step !== null) {
    if (!found.has(parting.step)) found.set(parting.step, { step: parting.step, words: "" });
    found.get(parting.step).kind = "parting";
  }
  return [...found.values()].sort((one, other) => one.step - other.step);
}

function markTrack(player) {
  const { stops, lastStep, moments } = player;
  const at = (step, classes) => {
    const mark = make("i", classes);
    mark.style.left = `${lastStep ? (step / lastStep) * 100 : 0}%`;
    return mark;
  };
  const marks = moments.map(({ step, words, kind }) => {
    const mark = at(step, `moment-mark ${kind}`);
    mark.title = `Step ${step.toLocaleString("en-US")}: ${words || player.parting.words}`;
    return mark;
  });
  const gaps = stops.length > 1 && stops.length < lastStep + 1 && stops.length <= 240;
  byId("stops").replaceChildren(...(gaps ? [...stops].map((step) => at(step, "stop-mark")) : []), ...marks);
  document.querySelector(".time").hidden = !stops.length;
  document.querySelector(".transport").hidden = stops.length < 2;
}
