// Talking to the server: reviews go out as JSON, pieces of the page come back as HTML.
export const token = document.querySelector("meta[name=csrf-token]")?.content ?? "";

// What was refused, with what to do about it.
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export async function sendReview(answerId, review) {
  const answer = await ask(`/api/v1/answers/${answerId}/reviews`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": token },
    body: JSON.stringify(review),
  });
  return answer.json();
}

export async function fetchText(path) {
  const answer = await ask(path, { headers: { Accept: "application/xhtml+xml" } });
  return answer.text();
}

export async function fetchPiece(path) {
  return document.createRange().createContextualFragment(await fetchText(path));
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused("no_connection", "Not saved: the server cannot be reached. Try again in a moment.");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) throw new Refused("key_refused", "You are logged out. Load the page to log in again.");
  const told = await answer.json().catch(() => ({ code: "unreadable", detail: "The server gave no reason." }));
  throw new Refused(told.code, told.detail);
}
