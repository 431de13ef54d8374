// <details class="menu">: closes on Escape, on a click elsewhere and when the focus leaves; arrows walk its entries.

const open = () => document.querySelector("details.menu[open]");
const entries = (menu) => [...menu.querySelectorAll(".pop a, .pop button, .pop input")].filter((one) => one.offsetParent);

// In these the arrows choose a value.
const OWN_ARROWS = "select, input[type=date], input[type=number]";

/** A menu that opens near the right edge grows to the left. */
function place(menu) {
  const pop = menu.querySelector(".pop");
  if (pop && pop.getBoundingClientRect().right > document.documentElement.clientWidth) menu.classList.add("end");
}

function close(menu, refocus) {
  menu.open = false;
  if (refocus) menu.querySelector("summary").focus();
}

function walk(menu, event) {
  const all = entries(menu);
  if (!all.length) return;
  event.preventDefault();
  const at = all.indexOf(document.activeElement);
  const step = event.key === "ArrowDown" ? 1 : -1;
  all[(at === -1 && step < 0 ? all.length - 1 : at + step + all.length) % all.length].focus();
}

export function startMenus() {
  document.addEventListener("click", (event) => {
    const menu = open();
    if (menu && !menu.contains(event.target)) close(menu, false);
  });
  // It does not bubble.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.menu[open]")) place(event.target);
  }, { capture: true });
  document.addEventListener("focusin", (event) => {
    const menu = open();
    if (menu && !menu.contains(event.target)) close(menu, false);
  });
  document.addEventListener("keydown", (event) => {
    const menu = open();
    if (!menu) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      close(menu, true);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && menu.contains(event.target) && !event.target.matches(OWN_ARROWS)) {
      walk(menu, event);
    }
  });
  // The rail is a strip at phone width: bring the entry of this page into view.
  document.querySelector(".rail a.on")?.scrollIntoView({ block: "nearest", inline: "center" });
}
