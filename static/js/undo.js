// What Ctrl+Z takes back on a page whose acts are answered by htmx: the newest act first, one behind the other.
import { toast } from "./toasts.js";

const KEPT = 100;
const PATIENCE = 300; // ms

/** An act whose answer is still on its way is not in the list yet: taking back waits for it. */
async function settled() {
  while (document.querySelector(".htmx-request")) {
    await new Promise((resolve) => {
      document.body.addEventListener("htmx:afterRequest", resolve, { once: true });
      setTimeout(resolve, PATIENCE);
    });
  }
}

export class Acts {
  constructor() {
    this.done = []; // {key, undo}, newest last
    this.chain = Promise.resolve();
  }

  /** `undo()` asks the server and answers when it did; `key` is what the answer names it by. */
  add(key, undo) {
    this.done.push({ key, undo });
    if (this.done.length > KEPT) this.done.shift();
  }

  /** The server has taken the newest act of this key back, or knows that it can't be. One that failed stays. */
  drop(key) {
    const at = this.done.findLastIndex((one) => one.key === key);
    if (at >= 0) this.done.splice(at, 1);
  }

  /** Takes the newest act back; where there is none `otherwise` may know another, and answers whether it does. */
  undo(otherwise = () => false) {
    this.chain = this.chain.then(settled).then(() => {
      const last = this.done.at(-1);
      if (last) return last.undo();
      if (!otherwise()) toast(gettext("There is nothing to undo."));
      return null;
    }).catch(() => null); // what went wrong was said where the request was made
    return this.chain;
  }
}
