// The page begins.

async function begin() {
  const lines = byId("episodes").textContent.trim().split("\n");
  const app = byId("app");
  if (typeof DecompressionStream === "undefined") {
    document.body.append(make("p", "still", "This browser is too old to unpack the episodes; any from 2023 on can."));
    return;
  }
  const { header } = await readStream(lines[0]);
  const player = new Player(header, lines.slice(1));
  byId("key-list").append(...KEYS.flatMap(([keys, words]) => [
    make("dt", "", "", keys.split(" ").map((key) => make("kbd", "", key))),
    make("dd", "", words),
  ]));
  buildList(player);
  app.hidden = false;
  listen(player);
  await player.follow(location.hash || document.documentElement.dataset.link);
  window.jaxarcPlayer = player;
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
}

begin();
