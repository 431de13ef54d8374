// <table data-sortable>: a click on a head sorts the rows by the cells' data-value, again turns the order round.

export function startSorting(root) {
  for (const table of root.querySelectorAll("table[data-sortable]")) {
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sorter";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head));
      head.append(button);
    }
  }
}

function sort(table, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const column = head.cellIndex;
  const value = (row) => row.cells[column].dataset.value;
  const compare =
    head.dataset.kind === "text"
      ? (a, b) => value(a).localeCompare(value(b), document.documentElement.lang)
      : (a, b) => Number(value(a)) - Number(value(b));
  const body = table.tBodies[0];
  body.append(...[...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b))));
}
