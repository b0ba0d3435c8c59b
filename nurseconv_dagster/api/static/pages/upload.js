// Sends a file, a recording of this browser, or a typed text to the API, and follows it to its end.
import { token } from "./api.js";
import { follow } from "./follow.js";

const at = (id) => document.getElementById(id);
const may = at("main").dataset; // what this caller may do beside sending
let dropped = null;
let recording = null;

const way = () => document.querySelector("input[name=way]:checked").value;

for (const choice of document.querySelectorAll("input[name=way]")) {
  choice.addEventListener("change", () => {
    for (const part of document.querySelectorAll("[data-way]")) part.hidden = part.dataset.way !== way();
  });
}

at("drop").addEventListener("dragover", (event) => { event.preventDefault(); at("drop").classList.add("over"); });
at("drop").addEventListener("dragleave", () => at("drop").classList.remove("over"));
at("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  dropped = event.dataTransfer.files[0] ?? null;
  if (dropped) at("drop").querySelector("label").textContent = dropped.name;
});
at("file").addEventListener("change", () => { dropped = null; });

// Recording: webm with opus where the browser can, else what it has; the API looks at the content.
let recorder = null;
let ticking = null;
at("record").addEventListener("click", async () => {
  if (recorder?.state === "recording") { recorder.stop(); return; }
  let microphone;
  try {
    microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    fail("The microphone cannot be used; allow it for this page, or choose a file.");
    return;
  }
  const wanted = "audio/webm;codecs=opus";
  recorder = new MediaRecorder(microphone, MediaRecorder.isTypeSupported(wanted) ? { mimeType: wanted } : {});
  const pieces = [];
  const began = Date.now();
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.addEventListener("stop", () => {
    clearInterval(ticking);
    for (const track of microphone.getTracks()) track.stop();
    const ending = recorder.mimeType.includes("mp4") ? "m4a" : "webm";
    recording = new File(pieces, `recording.${ending}`, { type: recorder.mimeType });
    at("recorded").src = URL.createObjectURL(recording);
    at("recorded").hidden = false;
    at("record").setAttribute("aria-pressed", "false");
    at("record").textContent = "Record again";
  });
  recorder.start(1000);
  at("record").setAttribute("aria-pressed", "true");
  at("record").textContent = "Stop";
  ticking = setInterval(() => {
    const seconds = Math.floor((Date.now() - began) / 1000);
    at("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }, 250);
});

function fields() {
  const said = {};
  for (const name of ["unit", "profile", "nurse_id", "encounter_id", "language", "priority"]) {
    const value = at(name).value.trim();
    if (value) said[name] = value;
  }
  return { ...said, consent: at("consent").checked };
}

function tell(heading, percent, sentence) {
  at("progress").hidden = false;
  at("what").textContent = heading;
  at("what").classList.remove("wrong");
  at("bar").value = percent;
  at("sentence").textContent = sentence;
}

function fail(sentence) {
  tell("Not taken", 0, sentence);
  at("what").classList.add("wrong");
  at("send").disabled = false;
}

at("conversation").addEventListener("submit", (event) => {
  event.preventDefault();
  const file = { file: dropped ?? at("file").files[0], record: recording }[way()];
  if (way() !== "text" && !file) { fail("There is nothing to send yet: choose a file, or record."); return; }
  at("send").disabled = true;
  at("next").hidden = at("answers").hidden = true;
  if (way() === "text") {
    send("/api/v1/text-processing", JSON.stringify({ text: at("text").value, ...fields() }), "application/json");
  } else {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields())) form.append(name, value);
    form.append("file", file, file.name);
    send("/api/v1/uploads", form);
  }
});

function send(address, body, type) {
  const request = new XMLHttpRequest(); // fetch does not tell how much was sent
  request.open("POST", address);
  request.setRequestHeader("X-CSRF-Token", token);
  if (type) request.setRequestHeader("Content-Type", type);
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) tell("Sending", (100 * event.loaded) / event.total, "");
  });
  request.addEventListener("error", () => fail("The server cannot be reached; send it again."));
  request.addEventListener("load", () => {
    let answer = {};
    try { answer = JSON.parse(request.responseText); } catch { answer = { detail: "The server gave no answer." }; }
    if (request.status !== 202) { fail(answer.detail); return; }
    if (answer.status === "awaiting_review") { rest("Taken", "Another unit has sent this before; a person decides."); return; }
    awaitEnd(answer.task_id);
  });
  request.send(body);
}

function awaitEnd(id) {
  if (may.reads === undefined) { rest("Sent", "It is kept and will be worked on."); return; }
  tell("At work", 0, "It is kept; it will be worked on.");
  follow(id, {
    progress: (task) => tell("At work", task.progress, task.message),
    end: finish,
    lost: () => rest("At work", "It is kept and will be worked on; how far it is cannot be shown now.", at("bar").value),
  });
}

function rest(heading, sentence, percent = 100) {
  tell(heading, percent, sentence);
  at("send").disabled = false;
}

async function finish(task) {
  if (task.status !== "completed") { fail(task.error?.message ?? task.message); return; }
  rest("Done", "");
  at("review").href = `/review/conversations/${task.upload_id}`;
  at("next").hidden = may.reviews === undefined;
  const answer = await fetch(`/api/v1/uploads/${task.upload_id}?transcription=none`);
  if (!answer.ok) return;
  const rows = (await answer.json()).qa_results.map((result) => {
    const row = document.createElement("tr");
    for (const text of [result.question_text, result.answer_text ?? result.state.replaceAll("_", " ")]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    if (result.answer_text === null) row.lastChild.className = "state";
    return row;
  });
  document.querySelector("#answers tbody").replaceChildren(...rows);
  at("answers").hidden = rows.length === 0;
  if (!rows.length) at("sentence").textContent = "There are no answers.";
}
