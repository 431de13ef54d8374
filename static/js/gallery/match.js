// Finding a class by what a person types: Chinese, English, pinyin or initials.

const fold = (text) => (text ?? "").normalize("NFKC").toLowerCase().trim();

/** How well `typed` fits a class: lower is better, Infinity not at all. */
export function fit(one, typed) {
  const wanted = fold(typed);
  if (!wanted) return 0;
  const names = [fold(one.zh), fold(one.en), fold(one.key)].filter(Boolean);
  const squeezed = wanted.replaceAll(/[\s']/g, "");
  const initials = fold(one.initials);
  const pinyin = fold(one.pinyin);
  if (names.includes(wanted)) return 0;
  if (initials === squeezed) return 1;
  if (names.some((name) => name.startsWith(wanted))) return 2;
  if (initials.startsWith(squeezed)) return 3;
  if (pinyin.startsWith(squeezed)) return 4;
  if (names.some((name) => name.split(/[\s_-]+/).some((word) => word.startsWith(wanted)))) return 5;
  if (englishInitials(one.en).startsWith(squeezed)) return 6;
  if (names.some((name) => name.includes(wanted))) return 7;
  if (pinyin.includes(squeezed)) return 8;
  return Infinity;
}

function englishInitials(name) {
  return fold(name).split(/[\s_-]+/).map((word) => word[0] ?? "").join("");
}

/** Classes that fit, best first; among equals those used most. */
export function matches(classes, typed) {
  return classes
    .map((one) => ({ one, score: fit(one, typed) }))
    .filter(({ score }) => score < Infinity)
    .sort((a, b) => a.score - b.score || (b.one.n ?? 0) - (a.one.n ?? 0))
    .map(({ one }) => one);
}

/** The name to show, as the server chooses it: the reader's language first. */
export function shownName(one) {
  if (!one) return gettext("no label");
  const chinese = document.documentElement.lang.startsWith("zh");
  return (chinese ? one.zh || one.en : one.en || one.zh) || one.key;
}

export function otherName(one) {
  const shown = shownName(one);
  return [one.zh, one.en].find((name) => name && name !== shown) ?? "";
}
