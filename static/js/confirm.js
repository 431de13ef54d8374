// <form data-confirm="id of a dialog">: the form is sent after the dialog's button with value "yes".
// Without JavaScript the form is sent at once: every such act can be taken back or is harmless to repeat.

export function startConfirm() {
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      const dialog = form.dataset.confirm && document.getElementById(form.dataset.confirm);
      if (!dialog || form.dataset.confirmed) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const sender = event.submitter;
      dialog.returnValue = "";
      dialog.showModal();
      dialog.addEventListener(
        "close",
        () => {
          if (dialog.returnValue !== "yes") return;
          form.dataset.confirmed = "yes";
          form.requestSubmit(sender ?? undefined);
        },
        { once: true },
      );
    },
    true,
  );
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  });
}
