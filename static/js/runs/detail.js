// The run page: curves, progress and state, asked for again only while the run is unfinished.
import { Figure } from "../charts/figure.js";
import { accuracyFigure, lossFigure, onLogSwitch } from "./curves.js";
import { queueChanged } from "../poll.js";
import { request } from "../http.js";

const EVERY = 2000;
const SLOW = 10000;

const root = document.querySelector("[data-run]");
const run = JSON.parse(document.getElementById("curves").textContent);
const loss = new Figure(root.querySelector("[data-figure=loss]"));
const accuracy = new Figure(root.querySelector("[data-figure=accuracy]"));
let log = false;
let shown = "";

function draw() {
  const now = { ...run };
  // Nothing to redraw, nothing to flicker.
  const key = JSON.stringify([now.epochs.length, now.steps.length, now.steps.at(-1), now.best_epoch, log]);
  if (key === shown) return;
  shown = key;
  loss.draw(lossFigure([now], { log }));
  accuracy.draw(accuracyFigure([now]));
  fillTable(now);
}

function cell(text, className = "r") {
  const one = document.createElement("td");
  one.className = className;
  one.textContent = text;
  return one;
}

const number = (value) => (value === null ? "–" : value.toFixed(3));
const share = (value) => (value === null ? "–" : interpolate(gettext("%s %"), [(100 * value).toFixed(1)]));

function fillTable({ epochs, best_epoch: best }) {
  const body = root.querySelector("[data-epochs]");
  const rows = epochs.map((row) => {
    const tr = document.createElement("tr");
    if (row.epoch === best) tr.className = "best";
    tr.append(
      cell(row.epoch === best ? `${row.epoch} ★` : String(row.epoch)),
      cell(number(row.train_loss)),
      cell(number(row.val_loss)),
      cell(share(row.train_accuracy)),
      cell(share(row.val_accuracy)),
      cell(row.seconds === null ? "–" : row.seconds.toFixed(1)),
    );
    return tr;
  });
  if (rows.length) body.replaceChildren(...rows);
}

function swap(element, html) {
  const fresh = html.trim();
  if (element.dataset.html === fresh) return;
  element.dataset.html = fresh;
  // The focus stays where it was if the same control is there again.
  const kept = element.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
  element.innerHTML = fresh;
  if (kept) element.querySelector(`[data-keep="${kept}"]`)?.focus();
  window.htmx?.process(element);
}

/** Screen readers hear of a new state or message, not of every per cent. */
function say(answer) {
  const words = [answer.state_name, answer.message].filter(Boolean).join(". ");
  const place = root.querySelector("[data-say]");
  if (place.textContent !== words) place.textContent = words;
}

function update(answer) {
  Object.assign(run, { epochs: answer.epochs, steps: answer.steps, best_epoch: answer.best_epoch });
  draw();
  swap(root.querySelector("#run-status"), answer.status_html);
  say(answer);
  const tail = root.querySelector("[data-log-tail]");
  if (tail && answer.log_tail && tail.textContent !== answer.log_tail) {
    const atEnd = tail.scrollHeight - tail.scrollTop - tail.clientHeight < 24;
    tail.textContent = answer.log_tail;
    if (atEnd) tail.scrollTop = tail.scrollHeight;
  }
  if (!answer.unfinished) {
    swap(root.querySelector("#run-finished"), answer.finished_html);
    root.querySelector("[data-state]").replaceChildren();
    queueChanged();
  }
}

async function follow(wait = EVERY) {
  await new Promise((resolve) => setTimeout(resolve, wait));
  if (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
  let next = EVERY;
  try {
    const answer = await request(root.dataset.live);
    root.classList.remove("stale");
    update(answer);
    if (!answer.unfinished) return;
  } catch {
    root.classList.add("stale"); // the next answer puts it right
    next = SLOW;
  }
  follow(next);
}

draw();
onLogSwitch(root, (on) => {
  log = on;
  draw();
});
const tail = root.querySelector("[data-log-tail]");
if (tail) tail.scrollTop = tail.scrollHeight;
if (root.dataset.unfinished) follow();
