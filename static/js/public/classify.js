// Turns the plain form into one that answers in place: preview at once, smaller upload, answer without a reload.
import { hasLiveCamera, takeLive } from "./camera.js";
import { shrink } from "./shrink.js";
import { startDropAndPaste } from "./sources.js";

const TIMEOUT = 30_000;

/** @param {HTMLFormElement} form  @param {{side: number, onAnswer?: () => void}} options */
export function startClassify(form, { side, onAnswer = () => {} }) {
  const shot = form.querySelector("[data-shot]");
  const result = form.querySelector("[data-result]");
  const cameraInput = form.querySelector("[data-camera-input]");
  let asked = null; // the request that counts: a newer photo ends the one before

  for (const one of form.querySelectorAll("[data-send]")) one.hidden = true;
  for (const one of form.querySelectorAll("[data-drop-hint]")) one.hidden = matchMedia("(pointer: coarse)").matches;

  async function take(photo) {
    if (!photo) return;
    asked?.abort();
    shot.dispatchEvent(new Event("leave-camera"));
    const current = (asked = new AbortController());
    preview(shot, photo);
    working(shot, result, true);
    const timer = setTimeout(() => current.abort("late"), TIMEOUT);
    try {
      const small = await shrink(photo, side);
      const answer = current.signal.aborted ? null : await ask(form, small, current.signal);
      if (current !== asked || answer === null) return;
      show(result, answer, () => take(photo));
      onAnswer();
    } catch (failure) {
      if (current !== asked) return;
      if (failure.name === "AbortError" && current.signal.reason !== "late") return;
      show(result, problem(failureSentence(current.signal)), () => take(photo));
    } finally {
      clearTimeout(timer);
      if (current === asked) working(shot, result, false);
    }
  }

  for (const input of form.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      take(input.files[0]);
      input.value = ""; // the same file may be chosen again
    });
  }
  if (hasLiveCamera() && cameraInput) startCamera(form, shot, cameraInput, side, take);
  startDropAndPaste(shot, take);
  form.addEventListener("submit", (event) => event.preventDefault());
  startCountdown(result);
}

function startCamera(form, shot, input, side, take) {
  let isNative = false;
  form.querySelector("[data-take]").addEventListener("click", async (event) => {
    if (isNative) return;
    event.preventDefault();
    if (shot.querySelector("video")) return;
    try {
      await take(await takeLive(shot, side));
    } catch {
      // Refused, absent or in use: the browser's own way to a camera or a file remains.
      isNative = true;
      input.click();
    }
  });
}

function preview(shot, photo) {
  const image = document.createElement("img");
  image.alt = gettext("Your photo");
  const address = URL.createObjectURL(photo);
  const forget = () => URL.revokeObjectURL(address);
  image.addEventListener("load", forget, { once: true });
  image.addEventListener("error", () => {
    forget();
    image.remove(); // a format this browser does not draw, or no photo at all: the answer will tell
    hint(shot, true);
  });
  image.src = address;
  for (const old of shot.querySelectorAll("img")) old.remove();
  shot.prepend(image);
  hint(shot, false);
}

function hint(shot, on) {
  for (const one of shot.querySelectorAll("[data-hint]")) one.hidden = !on;
}

function working(shot, result, on) {
  shot.querySelector(".working")?.remove();
  result.classList.toggle("stale", on);
  result.setAttribute("aria-busy", String(on));
  if (!on) return;
  const bar = document.createElement("div");
  bar.className = "working";
  shot.append(bar);
}

async function ask(form, photo, signal) {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  body.set("photo", photo, "photo");
  const response = await fetch(form.action, { method: "POST", body, signal, headers: { "HX-Request": "true" } });
  const isPage = response.headers.get("Content-Type")?.startsWith("text/html");
  const text = await response.text();
  if (isPage && response.headers.has("X-Fragment")) return fragment(text);
  if (response.status === 413) return problem(gettext("This file is larger than 10 MB. Make it smaller and try again."));
  if (response.status === 403) return problem(gettext("This page is too old. Load it again, then try once more."));
  return problem(gettext("Something went wrong on our side. Try again in a moment."));
}

function failureSentence(signal) {
  if (signal.reason === "late") return gettext("The answer took too long. Try again in a moment.");
  if (navigator.onLine === false) return gettext("You are offline. Connect to the Internet and try again.");
  return gettext("The server cannot be reached. Check your connection and try again.");
}

/** Our own server's HTML, parsed without running anything. */
function fragment(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const parts = document.createDocumentFragment();
  parts.append(...page.body.children);
  return parts;
}

function problem(sentence) {
  const note = document.createElement("div");
  note.className = "note bad problem";
  const words = document.createElement("p");
  words.textContent = sentence;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "btn";
  again.dataset.retry = "";
  again.textContent = gettext("Try again");
  note.append(words, again);
  return note;
}

function show(result, content, retry) {
  result.replaceChildren(content);
  for (const button of result.querySelectorAll("[data-retry]")) {
    button.addEventListener("click", retry, { once: true });
    button.hidden = Boolean(button.closest("[data-retry-after]"));
  }
  startCountdown(result);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  result.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
}

/** "Wait 12 s." counts down, hidden from screen readers after the first reading; then the button appears. */
function startCountdown(result) {
  const note = result.querySelector("[data-retry-after]");
  if (!note) return;
  const words = note.querySelector("[data-countdown]");
  const end = Date.now() + 1000 * Number(note.dataset.retryAfter);
  const tick = () => {
    if (!note.isConnected) return;
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left > 0) {
      words.textContent = interpolate(gettext("Wait %s s."), [left]);
      setTimeout(tick, 1000);
      return;
    }
    words.textContent = "";
    for (const button of note.querySelectorAll("[data-retry]")) button.hidden = false;
  };
  words.setAttribute("aria-live", "off");
  setTimeout(tick, 1000);
}
