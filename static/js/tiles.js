// A page of photos with a box each that are decided together: arrows walk, each decision can be taken back.
import { toast } from "./toasts.js";
import { Acts } from "./undo.js";

/** Keys between the boxes; `boxes()` answers those on screen, as the page's part is replaced after each decision. */
export class TileWalk {
  constructor(boxes) {
    this.boxes = boxes;
  }

  /** As many as stand beside each other. */
  get columns() {
    const tops = this.boxes().map((one) => one.parentElement.offsetTop);
    const next = tops.findIndex((top) => top !== tops[0]);
    return next < 0 ? tops.length : next;
  }

  move(by) {
    const all = this.boxes();
    const at = all.indexOf(document.activeElement);
    const to = at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by));
    all[to]?.focus({ preventScroll: true });
    all[to]?.parentElement.scrollIntoView({ block: "nearest" });
  }

  /** What an arrow key does here, if `key` is one. */
  ofKey(key) {
    const steps = { ArrowRight: () => 1, ArrowLeft: () => -1, ArrowDown: () => this.columns, ArrowUp: () => -this.columns };
    return steps[key] && (() => this.move(steps[key]()));
  }
}

/** The chip `by` places from the one that is shown. */
export function chipBeside(by) {
  const chips = [...document.querySelectorAll(".guesses .chip")];
  return chips[chips.findIndex((one) => one.hasAttribute("aria-current")) + by];
}

/** Ctrl+Z, if the event is one, for `acts`, then `before`; null for other keys with Ctrl, undefined without it. */
export function undoKey(event, acts, before) {
  if (!event.ctrlKey && !event.metaKey) return undefined;
  return event.key.toLowerCase() === "z" && !event.shiftKey ? () => acts.undo(before) : null;
}

/** A part of a page, at `selector`, whose decisions the server tells by the event `name`; answers its acts. */
export function undoable(selector, name) {
  const acts = new Acts();
  const takeBack = (operation) => htmx.ajax("POST", document.querySelector(selector).dataset.undoUrl, {
    values: { operation }, target: selector, swap: "outerHTML settle:0ms",
  });
  document.body.addEventListener(name, ({ detail: { message, kind, operation, undone } }) => {
    if (undone) acts.drop(undone);
    const run = () => takeBack(operation);
    if (operation) acts.add(operation, run);
    if (message) toast(message, { kind, ...(operation ? { action: { label: gettext("Undo"), run } } : {}) });
    document.body.dispatchEvent(new CustomEvent("queue-changed"));
  });
  return acts;
}
