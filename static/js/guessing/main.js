// The sorted inbox: one key accepts a group, a click takes a photo out, newer guesses take the place of older ones.
import { toast } from "../toasts.js";
import { Acts } from "../undo.js";

const acts = new Acts();

const main = () => document.getElementById("guess-main");
const form = () => document.getElementById("guess-form");
const boxes = () => [...document.querySelectorAll("#ghosts input[type=checkbox]")];
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

function columns() {
  const tops = boxes().map((one) => one.parentElement.offsetTop);
  const next = tops.findIndex((top) => top !== tops[0]);
  return next < 0 ? tops.length : next;
}

function move(by) {
  const all = boxes();
  const at = all.indexOf(document.activeElement);
  const to = at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by));
  all[to]?.focus({ preventScroll: true });
  all[to]?.parentElement.scrollIntoView({ block: "nearest" });
}

function turn(by) {
  const chips = [...document.querySelectorAll(".guesses .chip")];
  const at = chips.findIndex((one) => one.hasAttribute("aria-current"));
  const to = chips[at + by];
  if (to) show(to.href);
}

function show(url) {
  htmx.ajax("GET", url, { target: "#guess-main", swap: "outerHTML settle:0ms" });
}

const takeBack = (operation) =>
  htmx.ajax("POST", main().dataset.undoUrl, { values: { operation }, target: "#guess-main", swap: "outerHTML settle:0ms" });

function command(event) {
  if (event.altKey) return null;
  if (event.ctrlKey || event.metaKey) return event.key.toLowerCase() === "z" && !event.shiftKey ? () => acts.undo() : null;
  const steps = { ArrowRight: () => move(1), ArrowLeft: () => move(-1), ArrowDown: () => move(columns()), ArrowUp: () => move(-columns()) };
  if (steps[event.key]) return steps[event.key];
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

document.body.addEventListener("guessed", ({ detail }) => {
  const { message, kind, operation, undone } = detail;
  if (undone) acts.drop(undone);
  const run = () => takeBack(operation);
  if (operation) acts.add(operation, run);
  if (message) toast(message, { kind, ...(operation ? { action: { label: gettext("Undo"), run } } : {}) });
  document.body.dispatchEvent(new CustomEvent("queue-changed"));
});

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
