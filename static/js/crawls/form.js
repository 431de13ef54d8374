// The form of a crawl: words follow the source until somebody types, and a line says how many photos are asked for.

const form = document.getElementById("crawl-form");
const queries = form.elements.queries;
const perPage = form.elements.per_page;

const radios = () => [...form.querySelectorAll("input[name=provider]")];
const chosen = () => radios().find((one) => one.checked);
const lines = () => queries.value.split("\n").map((line) => line.trim()).filter(Boolean);

// What stands there is the class's name as the page put it, so that another source may put its own.
let isUntouched = radios().some((one) => one.dataset.words && one.dataset.words === queries.value.trim());
let isUsual = !perPage.value || radios().some((one) => one.dataset.perPage === perPage.value);

function follow() {
  const source = chosen();
  if (!source) return;
  if (isUntouched && source.dataset.words) queries.value = source.dataset.words;
  perPage.max = source.dataset.maxPerPage;
  if (isUsual) perPage.value = source.dataset.perPage;
  for (const option of form.elements.licence.options) {
    option.disabled = option.value !== "any" && !source.dataset.licences;
    if (option.disabled && option.selected) form.elements.licence.value = "any";
  }
  tell();
}

function tell() {
  const [pages, each] = ["total_page", "per_page"].map((name) => Number.parseInt(form.elements[name].value, 10));
  const searches = Math.max(1, lines().length);
  const out = document.getElementById("asks-for");
  const n = searches * pages * each;
  if (!Number.isFinite(n) || n < 1) {
    out.textContent = "";
    return;
  }
  const words = ngettext("Asks for up to %s photo.", "Asks for up to %s photos.", n);
  out.textContent = interpolate(words, [n.toLocaleString("en")]);
  const left = chosen()?.dataset.left;
  if (left && searches * pages > Number(left)) {
    const tight = gettext("That is %(pages)s requests; the source answers %(left)s more today.");
    out.textContent += ` ${interpolate(tight, { pages: (searches * pages).toLocaleString("en"), left: Number(left).toLocaleString("en") }, true)}`;
  }
}

form.addEventListener("input", (event) => {
  if (event.target === queries) isUntouched = false;
  if (event.target === perPage) isUsual = false;
  tell();
});
form.addEventListener("change", (event) => {
  if (event.target.name === "provider") follow();
});

// Words that worked before go into the form, after those that somebody typed.
form.addEventListener("click", (event) => {
  const use = event.target.closest("[data-use]");
  if (!use || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const source = radios().find((one) => one.value === use.dataset.provider && !one.disabled);
  if (!source || !use.dataset.use) return;
  event.preventDefault();
  source.checked = true;
  queries.value = isUntouched ? use.dataset.use : [...new Set([...lines(), use.dataset.use])].join("\n");
  isUntouched = false;
  follow();
  queries.focus();
});

follow();
