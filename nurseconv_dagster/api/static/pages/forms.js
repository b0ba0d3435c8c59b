// The inputs of a correction become the value that the API takes. What is empty is left out.

// The value below an element with the attribute data-kind, or undefined where nothing was typed.
export function readValue(root) {
  const top = root.querySelector("[data-kind]");
  return READERS[top.dataset.kind](top);
}

const READERS = {
  text: (input) => input.value.trim() || undefined,
  choice: (input) => input.value || undefined,
  number: (input) => (input.value === "" ? undefined : Number(input.value)),
  boolean: (input) => (input.value === "" ? undefined : input.value === "true"),
  lines: (input) => input.value.split("\n").map((line) => line.trim()).filter(Boolean),
  several: (group) => [...group.querySelectorAll("input:checked")].map((box) => box.value),
  object: readObject,
  rows: (rows) => [...rows.querySelectorAll(":scope > .row [data-kind=object]")].map(readObject).filter((row) => Object.keys(row).length),
};

function readObject(group) {
  const found = {};
  for (const input of group.querySelectorAll("[data-kind]")) {
    const value = READERS[input.dataset.kind](input);
    if (value !== undefined) found[input.dataset.name] = value;
  }
  return found;
}

export function addRow(rows) {
  const number = rows.querySelectorAll(":scope > .row").length + 1;
  const template = rows.querySelector("template");
  const row = template.content.firstElementChild.cloneNode(true);
  row.querySelector("legend").textContent = `Item ${number}`;
  for (const item of row.querySelectorAll("[id], [for]")) {
    for (const name of ["id", "for"]) {
      if (item.hasAttribute(name)) item.setAttribute(name, item.getAttribute(name).replace("NEW", number));
    }
  }
  template.before(row);
  row.querySelector("[data-name]:not(.parts)").focus();
}
