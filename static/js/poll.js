// htmx glue: CSRF on every request, the width of a drawn bar, polling that rests while nobody looks.
import { csrfToken } from "./http.js";
import { toast } from "./toasts.js";

// Swapped parts carry in data-say what a listener should hear when it changes: a state, not each percent.
const said = new Map();

function remember(root) {
  for (const part of root.querySelectorAll("[data-say]")) said.set(part.id, part.dataset.say);
}

function sayChange(part) {
  const text = part?.dataset?.say;
  if (!text || said.get(part.id) === text) return;
  said.set(part.id, text);
  document.getElementById("say").textContent = text;
}

export function startPolling() {
  remember(document);
  document.body.addEventListener("htmx:load", (event) => sayChange(event.detail.elt));
  document.body.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = csrfToken();
  });
  // A hidden page asks for nothing; when it is seen again its fragments catch up at their next tick.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const isTick = event.detail.requestConfig?.verb === "get" && event.detail.elt?.hasAttribute("data-poll");
    if (isTick && document.hidden) event.preventDefault();
  });
  // A fragment of someone signed out would bring the sign-in page into the middle of this one.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.responseURL.includes("/sign-in/")) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.elt?.hasAttribute("data-poll")) return; // it tries again by itself
    toast(gettext("That did not work. Try again."), { kind: "error" });
  });
}

/** Tells the queue indicator in the top bar that a job began or ended. */
export function queueChanged() {
  document.body.dispatchEvent(new CustomEvent("queue-changed"));
}
