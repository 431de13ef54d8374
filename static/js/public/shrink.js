// Makes a large photo small before it travels: a phone's 12 million pixels tell the model nothing that 1,024 do not.

const MAY_BE_LEFT = 1_500_000;

/**
 * @param {Blob} file
 * @param {number} side longest side in pixels that is sent; Infinity leaves every file as it is
 * @returns {Promise<Blob>} a JPEG, or the file itself where it is small or this browser cannot open it (HEIC)
 */
export async function shrink(file, side) {
  if (!Number.isFinite(side)) return file;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file; // the server may still know how, and says what is wrong if not
  }
  try {
    const scale = side / Math.max(bitmap.width, bitmap.height);
    if (scale >= 1 && file.size <= MAY_BE_LEFT) return file;
    return await toJpeg(bitmap, Math.min(1, scale));
  } finally {
    bitmap.close();
  }
}

/**
 * @param {ImageBitmap | HTMLVideoElement} source
 * @param {number} scale
 * @returns {Promise<Blob>}
 */
export function toJpeg(source, scale) {
  const width = source.videoWidth ?? source.width;
  const height = source.videoHeight ?? source.height;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  // JPEG knows no transparency: what is clear becomes white, as on the server.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no blob"))), "image/jpeg", 0.92);
  });
}
