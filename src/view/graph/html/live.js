// The live page: the same picture, with what `ipvsh view` tells of it as it happens.
const flows = new Map();          // "netns:link" → { received, sent, dropped, past }
const captures = new Map();       // "netns:link" → { stop, bytes }
const PAST = 60, EVENTS = 200;
const key = (netns, link) => `${netns}:${link}`;
const query = pairs => new URLSearchParams(pairs).toString();

const status = element("span");
status.id = "status";
status.setAttribute("role", "status");
const mesh = element("button", "Mesh");
mesh.title = "Ping between all of them that have an address";
document.querySelector("header").insertBefore(status, at("count"));
document.querySelector("header").insertBefore(mesh, status);
const answer = element("section"), events = element("section"), log = element("ol");
answer.id = "answer";
answer.setAttribute("aria-live", "polite");
events.id = "events";
events.append(element("h3", "Events"), log);
document.querySelector("aside").append(answer, events);

function tell(text, state) { status.textContent = text; status.dataset.state = state; }

function rate(bits) {
  const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"];
  let unit = 0;
  while (bits >= 1000 && unit < 3) { bits /= 1000; unit += 1; }
  return `${bits < 10 && unit > 0 ? bits.toFixed(1) : Math.round(bits)} ${units[unit]}`;
}
function size(bytes) {
  return bytes < 1e4 ? `${bytes} B` : bytes < 1e7 ? `${Math.round(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`;
}

// A cable is as thick as much passes it, and says how much.
function drawFlows() {
  for (const label of view.querySelectorAll("text.rate")) label.remove();
  for (const cable of view.querySelectorAll("path.cable")) {
    const one = flows.get(cable.dataset.from), other = flows.get(cable.dataset.to);
    const passing = one ? one.received + one.sent : other ? other.received + other.sent : 0;
    cable.style.strokeWidth = passing < 100 ? "" : `${1.5 + Math.min(5, Math.log10(passing / 100))}px`;
    if (passing < 100) continue;
    const middle = cable.getPointAtLength(cable.getTotalLength() / 2);
    const label = document.createElementNS("http://www.w3.org/2000/svg", "text");
    label.setAttribute("class", "rate");
    label.setAttribute("x", middle.x);
    label.setAttribute("y", middle.y);
    label.textContent = rate(passing);
    cable.ownerSVGElement.append(label);
  }
}

function spark(past) {
  const most = Math.max(1000, ...past), made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", `0 0 ${PAST} 16`);
  made.setAttribute("class", "spark");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", past.map((bits, number) => `${PAST - past.length + number},${15 - 14 * bits / most}`).join(" "));
  made.append(line);
  return made;
}

function fill(row) {
  const flow = flows.get(row.dataset.link);
  if (!flow) return;
  const [, received, sent, dropped, past] = row.cells;
  received.textContent = rate(flow.received);
  sent.textContent = rate(flow.sent);
  dropped.textContent = flow.dropped;
  dropped.classList.toggle("bad", flow.dropped > 0);
  past.replaceChildren(spark(flow.past));
}

function traffic(one) {
  const table = element("table");
  table.id = "traffic";
  const head = table.createTHead().insertRow();
  for (const title of ["link", "in", "out", "drops", "last minute", ""]) head.append(element("th", title));
  const body = table.createTBody();
  for (const link of one.links) {
    const row = body.insertRow(), button = element("button");
    row.dataset.link = key(one.name, link.name);
    for (const text of [link.name, "", "", "", "", ""]) row.append(element("td", text));
    button.className = "capture";
    button.addEventListener("click", () => capture(one.name, link.name));
    row.lastChild.append(button);
    fill(row);
    label(row);
  }
  return table;
}

function label(row) {
  const button = row.querySelector("button.capture"), runs = captures.get(row.dataset.link);
  button.textContent = runs ? `Stop (${size(runs.bytes)})` : "Capture";
  button.title = runs ? "Ends it, and saves a file for Wireshark" : "Packets, as a file for Wireshark";
  button.setAttribute("aria-pressed", Boolean(runs));
}
function labelAll() { for (const row of document.querySelectorAll("#traffic tbody tr")) label(row); }

// The packets of a link, as pcapng, until it is stopped; then they are saved as a file.
async function capture(netns, link) {
  const name = key(netns, link), runs = captures.get(name);
  if (runs) { runs.stop.abort(); return; }
  const stop = new AbortController(), parts = [], state = { stop, bytes: 0 };
  captures.set(name, state);
  labelAll();
  try {
    const answered = await fetch(`capture?${query({ netns, link })}`, { signal: stop.signal });
    if (!answered.ok) throw new Error(await answered.text());
    for (const reader = answered.body.getReader();;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      state.bytes += value.length;
      labelAll();
    }
  } catch (error) {
    if (error.name !== "AbortError") say(`capture ${name}`, String(error.message));
  }
  captures.delete(name);
  labelAll();
  if (!parts.length) return;
  const file = element("a");
  file.href = URL.createObjectURL(new Blob(parts, { type: "application/x-pcapng" }));
  file.download = `${name.replace(/[^\w.-]+/g, "-")}.pcapng`;
  file.click();
  setTimeout(() => URL.revokeObjectURL(file.href), 60000);
}

function say(title, text) {
  answer.replaceChildren(element("h3", title), element("pre", text.trimEnd()));
}

async function ask(title, address, button) {
  say(title, "…");
  if (button) button.disabled = true;
  try {
    const answered = await fetch(address);
    say(title, await answered.text());
  } catch (error) {
    say(title, `no answer: ${error.message}`);
  }
  if (button) button.disabled = false;
}

// Why one does reach the other, or not: the other is clicked, or typed.
function why(one) {
  const form = element("form"), input = element("input"), button = element("button", "Why?");
  form.id = "why";
  input.placeholder = "to: click a namespace, or type";
  input.setAttribute("aria-label", `Why does ${one.name} reach, or not`);
  const begin = to => {
    picks = null;
    stage.classList.remove("picks");
    if (to) ask(`Why: ${one.name} → ${to}`, `why?${query({ from: one.name, to })}`, button);
  };
  input.addEventListener("focus", () => { picks = name => { input.value = name; begin(name); }; stage.classList.add("picks"); });
  input.addEventListener("keydown", event => { if (event.key === "Escape") { begin(null); stage.focus(); } });
  form.addEventListener("submit", event => { event.preventDefault(); begin(input.value.trim()); });
  form.append(input, button);
  return form;
}

alsoChosen.push((one, details) => {
  picks = null;
  stage.classList.remove("picks");
  details.append(element("h3", "Traffic"), traffic(one), element("h3", "Reach"), why(one));
});

mesh.addEventListener("click", () => {
  const hasAddress = one => one.links.some(link => link.addresses.some(address => !/^(127\.|::1\/|fe80:)/.test(address)));
  const names = lab.namespaces.filter(hasAddress).map(one => one.name);
  ask("Mesh", `mesh?${query(names.map(name => ["netns", name]))}`, mesh);
});

const news = new EventSource("news");
news.addEventListener("open", () => tell("live", "live"));
news.addEventListener("error", () => tell("no connection: does `ipvsh view` still run?", "lost"));
news.addEventListener("note", event => tell(JSON.parse(event.data), "note"));
news.addEventListener("graph", event => {
  const next = JSON.parse(event.data);
  const typed = document.activeElement && document.activeElement.closest("#why") ? document.activeElement.value : null;
  pictures[0].innerHTML = next.folded;
  pictures[1].innerHTML = next.whole;
  tell("live", "live");
  show(next.lab);
  const input = document.querySelector("#why input");
  if (typed !== null && input) { input.value = typed; input.focus(); }
  drawFlows();
});
news.addEventListener("flows", event => {
  const before = new Map(flows);
  flows.clear();
  for (const [netns, link, received, sent, dropped] of JSON.parse(event.data)) {
    const name = key(netns, link), past = before.has(name) ? before.get(name).past : [];
    past.push(received + sent);
    flows.set(name, { received, sent, dropped, past: past.slice(-PAST) });
  }
  drawFlows();
  for (const row of document.querySelectorAll("#traffic tbody tr")) fill(row);
});
news.addEventListener("event", event => {
  log.prepend(element("li", JSON.parse(event.data)));
  while (log.childElementCount > EVENTS) log.lastChild.remove();
});
