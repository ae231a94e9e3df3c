// One scene on the wall. A tile is used again for another camera, canvases included, so
// that a wall that hangs for a shift takes no more memory than at its start.
import { draw, make } from "./dom.ts";
import { watch, type Line } from "./feed.ts";
import { conditions, type Marks, type State, type WallCamera } from "./generated.ts";
import { MarkLayer, tally } from "./marks.ts";
import { hatch, PlacePicture } from "./place.ts";
import { countWords } from "./scene.ts";
import { hour, known, say } from "./texts.ts";

type Scale = 1 | 0.5 | 0.25;
export type Standing = "connecting" | "live" | "trouble" | "lost";

const wordsEvery = 1000; // ms, so that they can be read
const pauseAfter = 2000; // ms out of sight
const enough = 0.8; // share of the wanted rate below which a camera observes less, as on the server

export class WallTile {
  readonly element = make("li");
  readonly link = make("a", { class: "wall-tile", tabindex: -1 });
  /** Called when it begins or ceases to be live. */
  onStanding: () => void = () => {};
  private readonly frame = make("span", { class: "wall-frame" });
  private readonly picture = make("span", { class: "wall-picture" });
  private readonly sign = make("span", { class: "sign" });
  private readonly signWord = make("span", { class: "unseen" });
  private readonly name = make("span", { class: "wall-name" });
  private readonly said = make("span", { class: "wall-said" });
  private readonly overlay = draw("svg", { class: "scene-lines", "aria-hidden": "true", preserveAspectRatio: "none" }, draw("path", { class: "unshown", fill: "url(#hatch)" }));
  private readonly place = new PlacePicture(() => this.placeChanged());
  private readonly marks = new MarkLayer(1, 1, null, { fades: false, least: 8 });
  private camera: WallCamera | null = null;
  private scale: Scale = 1;
  private width = 0; // of the tile, CSS pixels
  private visible = false;
  private stop: (() => void) | null = null;
  private line: Line = "connecting";
  private state: State | null = null;
  private last: Marks | null = null;
  private heard = 0; // when what is shown was so, by the city's clock
  private wordsTimer: number | undefined;
  private pauseTimer: number | undefined;
  standing: Standing = "connecting";

  constructor(private readonly zone: string) {
    this.sign.append(this.signWord);
    this.picture.append(this.place.canvas, this.overlay, this.marks.canvas);
    this.frame.append(this.picture);
    this.link.append(this.frame, make("span", { class: "wall-title" }, this.sign, this.name), this.said);
    this.element.append(this.link);
  }

  /** The line to the city's server is lost, or has not been there yet. */
  get lineIsLost(): boolean {
    return this.line === "hub";
  }

  get shown(): WallCamera | null {
    return this.camera;
  }

  /** Shows another camera, or none. */
  show(camera: WallCamera | null): void {
    if (camera?.name === this.camera?.name) return;
    this.pause();
    this.camera = camera;
    this.element.hidden = camera === null;
    this.line = "connecting";
    this.heard = 0;
    if (!camera) return;
    this.link.href = `/cameras/${camera.name}`;
    this.name.textContent = camera.title;
    this.name.title = camera.title;
    const [w, h] = [camera.width || 4, camera.height || 3];
    this.picture.style.aspectRatio = `${w} / ${h}`;
    this.picture.classList.toggle("is-wide", w / h > 4 / 3);
    this.overlay.setAttribute("viewBox", `0 0 ${w} ${h}`);
    this.marks.setPlace(w, h, camera.ground);
    this.place.forget((this.scale = this.wanted()));
    this.judge();
    this.follow();
  }

  /** Tells how wide the tile is; a place that was kept smaller is asked for again. */
  fit(width: number): void {
    this.width = width;
    const scale = this.wanted();
    if (!this.camera || scale === this.scale) return;
    this.place.forget((this.scale = scale));
    this.pause();
    this.follow();
  }

  /** Out of sight for a while, a tile asks for nothing: nobody looks. */
  see(visible: boolean): void {
    this.visible = visible;
    clearTimeout(this.pauseTimer);
    if (visible) this.follow();
    else this.pauseTimer = window.setTimeout(() => this.pause(), pauseAfter);
  }

  private wanted(): Scale {
    const need = (this.width * Math.min(devicePixelRatio, 2)) / (this.camera?.width || 1);
    return need <= 0.25 ? 0.25 : need <= 0.5 ? 0.5 : 1;
  }

  private follow(): void {
    const camera = this.camera;
    if (!camera || !this.visible || this.stop) return;
    this.stop = watch(camera.name, {
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

  private pause(): void {
    this.stop?.();
    this.stop = null;
    this.last = null;
    this.state = null;
    this.marks.clear();
  }

  private get condition(): string {
    return this.state ? conditions[this.state.condition as keyof typeof conditions] : "live";
  }

  /** Marks are of this moment or not at all. */
  private get shows(): boolean {
    return this.line === "up" && this.condition === "live";
  }

  private judge(): void {
    const lost = this.line === "camera" || this.line === "hub";
    const before = this.standing;
    if (lost) this.standing = "lost";
    else if (this.condition !== "live") this.standing = "trouble";
    else this.standing = this.line === "up" ? "live" : "connecting";
    const stale = this.standing === "lost" || this.standing === "trouble";
    this.frame.classList.toggle("is-stale", stale);
    if (stale) this.marks.clear();
    if (this.standing !== before) {
      this.wordsNow();
      this.onStanding();
    } else this.words();
  }

  private placeChanged(): void {
    hatch(this.overlay, this.place.unshown());
  }

  private words(): void {
    this.wordsTimer ??= window.setTimeout(() => this.wordsNow(), wordsEvery);
  }

  private wordsNow(): void {
    clearTimeout(this.wordsTimer);
    this.wordsTimer = undefined;
    const [shape, word] = this.signNow();
    const name = `sign sign-${shape}`;
    if (this.sign.className !== name) this.sign.className = name;
    set(this.signWord, word);
    set(this.said, this.saidNow(word));
  }

  private signNow(): [shape: string, word: string] {
    if (this.standing === "lost") return ["attention", say("state.lostline")];
    if (this.standing === "connecting") return ["unknown", say("wall.connecting")];
    if (this.state && this.condition === "live" && this.state.wanted > 0 && this.state.per_second < enough * this.state.wanted) return ["attention", say("state.less")];
    const key = `state.${this.condition}`;
    const shape = { live: "live", starting: "unknown", "no-detector": "attention" }[this.condition] ?? "stopped";
    return [shape, known(key) ? say(key) : ""];
  }

  private saidNow(word: string): string {
    if (this.standing === "lost") return this.heard ? say("wall.lost", { time: hour(this.heard, this.zone) }) : say("state.lostline");
    if (this.standing !== "live") return word;
    return this.last ? countWords(tally(this.last)) : word;
  }

  /** Everything about the tile in one line, for the one that is chosen. */
  describe(): string {
    if (!this.camera) return "";
    const [, word] = this.signNow();
    const parts = [`${this.camera.title}.`, `${word}.`, this.said.textContent === word ? "" : (this.said.textContent ?? "")];
    if (this.place.drawn) parts.push(say("scene.picture", { time: hour(this.place.at, this.zone) }));
    if (this.state && this.state.unknown >= 0.005) parts.push(say("scene.unknown", { n: Math.round(this.state.unknown * 100) }));
    return parts.filter(Boolean).join(" ");
  }
}

function set(at: HTMLElement, words: string): void {
  if (at.textContent !== words) at.textContent = words;
}
