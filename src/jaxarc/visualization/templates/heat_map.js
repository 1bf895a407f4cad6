const frames = said.frames;
const time = element("div", null, plots);
time.className = "time";
const range = element("input", null, time);
Object.assign(range, { type: "range", min: 0, max: frames.length - 1, step: 1, value: frames.length - 1 });
range.setAttribute("aria-label", "Step");
const output = element("output", "", time);
time.hidden = frames.length < 2;
if (time.hidden) time.style.display = "none";
const plot = place(plots);

function draw() {
  const frame = frames[Number(range.value)];
  const { ink, muted, line } = colours();
  const bar = { outlinecolor: line, tickcolor: line, thickness: 14, tickfont: { color: muted } };
  const value = { type: "heatmap", z: frame.z, colorscale: said.colours, zmin: said.low, zmax: said.high, colorbar: bar, hoverongaps: false };
  value.hovertemplate = "row %{y}, column %{x}<br>%{z:.6g}<extra></extra>";
  const [down, across] = said.every;
  const spacing = { x0: (across - 1) / 2, dx: across, y0: (down - 1) / 2, dy: down };
  const room = Math.min(plot.clientWidth - 130, 720);
  const tall = Math.max(120, Math.round((room * said.rows) / said.columns));
  const shape = layout({
    height: Math.min(tall, 760) + 60,
    width: plot.clientWidth > 900 ? room + 180 : plot.clientWidth,
    margin: { l: 50, r: 20, t: 10, b: 50 },
    plot_bgcolor: muted,
    xaxis: axis({ range: [-0.5, said.columns - 0.5], constrain: "domain", constraintoward: "left", showgrid: false, zeroline: false }),
    yaxis: axis({ range: [said.rows - 0.5, -0.5], scaleanchor: "x", constrain: "domain", constraintoward: "top", showgrid: false, zeroline: false }),
  });
  Plotly.react(plot, [{ ...value, ...spacing }], shape, options);
  output.textContent = `step ${thousands(frame.step)}`;
  document.getElementById("words").textContent = frame.words;
}

range.addEventListener("input", draw);
onTheme(draw);
