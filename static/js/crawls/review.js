// The review of found photos: one key takes what fits, a click marks what does not, newer rankings take the old one's place.
import { TileWalk, chipBeside, undoKey, undoable } from "../tiles.js";

const acts = undoable("#review-main", "reviewed");
let viewed = 0;

const main = () => document.getElementById("review-main");
const form = () => document.getElementById("review-form");
const viewer = document.getElementById("review-viewer");
const tiles = () => [...document.querySelectorAll("#review-grid .foundtile")];
const boxes = () => [...document.querySelectorAll("#review-grid input[type=checkbox]")];
const walk = new TileWalk(boxes);
const isUntouched = () => boxes().every((one) => !one.checked && one !== document.activeElement);

/** The button says what it would do. */
function recount() {
  const button = document.querySelector("#review-take [data-count]");
  if (!button) return;
  const refused = boxes().filter((one) => one.checked).length;
  const n = { taken: (boxes().length - refused).toLocaleString("en"), refused: refused.toLocaleString("en") };
  button.textContent = interpolate(refused ? gettext("Take %(taken)s, refuse %(refused)s") : gettext("Take %(taken)s"), n, true);
}

function turn(by) {
  const to = chipBeside(by);
  if (to) location.assign(to.href);
}

function show(url) {
  htmx.ajax("GET", url, { target: "#review-main", swap: "outerHTML settle:0ms" });
}

function press(id) {
  document.getElementById(id)?.click();
}

function look(tile) {
  if (!tile?.dataset.view) return;
  viewed = tiles().indexOf(tile);
  const image = document.getElementById("viewer-image");
  image.src = tile.dataset.view;
  image.alt = tile.querySelector("img").alt;
  document.getElementById("viewer-words").textContent = image.alt;
  document.getElementById("viewer-own").href = tile.dataset.own;
  const page = document.getElementById("viewer-page");
  page.hidden = !tile.dataset.page;
  if (tile.dataset.page) page.href = tile.dataset.page;
  if (!viewer.open) viewer.showModal();
}

/** What was done before this page was loaded: the note about it has a button of its own. */
function before() {
  const note = document.getElementById("review-did");
  note?.requestSubmit();
  return Boolean(note);
}

function command(event) {
  if (event.altKey) return null;
  const undo = undoKey(event, acts, before);
  if (undo !== undefined) return undo;
  const step = walk.ofKey(event.key);
  const own = event.target.closest("a, button, summary, select, textarea, input:not([type=checkbox])");
  if (step) return own?.matches("select, textarea, input") ? null : step;
  if (event.key === "[") return () => turn(-1);
  if (event.key === "]") return () => turn(1);
  if (event.key === "?") return () => document.getElementById("review-help")?.showModal();
  if (event.key === "v") return () => look(document.activeElement.closest(".foundtile"));
  if (event.key === "Delete") return () => press(event.shiftKey ? "review-below" : "review-refuse");
  if (event.key === "Enter" && !own && form()) return () => press("review-take");
  return null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.repeat && (event.key === "Enter" || event.key === "Delete")) return;
  const act = command(event);
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("change", (event) => {
  if (event.target.closest("#review-grid")) recount();
});
// Back from another page the browser puts the marks back: the button counts them.
addEventListener("pageshow", recount);
document.addEventListener("dblclick", (event) => look(event.target.closest(".foundtile")));

// In the viewer arrows lead on from photo to photo.
viewer.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  look(tiles()[viewed + by]);
});

viewer.addEventListener("close", () => tiles()[viewed]?.querySelector("input[type=checkbox]")?.focus());

document.body.addEventListener("reviewed", () => scrollTo({ top: 0 }));

// A newer ranking comes by itself, unless photos are marked already: then the line offers it.
document.body.addEventListener("htmx:afterSwap", () => {
  if (document.querySelector("#review-work[data-ranked]") && isUntouched()) show(main().dataset.here);
});
