// Thin classes: the words follow the source's language, and a line says how many requests the crawls may need.

const form = document.getElementById("fill-form");
const boxes = () => [...form.querySelectorAll("input[name=classes]:not(:disabled)")];
const all = document.getElementById("fill-all");

function pages(lacking, source) {
  const wanted = Math.max(1, Math.ceil((lacking * 3) / (2 * Number(source.perPage))));
  return source.maxPages ? Math.min(wanted, Number(source.maxPages)) : wanted;
}

function tell() {
  const source = form.querySelector("input[name=provider]:checked")?.dataset;
  if (!source) return;
  for (const cell of form.querySelectorAll(".asked")) {
    cell.querySelector(".zh").hidden = source.language !== "zh";
    cell.querySelector(".en").hidden = source.language === "zh";
  }
  const ticked = boxes().filter((one) => one.checked);
  all.checked = ticked.length === boxes().length;
  all.indeterminate = ticked.length > 0 && !all.checked;
  document.querySelector("#fill-start [data-count]").textContent = interpolate(
    ngettext("Start %s crawl", "Start %s crawls", ticked.length),
    [ticked.length.toLocaleString("en")],
  );
  document.getElementById("fill-start").disabled = !ticked.length;
  const n = ticked.reduce((sum, one) => sum + pages(Number(one.dataset.lacking), source), 0);
  let said = interpolate(ngettext("Up to %s request.", "Up to %s requests.", n), [n.toLocaleString("en")]);
  if (source.left && n > Number(source.left)) {
    const tight = gettext("The source answers %s more today; the crawls then stop and can be gone on with tomorrow.");
    said += ` ${interpolate(tight, [Number(source.left).toLocaleString("en")])}`;
  }
  document.getElementById("fill-needs").textContent = said;
}

if (form) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const one of boxes()) one.checked = all.checked;
  });
  form.addEventListener("change", tell);
  tell();
}
