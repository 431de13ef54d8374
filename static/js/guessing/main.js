// The sorted inbox: one key accepts a group, a click takes a photo out, newer guesses take the place of older ones.
import { TileWalk, chipBeside, undoKey, undoable } from "../tiles.js";

const acts = undoable("#guess-main", "guessed");

const main = () => document.getElementById("guess-main");
const form = () => document.getElementById("guess-form");
const boxes = () => [...document.querySelectorAll("#ghosts input[type=checkbox]")];
const walk = new TileWalk(boxes);
const untouched = () => boxes().every((one) => one.checked);

/** The button says how many it would accept. */
function recount() {
  const n = boxes().filter((one) => one.checked).length;
  const button = document.querySelector("#guess-accept [data-count]");
  if (!button) return;
  const words = n
    ? ngettext("Accept %s photo", "Accept %s photos", n)
    : gettext("None of these");
  button.textContent = interpolate(words, [n.toLocaleString("en")]);
}

function turn(by) {
  const to = chipBeside(by);
  if (to) show(to.href);
}

function show(url) {
  htmx.ajax("GET", url, { target: "#guess-main", swap: "outerHTML settle:0ms" });
}

function command(event) {
  if (event.altKey) return null;
  const undo = undoKey(event, acts);
  if (undo !== undefined) return undo;
  const step = walk.ofKey(event.key);
  if (step) return step;
  if (event.key === "[") return () => turn(-1);
  if (event.key === "]") return () => turn(1);
  if (event.key === "?") return () => document.getElementById("guess-help")?.showModal();
  const own = event.target.closest("a, button, summary, select, textarea, input:not([type=checkbox])");
  if (event.key === "Enter" && !own && document.getElementById("guess-accept")) return () => form().requestSubmit();
  return null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat && event.key === "Enter" || document.querySelector("dialog[open]")) return;
  const act = command(event);
  if (!act) return;
  event.preventDefault();
  act();
});

document.addEventListener("change", (event) => {
  if (event.target.closest("#ghosts")) recount();
});

// Back from another page the browser puts the marks back: the button counts them.
addEventListener("pageshow", recount);

// Newer guesses come by themselves, unless photos are taken out already: then the line offers them.
document.body.addEventListener("htmx:afterSwap", () => {
  const chosen = form()?.elements.class.value;
  const stale = document.querySelector("#guess-work[data-stale]");
  if (document.querySelector("#guess-work[data-fitted]") && untouched()) {
    const url = new URL(main().dataset.here, location.href);
    if (chosen) url.searchParams.set("class", chosen);
    show(url.href);
  } else if (stale && !form()) stale.requestSubmit();
});

// Labels are newer than the guesses: the fit takes a moment, so it begins without being asked.
document.querySelector("#guess-work[data-stale]")?.requestSubmit();
