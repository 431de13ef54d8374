// <button data-copy="id">: copies that element's text. Shown only where the browser allows it.
import { toast } from "./toasts.js";

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
      toast(gettext("The address is copied."), { kind: "success" });
    } catch {
      toast(gettext("The browser does not allow copying. Select the address and copy it yourself."), { kind: "error" });
    }
  });
}
