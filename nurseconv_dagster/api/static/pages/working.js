// The page of a conversation that is still at work: shows how far it is, and loads again at the end.
import { follow } from "./follow.js";

const [main, bar, sentence] = ["main", "bar", "sentence"].map((id) => document.getElementById(id));
follow(main.dataset.follow, {
  progress: (task) => {
    bar.value = task.progress;
    sentence.textContent = task.message;
  },
  end: () => location.reload(),
  lost: () => { sentence.textContent = "How far it is cannot be shown now; load the page again in a while."; },
});
