"use strict";
const said = JSON.parse(document.getElementById("data").textContent);
const plots = document.getElementById("plots");
const options = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d"] };

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { background: of("background"), ink: of("ink"), muted: of("muted"), line: of("line"), accent: of("accent") };
}

function axis(more) {
  const { muted, line } = colours();
  const look = { color: muted, gridcolor: line, zerolinecolor: line, linecolor: line, ticks: "outside", ticklen: 3, tickcolor: line };
  return { ...look, ...more };
}

function layout(more) {
  const { background, ink } = colours();
  const font = { family: "Lato, Helvetica, Arial, sans-serif", size: 12, color: ink };
  return { font, paper_bgcolor: background, plot_bgcolor: background, showlegend: false, ...more };
}

function element(name, text, parent) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

function place(parent) {
  const made = element("div", null, parent);
  made.className = "plot";
  return made;
}

const thousands = (number) => number.toLocaleString("en-US");

function onTheme(draw) {
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
