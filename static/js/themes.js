// The theme switch: "auto" follows the system; the choice lives in this browser only.
// Other modules (charts) listen for the event "themechange" on document.

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

export function theme() {
  return root.dataset.theme ?? "auto";
}

/** The theme that shows: "light" or "dark". */
export function shownTheme() {
  return root.dataset.theme ?? (dark.matches ? "dark" : "light");
}

function show() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme()));
  }
}

function announce() {
  document.dispatchEvent(new CustomEvent("themechange", { detail: shownTheme() }));
}

function choose(name) {
  if (name === "auto") delete root.dataset.theme;
  else root.dataset.theme = name;
  try {
    if (name === "auto") localStorage.removeItem("theme");
    else localStorage.setItem("theme", name);
  } catch {
    // Storage is refused: the choice lasts as long as the page.
  }
  show();
  announce();
}

export function startThemes() {
  show();
  dark.addEventListener("change", () => theme() === "auto" && announce());
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-choice]");
    if (button) choose(button.dataset.themeChoice);
  });
}
