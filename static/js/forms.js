// A form is sent once per click; <select data-submit> sends its form when it changes.

function release(form) {
  delete form.dataset.sent;
  delete form.dataset.confirmed;
  form.removeAttribute("aria-busy");
}

export function startForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    form.setAttribute("aria-busy", "true");
    // An answer that is a download leaves the page where it is: let the form be used again.
    setTimeout(() => release(form), 8000);
  });
  // A page restored by the Back button may send its forms again.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) release(form);
  });
  document.addEventListener("change", (event) => {
    const one = event.target.closest?.("[data-submit]");
    if (one) one.form.requestSubmit();
  });
}
