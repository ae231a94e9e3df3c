// A short tone for new alerts, made by the browser itself. It is off until somebody turns
// it on: browsers allow no sound before that. What was chosen is remembered.
import { make } from "./dom.ts";
import { say } from "./texts.ts";

const store = "polity.sound";
const pause = 3000; // ms between two tones, however many alerts come

export class RoomSound {
  readonly element: HTMLElement;
  private readonly choice = make("select", { "aria-label": say("room.sound"), onchange: () => this.chosen() });
  private readonly silent = make("button", { type: "button", hidden: true, onclick: () => void this.wake() }, say("room.sound.press"));
  private audio: AudioContext | null = null;
  private from = 0; // priorities 1 to this one sound; 0: none
  private last = 0;

  constructor() {
    for (const n of [0, 1, 2, 3, 4] as const) this.choice.append(make("option", { value: n }, say(`room.sound.${n}`)));
    this.from = remembered();
    this.choice.value = String(this.from);
    this.element = make("span", { class: "room-sound" }, this.choice, this.silent);
    this.silent.hidden = this.from === 0;
    const first = () => void this.wake();
    for (const what of ["pointerdown", "keydown"]) document.addEventListener(what, first, { once: true });
  }

  /** Sounds for a new alert of a priority, if that was asked for. */
  alert(rank: number): void {
    if (!this.from || rank > this.from || this.audio?.state !== "running" || Date.now() - this.last < pause) return;
    this.last = Date.now();
    const [now, volume] = [this.audio.currentTime, this.audio.createGain()];
    volume.connect(this.audio.destination);
    volume.gain.setValueAtTime(0, now);
    volume.gain.linearRampToValueAtTime(0.2, now + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, now + 0.5);
    for (const [i, hertz] of (rank === 1 ? [880, 1175] : [660]).entries()) {
      const tone = this.audio.createOscillator();
      tone.frequency.value = hertz;
      tone.connect(volume);
      tone.start(now + 0.15 * i);
      tone.stop(now + 0.5);
    }
  }

  private chosen(): void {
    this.from = Number(this.choice.value);
    try {
      if (this.from) localStorage.setItem(store, String(this.from));
      else localStorage.removeItem(store);
    } catch {
      // Kept for this page only.
    }
    void this.wake();
  }

  private async wake(): Promise<void> {
    if (!this.from) {
      this.silent.hidden = true;
      return;
    }
    this.audio ??= new AudioContext();
    try {
      await this.audio.resume();
    } catch {
      // The browser wants to be asked by a press; the button stays.
    }
    this.silent.hidden = this.audio.state === "running";
  }
}

function remembered(): number {
  try {
    const n = Number(localStorage.getItem(store));
    return Number.isInteger(n) && n >= 0 && n <= 4 ? n : 0;
  } catch {
    return 0;
  }
}
