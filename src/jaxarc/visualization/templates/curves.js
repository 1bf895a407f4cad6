for (const curve of said.curves) {
  element("h2", curve.name, plots);
  const note = element("p", curve.words, plots);
  note.className = "muted";
  const plot = place(plots);
  onTheme(() => {
    const { accent } = colours();
    const line = { color: accent, width: 1.6 };
    const traces = [];
    if (curve.low) {
      const edge = { x: curve.x, mode: "lines", line: { width: 0 }, hoverinfo: "skip", connectgaps: false };
      traces.push({ ...edge, y: curve.low }, { ...edge, y: curve.high, fill: "tonexty", fillcolor: `${accent}33` });
    }
    const mode = curve.count < 60 ? "lines+markers" : "lines";
    const marker = { size: 4, color: accent };
    traces.push({ x: curve.x, y: curve.y, mode, line, marker, connectgaps: false, hovertemplate: "step %{x}<br>%{y:.6g}<extra></extra>" });
    const shape = layout({
      height: 250,
      margin: { l: 60, r: 20, t: 10, b: 36 },
      xaxis: axis({ zeroline: false }),
      yaxis: axis({ zeroline: false, type: curve.log ? "log" : "linear" }),
    });
    Plotly.react(plot, traces, shape, options);
  });
}
