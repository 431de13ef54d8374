// Relabelling on the spot: nothing is sent before another class is chosen, and what was done can be taken back.
import { toast } from "../toasts.js";

let told = null;

function arm() {
  for (const form of document.querySelectorAll("form[data-relabel]")) {
    const same = form.elements.label.selectedOptions[0]?.defaultSelected ?? true;
    form.querySelector("button").disabled = same;
  }
}

function undo({ operation, prediction }) {
  // The photo's card may be gone from the page by now; the note of fixes is exchanged all the same.
  const card = document.getElementById(`photo-${prediction}`);
  htmx.ajax("POST", document.getElementById("evaluation").dataset.undoUrl, {
    values: { operation, prediction },
    target: card ? `#${card.id}` : "body",
    swap: card ? "outerHTML" : "none",
  });
}

export function startRelabelling() {
  arm();
  document.addEventListener("change", (event) => event.target.closest?.("form[data-relabel]") && arm());
  document.body.addEventListener("htmx:afterSettle", arm);
  document.body.addEventListener("relabelled", ({ detail }) => {
    told?.remove();
    told = toast(detail.message, { kind: "success", action: { label: gettext("Undo"), run: () => undo(detail) } });
  });
}
