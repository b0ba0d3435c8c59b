// The facts at the top of a conversation: while the score is worked out anew they wait for it, and show it when it is there.
import { fetchText, Refused } from "./api.js";
import { follow } from "./follow.js";

export class Facts {
  constructor() {
    this.isFollowing = false;
    this.turn = 0;
    this.#follow();
  }

  async refresh() {
    const turn = ++this.turn;
    let text;
    try {
      text = await fetchText(location.pathname);
    } catch (error) {
      if (error instanceof Refused) return; // what stands here is older, not wrong; the next verdict tells of it
      throw error;
    }
    if (turn !== this.turn) return; // a later verdict asked again
    const fresh = new DOMParser().parseFromString(text, "text/html"); // inert: it loads no second recording
    if (answersOf(fresh) !== answersOf(document) && !isAtWork()) return location.reload();
    document.querySelector(".facts").replaceWith(fresh.querySelector(".facts"));
    this.#follow();
  }

  #follow() {
    const id = document.querySelector(".facts").dataset.follow;
    if (!id || this.isFollowing) return;
    this.isFollowing = true;
    follow(id, {
      end: (task) => {
        this.isFollowing = false;
        if (task.status === "completed") this.refresh();
        else location.reload();
      },
      lost: () => { this.isFollowing = false; },
    });
  }
}

// A new run has replaced the answers when these are others.
const answersOf = (page) => [...page.querySelectorAll(".card")].map((card) => card.dataset.answer).join();

// Whether a reload would take something from under the reviewer's hands.
const isAtWork = () => document.querySelector(".card.editing, .card[aria-busy=true], dialog[open]") !== null
  || [...document.querySelectorAll(".comment textarea")].some((box) => box.value);
