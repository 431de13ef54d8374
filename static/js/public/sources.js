// Where a photo may come from besides the buttons: dropped anywhere on the page, or pasted.

/** @param {HTMLElement} shot lights up while a file hovers over the page  @param {(file: File) => void} take */
export function startDropAndPaste(shot, take) {
  let depth = 0;
  const hasFile = (event) => event.dataTransfer?.types.includes("Files");
  const light = (on) => shot.classList.toggle("over", on);
  document.addEventListener("dragenter", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    depth += 1;
    light(true);
  });
  document.addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) light(false);
  });
  document.addEventListener("drop", (event) => {
    depth = 0;
    light(false);
    if (!hasFile(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    take(file);
  });
}
