// Loaded in <head> without defer, so that the chosen theme stands before the first paint.
// No choice (or no storage, as in private windows): the style sheets follow the system.
(function () {
  "use strict";
  try {
    var chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch (refused) {
    // Storage is refused: nothing to restore.
  }
  document.documentElement.classList.add("js");
})();
