// The camera's picture live in the place of the photo, with a shutter. Browsers allow it on https and localhost only.
import { toJpeg } from "./shrink.js";

export function hasLiveCamera() {
  return window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

/**
 * Shows the live view until a photo is taken or the person leaves.
 * @param {HTMLElement} shot
 * @param {number} side longest side of the photo in pixels
 * @returns {Promise<Blob | null>} null if left without a photo; throws where the camera is refused or absent
 */
export async function takeLive(shot, side) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1440 } },
  });
  const video = document.createElement("video");
  video.playsInline = video.muted = video.autoplay = true;
  video.srcObject = stream;
  const { finder, shutter, leave } = controls();
  shot.append(video, finder);
  try {
    shutter.disabled = true; // until there is a picture, a press would be lost
    await video.play();
    shutter.disabled = false;
    shutter.focus({ preventScroll: true });
    if (!(await pressed(shot, shutter, leave))) return null;
    return await toJpeg(video, Math.min(1, side / Math.max(video.videoWidth, video.videoHeight)));
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.remove();
    finder.remove();
  }
}

function controls() {
  const finder = document.createElement("div");
  finder.className = "finder";
  const leave = button("btn", gettext("Close the camera"));
  leave.textContent = "×";
  const shutter = button("shutter", gettext("Take the photo"));
  const balance = document.createElement("span");
  balance.className = "btn";
  balance.style.visibility = "hidden"; // keeps the shutter in the middle
  finder.append(leave, shutter, balance);
  return { finder, shutter, leave };
}

function button(className, label) {
  const one = document.createElement("button");
  one.type = "button";
  one.className = className;
  one.setAttribute("aria-label", label);
  return one;
}

/** @returns {Promise<boolean>} true at the shutter, false at the way out, Escape or leaving the page */
function pressed(shot, shutter, leave) {
  return new Promise((resolve) => {
    const done = new AbortController();
    const end = (taken) => {
      done.abort();
      resolve(taken);
    };
    const options = { signal: done.signal };
    shutter.addEventListener("click", () => end(true), options);
    leave.addEventListener("click", () => end(false), options);
    shot.addEventListener("leave-camera", () => end(false), options);
    document.addEventListener("keydown", (event) => event.key === "Escape" && end(false), options);
    document.addEventListener("visibilitychange", () => document.hidden && end(false), options);
  });
}
