// fetch with the site's own manners: CSRF header, JSON answers, errors that carry a sentence.

export function csrfToken() {
  return document.querySelector("meta[name=csrf-token]")?.content ?? "";
}

export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @returns {Promise<any>} the JSON answer; throws HttpError with the server's sentence otherwise */
export async function request(url, { method = "GET", json, body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (json !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, { method, headers, body: json === undefined ? body : JSON.stringify(json), signal });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new HttpError(0, gettext("The server can't be reached. Check the connection and try again."));
  }
  if (response.redirected && response.url.includes("/sign-in/")) {
    throw new HttpError(401, gettext("You were signed out. Load the page again to sign in."));
  }
  const isJson = response.headers.get("Content-Type")?.includes("application/json");
  const answer = isJson ? await response.json() : null;
  if (!response.ok) throw new HttpError(response.status, answer?.error ?? gettext("That did not work. Try again."));
  return answer;
}
