// The wall: many live scenes at once, as many as fit, over one feed. Which cameras, how
// many at once and which screen of them stand in the page's address.
import { dataOf, make, one } from "./dom.ts";
import type { WallData } from "./generated.ts";
import { keysAreOn, typing } from "./roomkeys.ts";
import { hour, say } from "./texts.ts";
import { fit, gap, step } from "./walllayout.ts";
import { WallTile } from "./walltile.ts";

const root = one<HTMLElement>("[data-island='wall']");
const data = dataOf<WallData>(document.getElementById("wall-data"));

class Wall {
  private readonly list = make("ul", { class: "wall is-live", "aria-label": say("wall.title") });
  private readonly line = one<HTMLElement>(".wall-line", root);
  private readonly more = one<HTMLElement>(".wall-more", root);
  private readonly count = make("output", { class: "wall-count" });
  private readonly fewer = make("button", { type: "button", "aria-label": say("wall.fewer"), onclick: () => this.setTiles(step(this.tilesAtOnce, -1, data.most)) }, "−");
  private readonly further = make("button", { type: "button", "aria-label": say("wall.further"), onclick: () => this.setTiles(step(this.tilesAtOnce, 1, data.most)) }, "+");
  private readonly before = make("button", { type: "button", onclick: () => this.turn(-1) }, say("wall.before"));
  private readonly after = make("button", { type: "button", onclick: () => this.turn(1) }, say("wall.after"));
  private readonly tiles: WallTile[] = [];
  private readonly sight = new IntersectionObserver((all) => this.seen(all), { rootMargin: "160px" });
  private tilesAtOnce = data.tiles;
  private screen = data.screen;
  private chosen = 0;
  private columns = 1;
  private upSince = 0;
  private lostSince = 0;
  private lineTimer: number | undefined;

  constructor() {
    one(".wall", root).replaceWith(this.list);
    one(".wall-screens", root).remove();
    const whole = make("button", { type: "button", onclick: () => this.fullScreen() }, say("wall.whole"));
    one(".wall-tools", root).append(this.before, this.after, this.fewer, this.count, this.further, whole);
    this.list.addEventListener("focusin", (e) => this.focused(e.target as Element));
    document.addEventListener("keydown", (e) => this.keys(e));
    new ResizeObserver(() => this.layOut()).observe(root);
    window.addEventListener("resize", () => this.layOut());
    document.addEventListener("fullscreenchange", () => this.layOut());
    setInterval(() => this.tell(), 1000);
    this.hang();
    this.tiles[0]?.link.focus({ preventScroll: true });
  }

  private get screens(): number {
    return Math.max(1, Math.ceil(data.cameras.length / this.tilesAtOnce));
  }

  /** Puts the cameras of this screen into tiles; tiles that are there are used again. */
  private hang(): void {
    const from = this.screen * this.tilesAtOnce;
    const cameras = data.cameras.slice(from, from + this.tilesAtOnce);
    while (this.tiles.length < cameras.length) {
      const tile = new WallTile(data.zone);
      tile.onStanding = () => this.lineSoon();
      this.tiles.push(tile);
      this.list.append(tile.element);
      this.sight.observe(tile.element);
    }
    this.tiles.forEach((tile, i) => tile.show(cameras[i] ?? null));
    this.chosen = Math.min(this.chosen, Math.max(0, cameras.length - 1));
    this.tiles.forEach((tile, i) => (tile.link.tabIndex = i === this.chosen ? 0 : -1));
    this.count.textContent = say("wall.count", { n: this.tilesAtOnce });
    this.fewer.disabled = this.tilesAtOnce === 1;
    this.further.disabled = this.tilesAtOnce === data.most;
    this.before.hidden = this.after.hidden = this.screens === 1;
    this.before.disabled = this.screen === 0;
    this.after.disabled = this.screen + 1 >= this.screens;
    this.layOut();
    this.remember();
    this.tell();
    this.lineSoon();
  }

  private layOut(): void {
    const n = Math.min(this.tilesAtOnce, data.cameras.length - this.screen * this.tilesAtOnce);
    if (n < 1) return;
    const box = this.list.getBoundingClientRect();
    const top = box.top + (document.fullscreenElement ? 0 : scrollY);
    const below = 40; // the line about the chosen tile
    const f = fit(this.list.clientWidth, Math.max(240, innerHeight - top - below), n);
    this.columns = f.columns;
    this.list.style.setProperty("--tile", `${f.width}px`);
    this.list.style.setProperty("--caption", `${f.caption}px`);
    this.list.style.gap = `${gap}px`;
    this.list.style.gridTemplateColumns = `repeat(${f.columns}, ${f.width}px)`;
    this.list.classList.toggle("is-small", f.caption < 40);
    for (const tile of this.tiles) tile.fit(f.width);
  }

  private seen(all: IntersectionObserverEntry[]): void {
    for (const e of all) this.tiles.find((t) => t.element === e.target)?.see(e.isIntersecting);
  }

  private focused(target: Element): void {
    const i = this.tiles.findIndex((t) => t.link === target);
    if (i < 0) return;
    this.chosen = i;
    this.tiles.forEach((t, j) => (t.link.tabIndex = j === i ? 0 : -1));
    this.tell();
  }

  private setTiles(n: number): void {
    if (n === this.tilesAtOnce) return;
    const first = this.screen * this.tilesAtOnce + this.chosen;
    this.tilesAtOnce = n;
    this.screen = Math.floor(first / n);
    this.chosen = first % n;
    this.hang();
    this.focus(this.chosen);
  }

  private turn(by: number): void {
    const to = Math.min(this.screens - 1, Math.max(0, this.screen + by));
    if (to === this.screen) return;
    this.screen = to;
    this.chosen = 0;
    this.hang();
    this.focus(0);
  }

  private focus(i: number): void {
    const tile = this.tiles[i];
    if (tile && !tile.element.hidden) tile.link.focus();
  }

  private keys(e: KeyboardEvent): void {
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target)) return;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[e.key];
    if (by !== undefined) {
      const shown = this.tiles.filter((t) => !t.element.hidden).length;
      const to = this.chosen + by;
      if (to >= 0 && to < shown) this.focus(to);
    } else if (e.key === "Home") this.focus(0);
    else if (e.key === "End") this.focus(this.tiles.filter((t) => !t.element.hidden).length - 1);
    else if (e.key === "PageUp") this.turn(-1);
    else if (e.key === "PageDown") this.turn(1);
    else if (e.key === "Escape" && !document.fullscreenElement) location.assign("/room");
    else if (keysAreOn() && (e.key === "+" || e.key === "=")) this.setTiles(step(this.tilesAtOnce, 1, data.most));
    else if (keysAreOn() && e.key === "-") this.setTiles(step(this.tilesAtOnce, -1, data.most));
    else if (keysAreOn() && e.key.toLowerCase() === "f") this.fullScreen();
    else return;
    e.preventDefault();
  }

  private fullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void root.requestFullscreen();
  }

  /** What is known of the chosen tile, in full. */
  private tell(): void {
    const words = this.tiles[this.chosen]?.describe() ?? "";
    if (this.more.textContent !== words) this.more.textContent = words;
  }

  private lineSoon(): void {
    this.lineTimer ??= window.setTimeout(() => {
      this.lineTimer = undefined;
      this.lineNow();
    }, 500);
  }

  /** How many scenes are live, since when, or that the line is lost. */
  private lineNow(): void {
    const shown = this.tiles.filter((t) => !t.element.hidden);
    const live = shown.filter((t) => t.standing === "live").length;
    const lost = shown.length > 0 && shown.every((t) => t.lineIsLost);
    if (lost) this.lostSince ||= Date.now();
    else this.lostSince = 0;
    if (lost || !live) this.upSince = 0;
    else this.upSince ||= Date.now();
    const words = lost
      ? say("scene.losthub", { time: hour(this.lostSince, data.zone) })
      : live
        ? say("wall.live", { n: live, all: shown.length, time: hour(this.upSince, data.zone) })
        : say("wall.connecting");
    if (this.line.textContent !== words) this.line.textContent = words;
    this.line.classList.toggle("is-lost", lost);
  }

  private remember(): void {
    const address = new URL(location.href);
    address.searchParams.set("tiles", String(this.tilesAtOnce));
    if (this.screen) address.searchParams.set("screen", String(this.screen + 1));
    else address.searchParams.delete("screen");
    history.replaceState(null, "", address.href.replaceAll("%2C", ","));
  }
}

if (data.cameras.length) new Wall();
