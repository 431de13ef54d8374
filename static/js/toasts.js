// Short messages at the lower edge. Those of the server are in the page already; modules add theirs with `toast()`.

const LASTS = 7000;

function box() {
  return document.querySelector(".toasts");
}

function arm(one) {
  one.querySelector("[data-close]")?.addEventListener("click", () => one.remove());
  if (one.classList.contains("error")) return; // an error stays until it is read
  let timer = setTimeout(() => one.remove(), LASTS);
  const hold = () => clearTimeout(timer);
  const release = () => (timer = setTimeout(() => one.remove(), LASTS));
  one.addEventListener("pointerenter", hold);
  one.addEventListener("pointerleave", release);
  one.addEventListener("focusin", hold);
  one.addEventListener("focusout", release);
}

/**
 * @param {string} text
 * @param {{kind?: "info"|"success"|"warning"|"error", action?: {label: string, run: () => void}}} options
 */
export function toast(text, { kind = "info", action } = {}) {
  const one = document.createElement("div");
  one.className = `toast ${kind}`;
  if (kind === "error") one.setAttribute("role", "alert");
  const words = document.createElement("span");
  words.textContent = text;
  one.append(words);
  if (action) {
    const act = document.createElement("button");
    act.type = "button";
    act.className = "btn small act";
    act.textContent = action.label;
    act.addEventListener("click", () => {
      one.remove();
      action.run();
    });
    one.append(act);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "btn small square";
  close.dataset.close = "";
  close.setAttribute("aria-label", gettext("Close"));
  close.textContent = "×";
  one.append(close);
  box()?.append(one);
  arm(one);
  return one;
}

export function startToasts() {
  for (const one of document.querySelectorAll(".toast")) arm(one);
}
