/* What a script adds to a page that is whole without it: tables can be sorted, filtered and copied,
   commands copied. */
"use strict";

const FILTER_FROM = 9; // rows: fewer are seen at a glance
const CHUNK = 100; // rows come in as one scrolls: thousands at once take seconds

const SYNTAX =
  "Words that a row must contain, and conditions on columns, by any part of a heading: " +
  "activation=relu  accuracy>0.79  loss<=0.5  dropout!=0.5  dropout= (blank)  \"two words\"";

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/* Cells */

/** The number that a cell shows, of an interval its lower end; NaN where it shows none. */
function figure(text) {
  const plain = text.replace("−", "-").replace(/,(?=\d{3}(?!\d))/g, "");
  const found = /^(?:[≤<] ?)?([+-]?(?:\d*\.?\d+(?:e[+-]?\d+)?|inf))(?: to .+| ?%)?$/i.exec(plain);
  return found ? Number(found[1].replace(/inf/i, "Infinity")) : NaN;
}

const collator = new Intl.Collator("en", { numeric: true });

/** Numbers before texts before blanks and nan; those of a kind backwards where sign is -1. */
function compare(a, b, sign) {
  if (a.kind !== b.kind) return a.kind - b.kind;
  if (a.kind === 0) return sign * (a.number < b.number ? -1 : Number(a.number > b.number));
  return a.kind === 1 ? sign * collator.compare(a.text, b.text) : 0;
}

function sortKey(text) {
  if (text === "" || text === "nan") return { kind: 2 };
  const number = figure(text);
  return Number.isNaN(number) ? { kind: 1, text } : { kind: 0, number };
}

/* Filters */

const HOLDS = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** A function of a row for each word of a filter; see SYNTAX. */
function conditions(text, heads) {
  const words = text.toLowerCase().replace(/\s*([<>]=?|!?=)\s+(?=\S)/g, "$1");
  return (words.match(/(?:"[^"]*"?|[^\s"])+/g) || []).map((word) => condition(word, heads));
}

function condition(word, heads) {
  const [, key, sign, given] = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.*)$/.exec(word) || [];
  const column = key ? columnOf(key.replaceAll('"', ""), heads) : -1;
  const value = (column < 0 ? word : given).replaceAll('"', "");
  if (column < 0) return (row) => row.text.includes(value);
  const number = figure(value);
  if (sign in HOLDS) return (row) => HOLDS[sign](figure(row.cells[column]), number);
  const same = (cell) => cell.toLowerCase() === value || figure(cell) === number;
  return (row) => same(row.cells[column]) === (sign === "=");
}

/** The column of that heading, else the first whose heading contains it; -1: none. */
function columnOf(key, heads) {
  const names = heads.map((head) => head.toLowerCase());
  const exact = names.indexOf(key);
  return exact < 0 ? names.findIndex((name) => name.includes(key)) : exact;
}

/* Tables */

class Sheet {
  constructor(box) {
    this.body = box.querySelector("tbody");
    this.columns = [...box.querySelectorAll("thead th")];
    this.heads = this.columns.map((head) => head.textContent);
    this.rows = [...this.body.rows].map((element) => {
      const cells = [...element.cells].map((cell) => cell.textContent);
      return { element, cells, text: cells.join("\n").toLowerCase(), rank: element.dataset.rank };
    });
    this.found = this.order = this.rows;
    this.keys = [];
    this.columns.forEach((head, n) => this.addSorting(head, n));
    this.addTools(box);
    this.scroller = box.querySelector(".scroll");
    if (this.rows.length > CHUNK) this.comeAsScrolled();
    this.show();
  }

  addSorting(head, n) {
    const button = make("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => this.sort(n));
    head.append(button);
  }

  addTools(box) {
    this.input = make("input", { type: "search", title: SYNTAX, spellcheck: false });
    this.input.placeholder = "Filter: word  heading=value  heading>0.5";
    this.input.setAttribute("aria-label", `Filter the rows. ${SYNTAX}`);
    this.input.addEventListener("input", () => this.filter());
    this.status = make("output");
    const filters = this.rows.length >= FILTER_FROM ? [this.input] : [];
    const tools = make("div", { className: "tools" }, ...filters, this.status);
    tools.append(copyButton("Copy CSV", () => csv(this)));
    tools.append(copyButton("Copy Markdown", () => markdown(this)));
    box.prepend(tools);
  }

  /** Ascending, then descending, then as in the report; rows alike keep the report's order. */
  sort(n) {
    const states = { none: "ascending", ascending: "descending", descending: "none" };
    const state = states[this.columns[n].getAttribute("aria-sort") || "none"];
    this.columns.forEach((head) => head.removeAttribute("aria-sort"));
    this.order = this.rows;
    if (state !== "none") {
      this.columns[n].setAttribute("aria-sort", state);
      const sign = state === "ascending" ? 1 : -1;
      const keys = (this.keys[n] = this.keys[n] || this.rows.map((row) => sortKey(row.cells[n])));
      const places = keys.map((_, place) => place);
      places.sort((a, b) => compare(keys[a], keys[b], sign) || a - b);
      this.order = places.map((place) => this.rows[place]);
    }
    this.filter();
  }

  filter() {
    const tests = conditions(this.input.value, this.heads);
    this.found = this.order.filter((row) => tests.every((test) => test(row)));
    this.show();
  }

  show() {
    this.shown = 0;
    this.body.replaceChildren();
    this.scroller.scrollTop = 0;
    this.extend(CHUNK);
    const [found, total] = [this.found, this.rows].map((rows) => rows.length.toLocaleString("en"));
    this.status.textContent = found === total ? "" : `shown ${found} of ${total}`;
    if (this.rows.length && this.rows[0].rank) this.enter(this.found[0]);
  }

  extend(count) {
    const next = this.found.slice(this.shown, this.shown + count);
    this.body.append(...next.map((row) => row.element));
    this.shown += next.length;
  }

  /** Columns keep their widths, whichever rows are there; paper gets all rows. */
  comeAsScrolled() {
    const table = this.body.parentElement;
    const widths = [table, ...this.columns].map((each) => [each, each.offsetWidth]);
    for (const [each, width] of widths) each.style.width = `${width}px`;
    table.classList.add("fixed");
    this.scroller.classList.remove("waiting");
    this.scroller.addEventListener("scroll", ({ target }) => {
      if (target.scrollTop + 2 * target.clientHeight > target.scrollHeight) this.extend(CHUNK);
    });
    addEventListener("beforeprint", () => this.extend(this.found.length));
    addEventListener("afterprint", () => this.show());
  }

  /** One row of the table is a stop of the tabulator key; the arrows move on from it. */
  enter(row) {
    if (this.stop) this.stop.element.removeAttribute("tabindex");
    if (row) row.element.tabIndex = 0;
    this.stop = row;
  }

  move(step) {
    const next = this.found[this.found.indexOf(this.stop) + step];
    if (next) this.enter(next);
    if (next) next.element.focus();
  }
}

/* Copies of the rows that are found, in their order */

/** RFC 4180. A text that a spreadsheet would run as a formula is led by an apostrophe. */
function csv(sheet) {
  const plain = (cell) => (/^[=+\-@]/.test(cell) && Number.isNaN(Number(cell)) ? `'${cell}` : cell);
  const quoted = (cell) => (/[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const line = (cells) => cells.map((cell) => quoted(plain(cell))).join(",");
  return [sheet.heads, ...sheet.found.map((row) => row.cells)].map(line).join("\r\n") + "\r\n";
}

function markdown(sheet) {
  const escaped = (cell) => cell.replace(/[\\`|*_~<>&[\]]/g, "\\$&");
  const line = (cells) => `| ${cells.map(escaped).join(" | ")} |`;
  const ruler = `|${sheet.columns.map((head) => (head.className ? " --: |" : " --- |")).join("")}`;
  return [line(sheet.heads), ruler, ...sheet.found.map((row) => line(row.cells)), ""].join("\n");
}

function copyButton(label, text) {
  const button = make("button", { type: "button", textContent: label });
  button.addEventListener("click", async () => {
    button.textContent = (await copy(text())) ? "Copied" : "Could not copy";
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = make("textarea", { value: text }); // the older way, where the newer is not allowed
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

const sheets = [...document.querySelectorAll(".table")].map((box) => new Sheet(box));
for (const block of document.querySelectorAll(".command"))
  block.prepend(copyButton("Copy", () => block.querySelector("code").textContent));
