// htmx glue: CSRF on every request, the width of a drawn bar, polling that rests while nobody looks.
import { csrfToken } from "./http.js";
import { toast } from "./toasts.js";

export function startPolling() {
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
