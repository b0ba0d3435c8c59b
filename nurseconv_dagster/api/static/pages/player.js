// The recording: plays from a second, and lights the word that is being said. A typed talk has none.
const LEAD_S = 0.15; // a word begins a little before its time

export class Player {
  constructor(audio, speed, transcript) {
    this.audio = audio;
    this.transcript = transcript;
    this.cuedS = null;
    if (!audio) return;
    audio.addEventListener("play", () => this.#follow());
    for (const moved of ["seeked", "pause", "timeupdate"]) {
      audio.addEventListener(moved, () => transcript.lightWordAt(audio.currentTime));
    }
    speed.addEventListener("change", () => { audio.playbackRate = Number(speed.value); });
    transcript.onSecond((second) => this.playFrom(second));
  }

  playFrom(second) {
    if (!this.audio || second === null) return;
    this.cuedS = null;
    this.audio.currentTime = Math.max(0, second - LEAD_S);
    this.audio.play().catch(() => {}); // a browser may want a click first; the controls are there
  }

  // Space after j or k begins at the answer's words; anywhere else it goes on where it stopped.
  cue(second) {
    if (this.audio && this.audio.paused) this.cuedS = second;
  }

  toggle() {
    if (!this.audio) return;
    if (!this.audio.paused) this.audio.pause();
    else if (this.cuedS !== null) this.playFrom(this.cuedS);
    else this.audio.play().catch(() => {});
  }

  #follow() {
    if (this.audio.paused) return;
    this.transcript.lightWordAt(this.audio.currentTime);
    requestAnimationFrame(() => this.#follow());
  }
}
