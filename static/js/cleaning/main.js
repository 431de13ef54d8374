// Deciding by key: the group in focus is the one that keys act on; after a decision the next one takes its place.
import { toast } from "../toasts.js";
import { Acts } from "../undo.js";

const acts = new Acts();
let told = null; // the message about the newest act

const groups = () => [...document.querySelectorAll("[data-group]")];

/** The group that keys act on: that in focus, else the first one in the window. */
function current() {
  const focused = document.activeElement?.closest?.("[data-group]");
  return focused ?? groups().find((one) => one.getBoundingClientRect().bottom > 120) ?? null;
}

function focus(group) {
  group?.focus({ preventScroll: true });
  group?.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

function step(by) {
  const all = groups();
  const at = all.indexOf(document.activeElement?.closest?.("[data-group]"));
  focus(at < 0 ? current() : all[Math.min(all.length - 1, Math.max(0, at + by))]);
}

/** Photos in doubt stand in a grid: up and down go to the row before or after. */
function columns() {
  const grid = document.querySelector(".doubts");
  return grid ? getComputedStyle(grid).gridTemplateColumns.split(" ").length : 1;
}

/** The open group that follows a place in the page, else the last one before it. */
function after(place) {
  const all = groups();
  return all.find((one) => place.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING) ?? all.at(-1);
}

function press(selector) {
  const button = current()?.querySelector(selector);
  if (!button) return false;
  button.click();
  return true;
}

/** Acts of this page, then what the page was loaded with: many groups decided at once. */
function undo() {
  acts.undo(() => {
    const button = document.querySelector("#dup-undo [data-undo]");
    button?.click();
    return Boolean(button);
  });
}

function command(event) {
  if (event.altKey) return null;
  if (event.ctrlKey || event.metaKey) return event.key.toLowerCase() === "z" && !event.shiftKey ? undo : null;
  if (event.key === "ArrowDown") return () => step(columns());
  if (event.key === "ArrowUp") return () => step(-columns());
  if (document.querySelector(".doubts")) {
    if (event.key === "ArrowRight") return () => step(1);
    if (event.key === "ArrowLeft") return () => step(-1);
    // On a button or a link these two keys are its own.
    const own = event.target.closest("a, button, summary");
    if (event.key === "Enter" && !own) return () => press('[data-key="Enter"]');
    if (event.key === " " && !own) return () => press('[data-key="Space"]');
  }
  if (event.key === "Delete" || event.key === "Backspace") return () => press('[data-key="Delete"]');
  if (event.shiftKey && /^[AL]$/.test(event.key)) return () => press(`[data-key="${event.key}"]`);
  if (/^[2-9]$/.test(event.key)) return () => press(`[data-best="${event.key}"]`);
  if (event.key === "?") return () => document.getElementById("dup-help")?.showModal();
  return null;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || document.querySelector("dialog[open]") || event.target.closest("input, select, textarea")) return;
  const act = command(event);
  if (!act) return;
  event.preventDefault();
  act();
});

// The answer stands in the group's place by now: go on with the next group, or stay with one that is still open.
document.body.addEventListener("cleaned", ({ detail }) => {
  const place = document.getElementById(`group-${detail.group}`);
  if (!place) return;
  told?.remove();
  const isOpen = place.hasAttribute("data-group");
  const undoing = detail.act ? { act: detail.act, group: detail.group } : {};
  const undoUrl = () => detail.undo ?? document.querySelector("[data-undo-url]").dataset.undoUrl;
  const takeBack = () => htmx.ajax("POST", undoUrl(), { values: undoing, target: `#group-${detail.group}`, swap: "outerHTML settle:0ms" });
  acts.add(detail.group, takeBack);
  if (detail.message) told = toast(detail.message, { kind: "success", action: { label: gettext("Undo"), run: takeBack } });
  focus(isOpen ? place : after(place));
  const done = document.getElementById("dups-done");
  if (done) done.hidden = groups().length > 0;
});

document.body.addEventListener("uncleaned", ({ detail }) => {
  acts.drop(detail.group);
  told?.remove();
  told = detail.message ? toast(detail.message, { kind: "success" }) : null;
});

// What was undone stands open again, and in focus.
document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!detail.requestConfig?.path?.endsWith("/undo/")) return;
  const place = document.getElementById(detail.target.id);
  if (place?.hasAttribute("data-group")) focus(place);
  const done = document.getElementById("dups-done");
  if (done) done.hidden = groups().length > 0;
});
