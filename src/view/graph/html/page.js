"use strict";
const at = id => document.getElementById(id);
const element = (name, text = "") => { const made = document.createElement(name); made.textContent = text; return made; };
const stage = at("stage"), pictures = [at("folded"), at("whole")];
let lab = { namespaces: [], cables: [] }, texts = [], chosen = null;
let view = pictures[0], scale = 1, x = 0, y = 0;
// What else is to be done when a namespace is chosen, with its entry of the lab: the live page adds to it.
const alsoChosen = [];
// What a click on a namespace does in place of choosing it, where something else waits for one.
let picks = null;
const pick = name => picks ? picks(name) : choose(name);

function move() { view.style.transform = `translate(${x}px, ${y}px) scale(${scale})`; }
function zoom(by, atX = stage.clientWidth / 2, atY = stage.clientHeight / 2) {
  const next = Math.min(8, Math.max(0.05, scale * by));
  x = atX - (atX - x) * next / scale;
  y = atY - (atY - y) * next / scale;
  scale = next;
  move();
}
function fit() {
  const box = view.querySelector("svg").viewBox.baseVal;
  scale = Math.min(1.5, stage.clientWidth / box.width, stage.clientHeight / box.height);
  x = (stage.clientWidth - box.width * scale) / 2;
  y = Math.max(0, (stage.clientHeight - box.height * scale) / 2);
  move();
}

const text = one => [one.name, ...one.routes, ...one.rules, ...one.neighbors, ...one.sockets,
  ...one.links.flatMap(link => [link.name, link.kind, link.mac, ...link.addresses])].join("\n").toLowerCase();
const boxes = name => [...document.querySelectorAll(".ns")].filter(box => box.dataset.ns === name);

function choose(name) {
  for (const box of document.querySelectorAll(".ns.chosen")) box.classList.remove("chosen");
  for (const box of boxes(name)) box.classList.add("chosen");
  for (const entry of document.querySelectorAll("#list button")) entry.setAttribute("aria-current", entry.textContent === name);
  const one = lab.namespaces.find(one => one.name === name);
  const details = at("details");
  details.replaceChildren();
  chosen = one ? name : null;
  if (!one) return;
  details.append(element("h2", one.name));
  const part = (title, lines) => { if (lines.length) details.append(element("h3", title), element("pre", lines.join("\n"))); };
  part("Links", one.links.map(link => [link.name, link.kind, link.state, `mtu ${link.mtu}`, link.mac, link.elsewhere ? `→ ${link.elsewhere}` : ""].filter(Boolean).join(" ")));
  part("Addresses", one.links.flatMap(link => link.addresses.map(address => `${address} on ${link.name}`)));
  part("Routes", one.routes);
  part("Rules", one.rules);
  part("Neighbours", one.neighbors);
  part("Sockets", one.sockets);
  for (const also of alsoChosen) also(one, details);
}

function search() {
  const wanted = at("search").value.trim().toLowerCase();
  const hits = new Set(lab.namespaces.filter((one, number) => wanted && texts[number].includes(wanted)).map(one => one.name));
  for (const box of document.querySelectorAll(".ns")) {
    box.classList.toggle("found", hits.has(box.dataset.ns));
    box.classList.toggle("faint", wanted !== "" && !hits.has(box.dataset.ns));
  }
  for (const entry of at("list").children) entry.hidden = wanted !== "" && !hits.has(entry.firstChild.textContent);
  at("count").textContent = wanted ? `${hits.size} of ${lab.namespaces.length} namespaces` : `${lab.namespaces.length} namespaces, ${lab.cables.length} cables`;
  return hits;
}

// Shows a lab whose pictures stand in the page; what was chosen and searched stays so.
function show(next) {
  lab = next;
  texts = lab.namespaces.map(text);
  at("list").replaceChildren(...lab.namespaces.map(one => {
    const entry = element("li"), button = element("button", one.name);
    button.addEventListener("click", () => pick(one.name));
    entry.append(button);
    return entry;
  }));
  const hasTwo = pictures[1].childElementCount > 0;
  at("fold").hidden = !hasTwo;
  if (!hasTwo && view === pictures[1]) turn();
  search();
  choose(chosen);
}

// From the folded picture to the whole one, and back.
function turn() {
  view.hidden = true;
  view = pictures[1 - pictures.indexOf(view)];
  view.hidden = false;
  at("fold").textContent = view === pictures[0] ? "Unfold" : "Fold";
  fit();
}

let held = null;
stage.addEventListener("pointerdown", event => { held = { x: event.clientX - x, y: event.clientY - y, moved: false, id: event.pointerId }; });
stage.addEventListener("pointermove", event => {
  if (!held) return;
  if (!held.moved && Math.hypot(event.clientX - held.x - x, event.clientY - held.y - y) < 4) return;
  if (!held.moved) { held.moved = true; stage.setPointerCapture(held.id); stage.classList.add("moves"); }
  x = event.clientX - held.x; y = event.clientY - held.y; move();
});
const release = () => { held = null; stage.classList.remove("moves"); };
stage.addEventListener("pointerup", event => {
  const clicked = held && !held.moved && event.target.closest(".ns");
  release();
  if (clicked) pick(clicked.dataset.ns);
});
stage.addEventListener("pointercancel", release);
stage.addEventListener("wheel", event => {
  event.preventDefault();
  const box = stage.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
at("search").addEventListener("input", search);
at("search").addEventListener("keydown", event => {
  if (event.key === "Enter") { const [first] = search(); if (first) choose(first); }
  if (event.key === "Escape") { event.target.value = ""; search(); stage.focus(); }
});
at("fit").addEventListener("click", fit);
at("nearer").addEventListener("click", () => zoom(1.25));
at("farther").addEventListener("click", () => zoom(0.8));
at("fold").addEventListener("click", turn);
addEventListener("keydown", event => {
  if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  if (steps[event.key]) { x += steps[event.key][0]; y += steps[event.key][1]; move(); }
  else if (event.key === "+") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0") fit();
  else if (event.key === "/") at("search").focus();
  else if ((event.key === "Enter" || event.key === " ") && document.activeElement.closest(".ns")) pick(document.activeElement.closest(".ns").dataset.ns);
  else return;
  event.preventDefault();
});
addEventListener("resize", fit);
show(JSON.parse(at("lab").textContent));
fit();
