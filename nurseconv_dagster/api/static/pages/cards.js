// The answers: which one is chosen, what its words are, and what becomes of a verdict.
import { fetchPiece, Refused, sendReview } from "./api.js";
import { addRow, readValue } from "./forms.js";

export class Cards {
  constructor(pane, transcript, player, facts) {
    Object.assign(this, { pane, transcript, player, facts, chosen: null, nDone: 0 });
    this.nWaiting = Number(document.getElementById("progress").dataset.waiting);
    this.status = document.getElementById("status");
    this.show(this.nWaiting ? "waiting" : "all");
    pane.addEventListener("click", (event) => this.#onClick(event));
    pane.addEventListener("submit", (event) => this.#onSubmit(event));
    pane.addEventListener("change", (event) => this.#onChange(event));
    this.choose(this.#visible()[0], { play: false, scroll: false });
  }

  show(which) {
    this.pane.dataset.shown = which;
    for (const button of this.pane.querySelectorAll("[data-show]")) {
      button.setAttribute("aria-pressed", button.dataset.show === which);
    }
    for (const group of this.pane.querySelectorAll(".group")) {
      group.hidden = which === "waiting" && !group.querySelector(".waits, .kept");
    }
  }

  toggleShown() {
    if (this.nWaiting) this.show(this.pane.dataset.shown === "all" ? "waiting" : "all");
  }

  choose(card, { play = false, scroll = true, focus = true } = {}) {
    if (!card) return;
    this.chosen?.classList.remove("chosen");
    this.chosen = card;
    card.classList.add("chosen");
    const quotes = [...card.querySelectorAll(".quote")];
    this.transcript.light(quotes.map((quote) => [Number(quote.dataset.c), Number(quote.dataset.d)]));
    const second = quotes.length && quotes[0].dataset.s !== undefined ? Number(quotes[0].dataset.s) : null;
    if (play) this.player.playFrom(second);
    else this.player.cue(second);
    if (scroll) card.scrollIntoView({ block: "nearest" });
    if (focus && scroll) card.focus({ preventScroll: true });
  }

  step(by) {
    const cards = this.#visible();
    const at = cards.indexOf(this.chosen);
    this.choose(cards[Math.min(Math.max(at + by, 0), cards.length - 1)]);
  }

  playChosen() {
    if (this.chosen) this.choose(this.chosen, { play: true });
  }

  do(what, card = this.chosen) {
    if (!card) return;
    this.choose(card, { scroll: false });
    ({
      confirm: () => this.#judge(card, { verdict: "confirmed" }),
      not_asked: () => this.#judge(card, { verdict: "not_asked" }),
      undo: () => card.dataset.undo && this.#judge(card, JSON.parse(card.dataset.undo)),
      edit: () => this.#openForm(card),
      close: () => this.#closeForm(card),
      comment: () => this.#toggleComment(card),
      pick: () => this.#pick(card),
      "add-row": () => addRow(card.querySelector(".rows")),
      reload: () => location.reload(),
      implausible: () => this.#submit(card, true),
    })[what]?.();
  }

  #visible() {
    return [...this.pane.querySelectorAll(".card")].filter((card) => card.offsetParent !== null);
  }

  #onClick(event) {
    const shown = event.target.closest("[data-show]");
    if (shown) return this.show(shown.dataset.show);
    const card = event.target.closest(".card");
    if (!card) return;
    const button = event.target.closest("[data-do]");
    const quote = event.target.closest(".quote");
    if (button) this.do(button.dataset.do, card);
    else if (quote) this.#playQuote(card, quote);
    else if (!event.target.closest("form, details, .comment, a") && getSelection().isCollapsed) this.choose(card, { play: true });
  }

  #playQuote(card, quote) {
    this.choose(card, { scroll: false });
    this.transcript.light([[Number(quote.dataset.c), Number(quote.dataset.d)]]);
    this.player.playFrom(quote.dataset.s === undefined ? null : Number(quote.dataset.s));
  }

  #onChange(event) {
    if (event.target.name !== "state") return;
    event.target.closest("form").querySelector(".value-form").hidden = event.target.value !== "answered";
  }

  #onSubmit(event) {
    event.preventDefault();
    this.#submit(event.target.closest(".card"), false);
  }

  #submit(card, acceptsImplausible) {
    const form = card.querySelector(".correction");
    const state = form.elements.state.value;
    const picked = [...form.querySelectorAll("[name=evidence]:checked")];
    const review = {
      verdict: "corrected",
      corrected_state: state,
      evidence: picked.map((box) => ({ start_char: Number(box.dataset.c), end_char: Number(box.dataset.d) })),
      accept_implausible: acceptsImplausible,
    };
    if (state === "answered") review.corrected_value = readValue(form.querySelector("[data-root]")) ?? null;
    this.#judge(card, review);
  }

  async #judge(card, review) {
    if (card.getAttribute("aria-busy") === "true") return;
    const notes = card.querySelector(".comment textarea").value.trim();
    card.setAttribute("aria-busy", "true");
    try {
      const made = await sendReview(card.dataset.answer, notes ? { ...review, notes } : review);
      card.dataset.answer = made.answer_id; // saved; should the new card not come, a further verdict still counts
      await this.#replace(card, made);
    } catch (error) {
      this.#refuse(card, error);
    } finally {
      card.removeAttribute("aria-busy");
    }
  }

  async #replace(card, made) {
    const fresh = (await fetchPiece(`/review/answers/${made.answer_id}`)).querySelector(".card");
    if (card.classList.contains("waits")) this.#count();
    fresh.classList.add("saved");
    fresh.classList.toggle("kept", card.matches(".waits, .kept")); // stays in sight among those that wait
    card.replaceWith(fresh);
    this.choose(fresh);
    this.#tell("Saved");
    this.facts.refresh();
  }

  #count() {
    this.nDone += 1;
    const left = this.nWaiting - this.nDone;
    document.getElementById("done").value = this.nDone;
    document.getElementById("done-text").textContent = `${this.nDone} of ${this.nWaiting}`;
    document.getElementById("all-done").hidden = left > 0;
    this.pane.querySelector("[data-show=waiting] b").textContent = left;
  }

  async #openForm(card) {
    const place = card.querySelector(".form-place");
    if (!place.firstElementChild) {
      try {
        place.replaceChildren(await fetchPiece(`/review/answers/${card.dataset.answer}/form`));
      } catch (error) {
        return this.#refuse(card, error);
      }
    }
    card.classList.add("editing");
    const state = place.querySelector("[name=state]");
    state.dispatchEvent(new Event("change", { bubbles: true }));
    const first = state.value === "answered" && place.querySelector("[data-root] :is(input, textarea, select)");
    (first || state).focus();
  }

  #closeForm(card) {
    card.querySelector(".form-place").replaceChildren();
    card.querySelector(".refused").hidden = true;
    card.classList.remove("editing");
    card.focus({ preventScroll: true });
  }

  #toggleComment(card) {
    const comment = card.querySelector(".comment");
    comment.hidden = !comment.hidden;
    card.querySelector("[data-do=comment]").setAttribute("aria-expanded", !comment.hidden);
    (comment.hidden ? card : comment.querySelector("textarea")).focus();
  }

  #pick(card) {
    const marked = this.transcript.marked();
    if (!marked) return this.#tell("Mark words in the conversation first, then press this again.");
    const label = document.createElement("label");
    label.className = "tick";
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "evidence", checked: true });
    Object.assign(box.dataset, { c: marked.c, d: marked.d });
    const quote = Object.assign(document.createElement("q"), { textContent: marked.text });
    label.append(box, " ", quote);
    card.querySelector(".picked").append(label);
    getSelection().removeAllRanges();
    this.transcript.light([[marked.c, marked.d]], { scroll: false });
  }

  #refuse(card, error) {
    if (!(error instanceof Refused)) throw error;
    const place = card.querySelector(".refused");
    place.textContent = `Not saved: ${error.message} `.replace("Not saved: Not saved: ", "Not saved: ");
    const way = { value_implausible: ["implausible", "It is meant, save it"], answer_superseded: ["reload", "Load again"],
      key_refused: ["reload", "Log in again"] }[error.code];
    if (way) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: way[1] });
      button.dataset.do = way[0];
      place.append(button);
    }
    place.hidden = false;
  }

  #tell(text) {
    this.status.textContent = text;
    this.status.classList.add("seen");
    clearTimeout(this.fading);
    this.fading = setTimeout(() => this.status.classList.remove("seen"), 2500);
  }
}
