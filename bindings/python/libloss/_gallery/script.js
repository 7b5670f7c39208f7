/* made by libloss gallery: search and filters on the index, numbers under the pointer, copying of code. Pages do without it. */
"use strict";

function index(form) {
  const input = form.querySelector("input"), buttons = [...form.querySelectorAll("[data-group]")];
  const cards = [...document.querySelectorAll(".card")], none = document.querySelector(".none");
  const chosen = group => buttons.filter(b => b.dataset.group === group && b.getAttribute("aria-pressed") === "true").map(b => b.dataset.value);
  const press = (button, on) => button.setAttribute("aria-pressed", String(on));

  function show() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const task = chosen("task"), family = chosen("family"), claim = chosen("claim");
    let count = 0;
    for (const card of cards) {
      const own = name => (card.dataset[name] || "").split(" ");
      card.hidden = !(words.every(w => card.dataset.search.includes(w)) && (!task.length || task.some(t => own("task").includes(t))) &&
        (!family.length || family.includes(card.dataset.family)) && claim.every(c => own("claim").includes(c)));
      count += !card.hidden;
    }
    for (const section of document.querySelectorAll("main > section")) section.hidden = !section.querySelector(".card:not([hidden])");
    none.hidden = count > 0;
    const all = count === cards.length;
    form.querySelector(".count").textContent = all ? "" : `${count} of ${cards.length}`;
    const state = new URLSearchParams();
    if (words.length) state.set("q", input.value.trim());
    for (const [group, values] of [["task", task], ["family", family], ["claim", claim]]) if (values.length) state.set(group, values.join(","));
    history.replaceState(null, "", String(state) ? "#" + state : location.pathname + (location.hash === "#metrics" ? "#metrics" : ""));
  }

  function restore() {
    const state = new URLSearchParams(location.hash.slice(1));
    input.value = state.get("q") || "";
    for (const b of buttons) press(b, (state.get(b.dataset.group) || "").split(",").includes(b.dataset.value));
    if (buttons.some(b => b.getAttribute("aria-pressed") === "true")) form.querySelector("details").open = true;
    show();
  }

  form.hidden = false;
  if (matchMedia("(min-width: 900px)").matches) form.querySelector("details").open = true;
  input.addEventListener("input", show);
  for (const b of buttons) b.addEventListener("click", () => { press(b, b.getAttribute("aria-pressed") !== "true"); show(); });
  form.addEventListener("submit", event => {
    event.preventDefault();
    const first = cards.find(card => !card.hidden);
    if (first) first.querySelector("a").click();
  });
  document.querySelector(".reset").addEventListener("click", () => { input.value = ""; buttons.forEach(b => press(b, false)); show(); input.focus(); });
  document.addEventListener("keydown", event => {
    if (event.key === "/" && document.activeElement !== input) { event.preventDefault(); input.focus(); }
    if (event.key === "Escape" && document.activeElement === input) { input.value = ""; show(); }
  });
  addEventListener("hashchange", restore);
  restore();
}

/* A path's height at a place: its points are joined by straight lines; null where it is not. */
function heights(path) {
  return path.getAttribute("d").split("M").filter(Boolean).map(part => part.split("L").map(p => p.split(",").map(Number)));
}
function at(parts, x) {
  for (const points of parts) {
    if (x < points[0][0] || x > points[points.length - 1][0]) continue;
    for (let k = 1; k < points.length; k++) {
      const [x0, y0] = points[k - 1], [x1, y1] = points[k];
      if (x <= x1) return x1 === x0 ? y1 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
    }
  }
  return null;
}
const NS = "http://www.w3.org/2000/svg";
const number = v => (Math.abs(v) < 5e-3 ? 0 : Number(v.toPrecision(3))).toString().replace("-", "\u2212");

function hover(chart, tip) {
  const [left, top, width, height] = chart.dataset.box.split(",").map(Number), [low, high, bottom, ceiling] = chart.dataset.domain.split(",").map(Number);
  const legend = [...chart.closest("figure").querySelectorAll(".legend span")].map(span => span.textContent);
  const place = path => legend.indexOf(path.dataset.label);
  const lines = [...chart.querySelectorAll(".line")].sort((a, b) => place(a) - place(b)).map(path => ({ path, parts: heights(path) }));
  const layer = chart.appendChild(document.createElementNS(NS, "g"));
  function clear() { layer.replaceChildren(); tip.hidden = true; }
  chart.addEventListener("pointermove", event => {
    const box = chart.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * chart.viewBox.baseVal.width;
    if (x < left || x > left + width) return clear();
    layer.replaceChildren();
    const cursor = layer.appendChild(document.createElementNS(NS, "path"));
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("d", `M${x},${top}v${height}`);
    const told = [`at ${number(low + (x - left) / width * (high - low))}`];
    for (const { path, parts } of lines) {
      const y = at(parts, x);
      if (y === null) continue;
      const value = number(ceiling - (y - top) / height * (ceiling - bottom));
      told.push(path.dataset.label ? `${path.dataset.label}: ${value}` : value);
      if (y < top || y > top + height) continue;
      const dot = layer.appendChild(document.createElementNS(NS, "circle"));
      dot.setAttribute("class", "dot " + path.getAttribute("class").match(/s\d/)[0]);
      dot.setAttribute("cx", x); dot.setAttribute("cy", y); dot.setAttribute("r", 4);
    }
    tip.replaceChildren(...told.map(text => Object.assign(document.createElement("div"), { textContent: text })));
    tip.hidden = false;
    const right = event.clientX + 16 + tip.offsetWidth > innerWidth;
    tip.style.left = `${right ? Math.max(4, event.clientX - 16 - tip.offsetWidth) : event.clientX + 16}px`;
    tip.style.top = `${Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 8)}px`;
  });
  chart.addEventListener("pointerleave", clear);
  chart.addEventListener("pointercancel", clear);
}

const form = document.querySelector(".tools");
if (form) index(form);
const charts = document.querySelectorAll(".chart");
if (charts.length) {
  const tip = document.body.appendChild(Object.assign(document.createElement("div"), { className: "tip", hidden: true }));
  charts.forEach(chart => hover(chart, tip));
}
for (const code of document.querySelectorAll(".code")) {
  if (!navigator.clipboard) break;
  const button = code.appendChild(Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "Copy" }));
  button.addEventListener("click", () => navigator.clipboard.writeText(code.querySelector("pre").textContent).then(() => {
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }));
}
