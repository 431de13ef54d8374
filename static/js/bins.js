// "Which bin?" by keys: 1–4 choose and go on to the next class, 5 is "no bin", up and down move between classes.
// Left and right move within a class, as in any group of radio buttons; Enter saves.

const form = document.getElementById("bin-form");
const rows = [...(form?.querySelectorAll(".binrow") ?? [])];
const radios = (row) => [...row.querySelectorAll("input[type=radio]")];
const chosen = (row) => row.querySelector("input:checked");

// The class that keys speak of while the focus is nowhere, as after a click beside the rows.
let current = rows[0];

function enter(row) {
  if (!row) return;
  current = row;
  (chosen(row) ?? radios(row)[0]).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function count() {
  const done = rows.filter(chosen).length;
  document.getElementById("bin-count").textContent = interpolate(
    gettext("%(done)s of %(all)s chosen"),
    { done, all: rows.length },
    true,
  );
}

function unmark(row) {
  row.querySelector(".badge")?.remove();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target !== document.body && !event.target.closest?.(".binrow")) return;
  const row = event.target.closest?.(".binrow") ?? current;
  if (event.key >= "1" && event.key <= "5") {
    event.preventDefault();
    const radio = radios(row)[Number(event.key) - 1];
    radio.checked = true;
    radio.dispatchEvent(new Event("change", { bubbles: true }));
    const next = rows[rows.indexOf(row) + 1];
    if (next) enter(next);
    else form.querySelector(".savebar button").focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    // Within a radio group these keys would change the choice: here they walk the classes.
    event.preventDefault();
    enter(rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)]);
  }
}

if (form) {
  document.addEventListener("keydown", onKey);
  form.addEventListener("change", (event) => {
    unmark(event.target.closest(".binrow"));
    count();
  });
  form.addEventListener("focusin", (event) => {
    current = event.target.closest(".binrow") ?? current;
  });
  count();
  enter(rows[0]);
}
