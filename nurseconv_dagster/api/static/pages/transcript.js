// The words: which are lit, which is being said, which a reader has marked. Places are code points, as in the store.
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Transcript {
  constructor(pane) {
    this.pane = pane;
    this.words = [...pane.querySelectorAll(".w")];
    this.timed = this.words.filter((word) => word.dataset.s !== undefined);
    this.starts = this.timed.map((word) => Number(word.dataset.s));
    this.said = null;
  }

  onSecond(play) {
    this.pane.addEventListener("click", (event) => {
      const from = event.target.closest("[data-from]");
      const word = event.target.closest(".w[data-s]");
      if (from) play(Number(from.dataset.from));
      else if (word && getSelection().isCollapsed) play(Number(word.dataset.s));
    });
    this.pane.classList.add("playable");
  }

  light(places, { scroll = true } = {}) {
    for (const word of this.pane.querySelectorAll(".lit")) word.classList.remove("lit");
    const lit = this.words.filter((word) => places.some(([c, d]) => word.dataset.c < d && word.dataset.d > c));
    for (const word of lit) word.classList.add("lit");
    if (lit.length && scroll) this.#show(lit[0]);
  }

  lightWordAt(second) {
    const word = this.#wordAt(second);
    if (word === this.said) return;
    this.said?.classList.remove("now");
    this.said = word;
    word?.classList.add("now");
    if (word && !this.#isInView(word)) this.#show(word);
  }

  // The place that a reader has marked, from the first to the last whole word; null when nothing is marked.
  marked() {
    const selection = getSelection();
    if (selection.isCollapsed || !selection.rangeCount) return null;
    const inside = this.words.filter((word) => selection.getRangeAt(0).intersectsNode(word));
    if (!inside.length) return null;
    const last = inside[inside.length - 1];
    return { c: Number(inside[0].dataset.c), d: Number(last.dataset.d), text: inside.map((w) => w.textContent).join(" ") };
  }

  #wordAt(second) {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= second) low = middle + 1;
      else high = middle;
    }
    const word = this.timed[low - 1] ?? null;
    return word && second <= Number(word.dataset.e) + 0.3 ? word : null;
  }

  #isInView(word) {
    const [box, pane] = [word.getBoundingClientRect(), this.pane.getBoundingClientRect()];
    return box.top >= pane.top && box.bottom <= pane.bottom;
  }

  #show(word) {
    const pane = this.pane;
    const middle = word.getBoundingClientRect().top - pane.getBoundingClientRect().top - pane.clientHeight / 3;
    pane.scrollBy({ top: middle, behavior: calm.matches ? "auto" : "smooth" });
  }
}
