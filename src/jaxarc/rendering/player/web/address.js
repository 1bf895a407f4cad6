// Links: #episode=7&step=12&with=8&palette=colorblind&curve=reward, read, checked and written.

const THEMES = ["auto", "light", "dark"];

// What a link asks for; what it asks for in vain is said in words, and left as it is.
function readLink(text, list) {
  const said = new URLSearchParams(text.slice(text.startsWith("#") ? 1 : 0));
  const asked = { first: 0, second: -1, step: 0, choices: {}, theme: null, curves: null, problems: [] };
  const known = (name, names) => {
    const value = said.get(name);
    if (value === null || names.includes(value)) return value;
    asked.problems.push(`there is no ${name} \u201c${brief(value)}\u201d, only ${names.join(", ")}`);
    return null;
  };
  const index = (name, otherwise) => {
    const wanted = said.get(name);
    if (!wanted) return otherwise;
    const named = list.episodes.findIndex((row) => row.name === wanted);
    const found = named >= 0 ? named : list.episodes.findIndex((row) => String(row.number) === wanted);
    if (found < 0) asked.problems.push(`episode \u201c${brief(wanted)}\u201d is not on this page`);
    return found < 0 ? otherwise : found;
  };
  asked.first = index("episode", 0);
  asked.second = index("with", -1);
  const step = said.get("step");
  if (step !== null) asked.step = Number(step);
  if (!(asked.step >= 0) || step === "") {
    asked.problems.push(`\u201c${brief(step)}\u201d is no step`);
    asked.step = 0;
  }
  const palette = known("palette", Object.keys(list.palettes));
  if (palette) asked.choices.palette = palette;
  for (const name of ["digits", "changes"]) {
    const value = known(name, ["on", "off"]);
    if (value) asked.choices[name] = value === "on";
  }
  asked.theme = known("theme", THEMES);
  if (said.has("curve")) asked.curves = said.getAll("curve").filter(Boolean);
  return asked;
}

const brief = (text) => (text.length > 40 ? `${text.slice(0, 40)}\u2026` : text);

// The link to what is shown now; what is as the page has it by itself is left out.
function linkTo(player) {
  const { list, choices, theme, curves } = player;
  const parts = [];
  const add = (name, value) => parts.push(`${name}=${encodeURIComponent(value)}`);
  add("episode", list.episodes[player.shown[0]].name);
  add("step", player.step);
  if (player.shown[1] >= 0) add("with", list.episodes[player.shown[1]].name);
  if (choices.palette !== list.look.palette) add("palette", choices.palette);
  for (const name of ["digits", "changes"]) if (choices[name] !== list.look[name]) add(name, choices[name] ? "on" : "off");
  if (theme !== player.firstTheme) add("theme", theme);
  if (curves.chosen) for (const name of curves.chosen.length ? curves.chosen : [""]) add("curve", name);
  return `#${parts.join("&")}`;
}
