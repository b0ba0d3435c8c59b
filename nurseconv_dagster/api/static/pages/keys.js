// The keyboard: one letter each, never while somebody types or holds a modifier.
export function listenToKeys(cards, player, help, helpButton) {
  const keys = {
    j: () => cards.step(1),
    k: () => cards.step(-1),
    ArrowDown: () => cards.step(1),
    ArrowUp: () => cards.step(-1),
    Enter: () => cards.playChosen(),
    " ": () => player.toggle(),
    c: () => cards.do("confirm"),
    e: () => cards.do("edit"),
    n: () => cards.do("not_asked"),
    m: () => cards.do("comment"),
    u: () => cards.do("undo"),
    a: () => cards.toggleShown(),
    "?": () => help.showModal(),
  };
  helpButton.addEventListener("click", () => help.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.closest?.(".correction, .comment")) return cards.do("close");
    if (event.ctrlKey || event.metaKey || event.altKey || help.open || isTyping(event.target)) return;
    if ([" ", "Enter"].includes(event.key) && event.target.closest("button, a, summary, audio")) return;
    if (event.key.startsWith("Arrow") && !event.target.closest(".card")) return;
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
}

function isTyping(target) {
  return target.closest("textarea, select, input:not([type=checkbox])") !== null;
}
