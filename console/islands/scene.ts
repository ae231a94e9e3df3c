// One scene: the place, marks, what is not shown, and in words what it is worth.
import { one } from "./dom.ts";
import { watch, type Line } from "./feed.ts";
import type { Kind } from "./figures.ts";
import { conditions, type Marks, type SceneData, type State } from "./generated.ts";
import { MarkLayer, tally } from "./marks.ts";
import { hatch, PlacePicture } from "./place.ts";
import { hour, known, list, say, type Key } from "./texts.ts";

export class Scene {
  /** Called with whether nobody can say what is there now. */
  onDoubt: (doubt: boolean) => void = () => {};
  private readonly box: HTMLElement;
  private readonly caption: HTMLElement;
  private readonly status: HTMLElement;
  private readonly overlay: SVGElement | null;
  private readonly still: HTMLImageElement | null;
  private readonly place: PlacePicture;
  private readonly marks: MarkLayer;
  private stop: (() => void) | null = null;
  private line: Line = "connecting";
  private state: State | null = null;
  private last: Marks | null = null;
  private doubt = false;
  private heard: number; // when what is shown was so, by the city's clock
  private wordsTimer: number | undefined;
  private readonly first: string; // of the place, until tiles of it have come

  constructor(
    figure: HTMLElement,
    private readonly data: SceneData,
  ) {
    this.box = one(".scene-box", figure);
    this.heard = data.day + data.last * 60_000;
    this.caption = one(".scene-caption", figure);
    this.first = say("scene.picture", { time: hour(data.placeAt, data.zone) });
    this.status = one(".scene-status", figure);
    this.overlay = figure.querySelector(".scene-lines");
    this.still = figure.querySelector(".scene-place");
    this.place = new PlacePicture(() => this.placeChanged());
    this.marks = new MarkLayer(data.width, data.height, data.ground);
    this.still?.after(this.place.canvas);
    // Marks stand over the hatch: somebody may be where nothing is shown.
    (this.overlay ?? this.still)?.after(this.marks.canvas);
    this.place.canvas.hidden = true;
  }

  /** Shows what is there now, until show or stop is called. */
  live(): void {
    if (this.stop) return;
    this.stop = watch(this.data.camera, {
      place: (p) => this.place.apply(p),
      marks: (m) => {
        this.last = m;
        this.heard = m.at;
        if (this.shows) this.marks.show(m);
        this.words();
      },
      state: (s) => {
        this.state = s;
        this.heard = s.at;
        this.judge();
      },
      line: (l) => {
        this.line = l;
        this.judge();
      },
    });
  }

  /** Shows the place at a moment; caption says what was counted then. */
  show(address: string, caption: string): void {
    this.stop?.();
    this.stop = null;
    this.last = null;
    this.state = null;
    this.marks.clear();
    this.say(null);
    this.box.classList.remove("is-stale");
    this.place.canvas.hidden = true;
    this.caption.textContent = caption;
    if (this.still && this.still.getAttribute("src") !== address) {
      this.box.classList.add("is-loading");
      const done = () => this.box.classList.remove("is-loading");
      this.still.addEventListener("load", done, { once: true });
      this.still.addEventListener("error", done, { once: true });
      this.still.src = address;
    }
  }

  /** Marks are of this moment or not at all. */
  private get shows(): boolean {
    return this.line === "up" && (!this.state || conditions[this.state.condition as keyof typeof conditions] === "live");
  }

  private judge(): void {
    const at = hour(this.heard, this.data.zone);
    const condition = this.state ? conditions[this.state.condition as keyof typeof conditions] : "live";
    if (this.line === "up" && condition !== "live") {
      const key = `state.${condition}`;
      this.say(say("scene.stopped", { state: known(key) ? say(key) : "", time: at }));
    } else if (this.line === "camera") this.say(say("scene.lostline", { time: at }));
    else if (this.line === "hub") this.say(say("scene.losthub", { time: at }));
    else this.say(this.line === "connecting" && !this.last ? say("scene.connecting") : null);
    const stale = this.line === "camera" || this.line === "hub" || condition !== "live";
    this.box.classList.toggle("is-stale", stale);
    if (stale) this.marks.clear();
    const doubt = this.line === "camera" || this.line === "hub";
    if (doubt !== this.doubt) this.onDoubt((this.doubt = doubt));
    if (stale) this.wordsNow();
    else this.words();
  }

  private say(words: string | null): void {
    this.status.hidden = words === null;
    if (words !== null && this.status.textContent !== words) this.status.textContent = words;
  }

  private placeChanged(): void {
    if (!this.stop) return; // tiles that came before another moment was asked for, decoded after
    this.place.canvas.hidden = false;
    if (this.overlay) hatch(this.overlay, this.place.unshown());
    this.words();
  }

  /** The caption is written at most once a second, so that it can be read. */
  private words(): void {
    this.wordsTimer ??= window.setTimeout(() => this.wordsNow(), 400);
  }

  private wordsNow(): void {
    clearTimeout(this.wordsTimer);
    this.wordsTimer = undefined;
    if (this.stop) this.caption.textContent = this.captionNow();
  }

  private captionNow(): string {
    const parts: string[] = [];
    if (this.shows && this.last) parts.push(countWords(tally(this.last)));
    parts.push(this.place.drawn ? say("scene.picture", { time: hour(this.place.at, this.data.zone) }) : this.first);
    if (this.state && this.state.unknown >= 0.005) parts.push(say("scene.unknown", { n: Math.round(this.state.unknown * 100) }));
    return parts.join(" ");
  }
}

/** "12 people, 2 bicycles." */
export function countWords(found: Map<Kind, number>): string {
  const parts: string[] = [];
  for (const kind of ["person", "bicycle", "vehicle"] as const) {
    const n = found.get(kind) ?? 0;
    const key: Key = `count.${kind}`;
    if (n > 0) parts.push(say(key, { n }));
  }
  return parts.length ? say("scene.now", { counts: list(parts) }) : say("scene.nobody");
}
