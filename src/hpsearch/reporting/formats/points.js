/* From the row of a point to its marks in the figures, and back: a hover points at them, a click
   pins them, Escape lets all go. By the keyboard a figure is one stop, and the arrows go from point
   to point. Marks and rows of a point have the same data-rank. */

const PROBES = [0, -4, 4]; // pixels around the pointer: a thin line is hard to hit

const drawings = [...document.querySelectorAll(".drawing")];
const tip = document.body.appendChild(make("div", { className: "tip", hidden: true }));
tip.setAttribute("role", "status"); // a screen reader says what comes into it
const members = new Map(); // rank → its rows and marks
const told = new Map(); // rank → its row in the first table that has it
const pinned = new Set();
let here; // the rank that is pointed at

for (const sheet of sheets)
  for (const row of sheet.rows.filter((each) => each.rank)) {
    members.set(row.rank, [...(members.get(row.rank) || []), row.element]);
    if (!told.has(row.rank)) told.set(row.rank, { sheet, row });
  }
for (const mark of document.querySelectorAll(".drawing [data-rank]"))
  members.set(mark.dataset.rank, [...(members.get(mark.dataset.rank) || []), mark]);

for (const drawing of drawings.filter((each) => each.querySelector("[data-rank]"))) {
  const hint = make("span", { className: "hint" });
  hint.textContent = " Point at a mark for the row of its point, or go from point to point with the " +
    "arrow keys; a click or Enter keeps it, Escape lets it go.";
  drawing.parentElement.querySelector("figcaption").append(hint);
  drawing.tabIndex = 0;
  drawing.setAttribute("role", "application"); // so that a screen reader leaves the arrows to it
}

function paint(rank, name, on) {
  for (const element of members.get(rank) || []) {
    element.classList.toggle(name, on);
    if (name === "pinned") element.ariaCurrent = on ? "true" : null; // said by a screen reader
  }
  for (const drawing of drawings)
    drawing.classList.toggle("pointing", drawing.querySelector(".here, .pinned") !== null);
}

function pointAt(rank) {
  if (rank === here) return;
  if (here !== undefined) paint(here, "here", false);
  if (rank !== undefined) paint(rank, "here", true);
  here = rank;
}

function pin(rank) {
  const on = !pinned.delete(rank);
  if (on) pinned.add(rank);
  paint(rank, "pinned", on);
}

/** What is at the pointer, or at a figure's mark close to it. */
function pointed({ target, clientX, clientY }) {
  const found = target.closest("[data-rank]");
  if (found || !target.closest(".drawing")) return found;
  for (const x of PROBES)
    for (const y of PROBES) {
      const near = document.elementFromPoint(clientX + x, clientY + y);
      const mark = near?.closest(".drawing [data-rank]");
      if (mark) return mark;
    }
  return null;
}

/** The cells of the point's row, beside the pointer. */
function tell(rank, { clientX, clientY }) {
  const { sheet, row } = told.get(rank) || {};
  tip.hidden = !row;
  if (!row) return;
  const lines = row.cells.flatMap((cell, n) =>
    cell ? [make("dt", { textContent: sheet.heads[n] }), make("dd", { textContent: cell })] : []);
  tip.replaceChildren(make("dl", {}, ...lines));
  const { offsetWidth, offsetHeight } = tip;
  const right = clientX + 16 + offsetWidth < innerWidth;
  tip.style.left = `${Math.max(4, right ? clientX + 16 : clientX - 16 - offsetWidth)}px`;
  tip.style.top = `${Math.max(4, Math.min(clientY + 16, innerHeight - offsetHeight - 4))}px`;
}

/** To the point that comes so many places after the one that is pointed at, of those in a figure. */
function walk(drawing, step) {
  const marks = [...drawing.querySelectorAll("[data-rank]")];
  const ranks = [...new Set(marks.map((mark) => mark.dataset.rank))].sort((a, b) => a - b);
  const rank = ranks[Math.min(ranks.length - 1, Math.max(0, ranks.indexOf(here) + step))];
  const mark = marks.find((each) => each.dataset.rank === rank);
  pointAt(rank);
  mark.scrollIntoView({ block: "nearest" });
  const { right, top } = mark.getBoundingClientRect();
  tell(rank, { clientX: right, clientY: top });
}

document.addEventListener("pointermove", (event) => {
  const element = pointed(event);
  pointAt(element?.dataset.rank);
  tip.hidden = true;
  if (element?.closest(".drawing")) tell(element.dataset.rank, event);
});
document.addEventListener("click", (event) => {
  const element = pointed(event);
  if (!element || !getSelection().isCollapsed) return; // a text in the row is being selected
  pin(element.dataset.rank);
  const { sheet, row } = told.get(element.dataset.rank) || {};
  if (!element.closest(".drawing") || !row) return;
  const box = sheet.body.closest(".scroll"); // the row comes into sight there; the page stays
  box.scrollTop = row.element.offsetTop - box.clientHeight / 2;
});
document.addEventListener("focusin", ({ target }) => {
  if (drawings.includes(target)) target.matches(":focus-visible") && walk(target, 0);
  else pointAt(target.closest("[data-rank]")?.dataset.rank);
});
document.addEventListener("focusout", () => (tip.hidden = true));

const STEPS = { ArrowDown: 1, ArrowUp: -1, ArrowRight: 1, ArrowLeft: -1 };

/** What a key does where the focus is: a function, or undefined. */
function bound({ key, target }) {
  const pins = key === "Enter" || key === " ";
  const sheet = sheets.find((each) => each.stop?.element === target);
  if (sheet && /^Arrow(Down|Up)$/.test(key)) return () => sheet.move(STEPS[key]);
  if (sheet && pins) return () => pin(sheet.stop.rank);
  if (!drawings.includes(target)) return undefined;
  if (key in STEPS) return () => walk(target, STEPS[key]);
  return pins && here !== undefined ? () => pin(here) : undefined;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    [...pinned].forEach(pin);
    tip.hidden = true;
  }
  const act = bound(event);
  if (!act) return;
  act();
  event.preventDefault();
});
