// The upload page: collect, preview, send, then on to the page that tells what became of each file.
import { csrfToken, request } from "../http.js";
import { fromDropped, fromList, holdDropped } from "./collect.js";
import { Plan } from "./plan.js";
import { count, drawPreview, size } from "./preview.js";
import { Sender } from "./send.js";

const SHOWN_REFUSALS = 100;
const REDRAW_EVERY = 150; // ms

const byId = (id) => document.getElementById(id);
const config = JSON.parse(byId("upload-config").textContent);
const form = byId("upload");
const plan = new Plan(config);
let sender = null;
let busy = false;

document.documentElement.classList.add("scripted");

function redraw() {
  document.body.classList.toggle("has-plan", !plan.isEmpty);
  byId("start-over").hidden = plan.isEmpty;
  if (plan.isEmpty && !plan.leftOut.noPhoto && !plan.leftOut.tooLarge.length) byId("preview").hidden = true;
  else drawPreview(byId("preview"), plan, redraw);
  byId("send").disabled = plan.isEmpty || busy;
}

async function collect(source) {
  busy = true;
  const finding = byId("finding");
  let drawn = 0;
  finding.hidden = false;
  try {
    for await (const one of source) {
      plan.add(one);
      if (performance.now() - drawn > REDRAW_EVERY) {
        drawn = performance.now();
        finding.textContent = interpolate(gettext("Looking through the folder: %s files"), [count(plan.count)]);
      }
    }
    finding.hidden = true;
  } catch (error) {
    finding.textContent = `${gettext("The folder can't be read to its end.")} ${error.message}`;
  }
  busy = false;
  redraw();
  if (!plan.isEmpty) byId("send").focus({ preventScroll: true });
}

for (const field of [byId("files"), byId("folder")]) {
  field.addEventListener("change", async () => {
    const chosen = [...field.files];
    field.value = "";
    await collect(fromList(chosen));
  });
}

// The whole window takes what is dropped: a browser would otherwise open the photo and lose the page.
let depth = 0;
const zone = byId("dropzone");
const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  depth += 1;
  zone.classList.add("over");
});
addEventListener("dragleave", () => {
  depth = Math.max(0, depth - 1);
  if (!depth) zone.classList.remove("over");
});
addEventListener("dragover", (event) => {
  if (carriesFiles(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  zone.classList.remove("over");
  if (!sender) collect(fromDropped(holdDropped(event.dataTransfer)));
});

byId("start-over").addEventListener("click", () => {
  plan.clear();
  redraw();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopPropagation();
  if (!plan.isEmpty && !busy) begin();
}, { capture: true });

async function begin() {
  busy = true;
  byId("send").disabled = true;
  const body = new FormData();
  body.append("author", form.elements.author.value);
  body.append("licence", form.elements.licence.value);
  body.append("use_folders", plan.useFolders ? "on" : "");
  body.append("categories", JSON.stringify(plan.useFolders ? [...plan.confirmed] : []));
  body.append("csrfmiddlewaretoken", csrfToken());
  let batch;
  try {
    batch = await request(config.openUrl, { method: "POST", body });
  } catch (error) {
    busy = false;
    byId("finding").hidden = false;
    byId("finding").textContent = error.message;
    byId("send").disabled = false;
    return;
  }
  sender = new Sender(plan.files, { ...config, addUrl: batch.addUrl, useFolders: plan.useFolders });
  form.hidden = true;
  byId("sending").hidden = false;
  sender.addEventListener("progress", (event) => showProgress(event.detail));
  sender.addEventListener("rejected", (event) => showRefused(event.detail));
  byId("sending-retry").addEventListener("click", () => go(batch));
  addEventListener("beforeunload", guard);
  go(batch);
}

function guard(event) {
  event.preventDefault();
}

async function go(batch) {
  byId("sending-fault").hidden = true;
  try {
    await sender.run();
    const { url } = await request(batch.closeUrl, { method: "POST" });
    removeEventListener("beforeunload", guard);
    location.assign(url);
  } catch (error) {
    byId("sending-fault").hidden = false;
    byId("sending-fault-words").textContent = `${error.message} ${gettext("What has arrived is kept; only the rest is sent again.")}`;
  }
}

let started = null;
let spoken = 0;

function showProgress({ bytes, files }) {
  started ??= performance.now();
  byId("sending-bar").value = sender.total ? bytes / sender.total : files / sender.count;
  // Screen readers read every change: two a second are more than enough for eyes too.
  if (performance.now() - spoken < 500 && files < sender.count) return;
  spoken = performance.now();
  const words = interpolate(gettext("%(files)s of %(all)s files · %(sent)s of %(size)s"), {
    files: count(files), all: count(sender.count), sent: size(bytes), size: size(sender.total),
  }, true);
  byId("sending-words").textContent = `${words}${timeLeft(bytes)}`;
}

function timeLeft(bytes) {
  const seconds = (performance.now() - started) / 1000;
  if (seconds < 3 || !bytes) return "";
  const left = ((sender.total - bytes) / bytes) * seconds;
  if (left < 60) return ` · ${gettext("less than a minute left")}`;
  return ` · ${interpolate(gettext("about %s min left"), [Math.round(left / 60)])}`;
}

let refusals = 0;

function showRefused(rejected) {
  byId("refused").hidden = false;
  for (const { name, sentence } of rejected) {
    refusals += 1;
    if (refusals > SHOWN_REFUSALS) continue;
    const line = document.createElement("li");
    const file = document.createElement("b");
    file.textContent = name.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd").slice(0, 160);
    line.append(file, ` ${sentence}`);
    byId("refused-list").append(line);
  }
  const more = byId("refused-more");
  more.hidden = refusals <= SHOWN_REFUSALS;
  more.textContent = interpolate(gettext("And %s more: the next page lists all of them."), [count(refusals - SHOWN_REFUSALS)]);
}

redraw();
