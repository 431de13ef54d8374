// Fetches Plotly once, when the first figure of a page is about to be drawn. Its address stands in
// <meta name="plotly">, because static files carry a hash in their names.

let loading = null;

/** @returns {Promise<object>} Plotly; rejects where its script can't be had */
export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = document.createElement("script");
    script.src = document.querySelector("meta[name=plotly]").content;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("Plotly could not be loaded"));
    document.head.append(script);
  });
  return loading;
}
