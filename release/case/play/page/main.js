import { Clip } from "/clip.js";
import { Clock } from "/clock.js";
import { Notes } from "/notes.js";
import * as marks from "/marks.js";
import { timeline } from "/timeline.js";
import { clock as timeOfDay, make, moment, moments, purposes, the } from "/words.js";

const AT_FIRST = 9; // clips shown at the beginning
const COMING = 2000; // ms between questions while segments still come

// The key of this visit stands in the page once; this tab keeps it, nobody else.
const given = document.querySelector("meta[name=key]").content;
if (given) {
  sessionStorage.setItem("key", given);
  history.replaceState(null, "", "/");
}
const key = sessionStorage.getItem("key");

function fail(words) {
  the("wrong").textContent = words;
  the("wrong").hidden = false;
}

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, cache: "no-store", headers: { ...options.headers, Authorization: `Bearer ${key}` } });
  const got = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(got.detail ?? `${answer.status}`);
  return got;
}

async function fetchSegment(camera, sequence) {
  const answer = await fetch(`/api/segment/${camera}/${sequence}`, { cache: "no-store", headers: { Authorization: `Bearer ${key}` } });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? `${answer.status}`);
  return { type: answer.headers.get("Content-Type"), first: Number(answer.headers.get("First-Picture")) / 1e6, data: await answer.arrayBuffer() };
}

class Page {
  constructor(about) {
    this.about = about;
    this.clips = about.cameras.map((c) => new Clip(c, about.from, fetchSegment));
    this.shown = new Set(this.clips.slice(0, AT_FIRST));
    this.chosenClip = this.clips[0];
    this.chosenMark = null;
    this.notes = new Notes(ask, (words) => { the("saved").textContent = words; });
    the("title").textContent = `Case ${about.code}`;
    the("about").textContent = `${about.case}, order ${about.order}: ${purposes[about.purpose] ?? about.purpose}. ${about.cameras.length} cameras, ${moment(about.from).slice(0, 16)} to ${moment(about.to).slice(0, 16)} UTC.`;
    document.title = `Case ${about.code}`;
  }

  async begin() {
    await this.notes.load();
    this.layClips();
    this.layChoice();
    const { from, to } = this.about;
    this.clock = new Clock(from, to, (t, playing, rate) => this.showAll(t, playing, rate));
    const first = Math.min(...this.clips.flatMap((c) => c.pieces.length ? [c.pieces[0][1]] : []));
    if (Number.isFinite(first)) this.clock.seek(Math.max(from, first));
    this.clock.told = () => this.tell();
    this.controls();
    this.keys();
    this.list();
    this.problems();
    this.later();
    the("player").focus();
  }

  /** Segments still come: what is new. */
  async more() {
    try {
      const now = await ask("/api/case");
      const grown = now.version !== this.about.version;
      this.about = now;
      if (grown) {
        now.cameras.forEach((c, i) => this.clips[i].update(c));
        this.drawn = null;
      }
      this.problems();
    } catch (e) {
      fail(e.message);
      return;
    }
    this.later();
  }

  /** Asks again while segments come: the more there are, the more seldom. */
  later() {
    if (this.about.complete) return;
    const pieces = this.about.cameras.reduce((n, c) => n + c.pieces.length, 0);
    setTimeout(() => this.more(), COMING + pieces / 5);
  }

  layClips() {
    const shown = this.clips.filter((c) => this.shown.has(c));
    the("clips").style.setProperty("--least", shown.length === 1 ? "100%" : shown.length <= 4 ? "22rem" : "16rem");
    the("clips").replaceChildren(...shown.map((c) => c.figure));
    if (!this.shown.has(this.chosenClip)) this.chosenClip = shown[0] ?? this.clips[0];
    this.choose(this.chosenClip);
  }

  layChoice() {
    for (const c of this.clips) {
      const box = make("input", "", { type: "checkbox" });
      box.checked = this.shown.has(c);
      box.addEventListener("change", () => {
        if (box.checked) this.shown.add(c);
        else {
          this.shown.delete(c);
          c.close();
        }
        this.layClips();
      });
      const label = make("label");
      label.append(box, ` ${c.name}`);
      the("which").append(label);
      c.figure.addEventListener("focusin", () => this.choose(c));
      c.figure.addEventListener("pointerdown", () => this.choose(c));
      c.figure.addEventListener("dblclick", () => this.large());
      marks.pointing(c.marks, this.pointer(c));
    }
  }

  choose(c) {
    this.chosenClip = c;
    for (const o of this.clips) o.figure.classList.toggle("chosen", o === c);
    if (this.chosenMark && this.chosenMark.camera !== c.name) this.chooseMark(null);
  }

  large() { the("clips").classList.toggle("one"); }

  showAll(t, playing, rate) {
    let ready = true;
    for (const c of this.shown) {
      if (the("clips").classList.contains("one") && c !== this.chosenClip) {
        if (!c.video.paused) c.video.pause();
        continue;
      }
      if (!c.show(t, playing, rate)) ready = false;
    }
    return ready;
  }

  /** The part of the time that the timeline has: all, or so much of it around the moment. */
  window() {
    const { from, to } = this.about, long = Number(the("span").value);
    if (!long || long >= to - from) return [from, to];
    const [a, b] = this.part ?? [0, 0];
    if (b - a === long && this.clock.t >= a && this.clock.t <= b) return this.part;
    const begin = Math.max(from, Math.min(to - long, this.clock.t - long / 4));
    return [Math.round(begin), Math.round(begin) + long];
  }

  /** What the page says of the moment. */
  tell() {
    const { t, playing, ready } = this.clock;
    const part = this.window();
    if (part[0] !== this.part?.[0] || part[1] !== this.part?.[1]) {
      this.part = part;
      this.drawn = null;
      Object.assign(the("at"), { min: String(part[0]), max: String(part[1]) });
    }
    if (this.drawn === null || this.drawn?.t !== t || this.drawn.mark !== this.chosenMark) {
      for (const c of this.shown) {
        marks.paint(c.marks, this.notes.marks.filter((m) => m.camera === c.name), Math.round(t), this.chosenMark);
        const p = c.pieceAt(t);
        c.caption.textContent = p ? `segment ${p[0]}` : "";
      }
      if (this.drawn === null || !this.drawn) timeline(the("coverage"), this.about.cameras, ...this.part, this.notes);
      this.drawn = { t, mark: this.chosenMark };
      the("at").value = String(t);
      the("at").setAttribute("aria-valuetext", `${moment(t)} UTC`);
      the("clock").textContent = `${moment(t)} UTC`;
    }
    const state = ready === false ? "Loading" : "";
    if (the("state").textContent !== state) {
      clearTimeout(this.late);
      if (!state) the("state").textContent = "";
      else this.late ??= setTimeout(() => { this.late = null; if (this.clock.ready === false) the("state").textContent = state; }, 400);
    }
    if (this.wasPlaying !== playing) {
      this.wasPlaying = playing;
      the("play").textContent = playing ? "Pause" : "Play";
      the("play").setAttribute("aria-pressed", String(playing));
    }
  }

  /** One picture on or back, of the chosen clip. */
  picture(by) {
    this.clock.pause();
    const c = this.chosenClip, p = c.pieceAt(this.clock.t), long = 1000 / (c.camera.rate || 25);
    if (!p) {
      this.clock.seek(this.clock.t + by * long);
      return;
    }
    // The middle of a picture, so that rounding never shows its neighbour.
    const n = Math.floor((this.clock.t - p[1]) / long) + by;
    this.clock.seek(p[1] + (n + 0.5) * long);
  }

  by(ms) { this.clock.seek(this.clock.t + ms); }

  faster(by) {
    const s = the("speed");
    s.selectedIndex = Math.max(0, Math.min(s.options.length - 1, s.selectedIndex + by));
    this.clock.rate = Number(s.value);
  }

  controls() {
    const { from, to } = this.about;
    the("at").addEventListener("input", () => this.clock.seek(Number(the("at").value)));
    const press = (id, act) => the(id).addEventListener("click", act);
    press("play", () => this.clock.toggle());
    press("back", () => this.picture(-1));
    press("forth", () => this.picture(1));
    press("back10", () => this.by(-10_000));
    press("forth10", () => this.by(10_000));
    the("speed").addEventListener("change", () => { this.clock.rate = Number(the("speed").value); });
    the("goto").addEventListener("change", () => {
      const t = moments(the("goto").value, from, to);
      the("goto").setAttribute("aria-invalid", String(!Number.isFinite(t)));
      if (Number.isFinite(t)) this.clock.seek(t);
    });
    press("mark", () => this.newMark());
    press("here", () => this.here());
    press("begins", () => this.lasts(true));
    press("ends", () => this.lasts(false));
    press("unmark", () => this.unmark());
    the("label").addEventListener("input", () => {
      if (!this.chosenMark) return;
      this.chosenMark.label = the("label").value;
      this.notes.changed();
      this.listMarks();
    });
    the("note").addEventListener("submit", (e) => {
      e.preventDefault();
      const text = the("text").value.trim();
      if (!text) return;
      this.notes.note(this.clock.t, the("of").checked ? this.chosenClip.name : "", text);
      the("text").value = "";
      this.list();
    });
    addEventListener("beforeunload", (e) => { if (this.notes.dirty || this.notes.writing) e.preventDefault(); });
  }

  keys() {
    the("player").addEventListener("keydown", (e) => {
      const on = e.target;
      if (e.ctrlKey || e.altKey || e.metaKey || on.matches("input[type=text], textarea, select")) return;
      if (e.key === " " && on.matches("button")) return;
      const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      if (arrows && this.chosenMark && on.closest(".clip")) {
        this.nudge(arrows, e.shiftKey);
        e.preventDefault();
        return;
      }
      if (on.matches("input[type=range]") && (arrows || e.key === "Home" || e.key === "End")) return;
      const acts = {
        " ": () => this.clock.toggle(), ",": () => this.picture(-1), ".": () => this.picture(1),
        ArrowLeft: () => this.by(e.shiftKey ? -60_000 : -5000), ArrowRight: () => this.by(e.shiftKey ? 60_000 : 5000),
        "-": () => this.faster(-1), "+": () => this.faster(1), "=": () => this.faster(1),
        Home: () => this.clock.seek(this.about.from), End: () => this.clock.seek(this.about.to),
        f: () => this.large(), m: () => this.newMark(), k: () => this.here(), i: () => this.lasts(true), o: () => this.lasts(false),
        Delete: () => this.unmark(), n: () => the("text").focus(), Escape: () => this.chooseMark(null),
      };
      if (/^[1-9]$/.test(e.key)) acts[e.key] = () => [...this.shown][Number(e.key) - 1]?.figure.focus();
      const act = acts[e.key] ?? acts[e.key.toLowerCase()];
      if (!act) return;
      act();
      e.preventDefault();
    });
  }

  // Marks.

  newMark() {
    const t = Math.round(this.clock.t), c = this.chosenClip.name;
    const from = Math.min(t, this.about.to - 1), to = Math.min(this.about.to, from + 5000);
    this.chooseMark(this.notes.mark({ camera: c, from, keys: [{ at: from, height: 3000, left: 4000, top: 3500, width: 2000 }], label: "", to }));
    this.list();
    this.chosenClip.figure.focus();
  }

  chooseMark(m) {
    this.chosenMark = m;
    the("chosen").hidden = !m;
    the("label").value = m?.label ?? "";
    this.listMarks();
  }

  here() {
    const m = this.chosenMark;
    if (!m) return;
    const t = Math.round(this.clock.t);
    marks.put(m, t, marks.at(m, t) ?? (t < m.from ? m.keys[0] : m.keys[m.keys.length - 1]));
    this.moved();
  }

  lasts(begins) {
    const m = this.chosenMark, t = Math.round(this.clock.t);
    if (!m) return;
    if (begins) marks.last(m, t, Math.max(m.to, t + 1));
    else marks.last(m, Math.min(m.from, t - 1), t);
    this.moved();
  }

  unmark() {
    if (!this.chosenMark) return;
    this.notes.drop("marks", this.chosenMark);
    this.chooseMark(null);
    this.list();
  }

  nudge([dx, dy], size) {
    const m = this.chosenMark, t = Math.round(this.clock.t), k = marks.at(m, t);
    if (!k) return;
    const by = 100;
    marks.put(m, t, size ? { ...k, width: k.width + dx * by, height: k.height + dy * by } : { ...k, left: k.left + dx * by, top: k.top + dy * by });
    this.moved();
  }

  moved() {
    this.notes.changed();
    this.drawn = null;
    this.listMarks();
  }

  pointer(c) {
    return {
      begin: (x, y) => {
        this.choose(c);
        this.clock.pause();
        const t = Math.round(this.clock.t);
        const over = (m) => {
          const k = marks.at(m, t);
          return k && x >= k.left && x <= k.left + k.width && y >= k.top && y <= k.top + k.height ? k : null;
        };
        if (this.chosenMark && over(this.chosenMark)) {
          const k = over(this.chosenMark);
          return { kind: x > k.left + k.width - 350 && y > k.top + k.height - 450 ? "size" : "move", from: k };
        }
        const other = this.notes.marks.find((m) => m.camera === c.name && over(m));
        if (other) {
          this.chooseMark(other);
          return { kind: "move", from: over(other) };
        }
        this.chooseMark(null);
        return null;
      },
      change: (k) => {
        marks.put(this.chosenMark, this.clock.t, k);
        this.drawn = null;
      },
      end: () => this.moved(),
    };
  }

  // Lists.

  list() {
    this.drawn = null;
    this.listMarks();
    const go = (n) => {
      const line = make("li");
      const bar = make("div", "", { class: "bar" });
      const to = make("button", timeOfDay(n.at), { "aria-label": `Go to ${timeOfDay(n.at)}` });
      to.addEventListener("click", () => this.clock.seek(n.at));
      const away = make("button", "Delete", { class: "stop", "aria-label": `Delete the note of ${timeOfDay(n.at)}` });
      away.addEventListener("click", () => { this.notes.drop("notes", n); this.list(); });
      bar.append(to, make("span", n.camera ?? "all clips"), away);
      line.append(bar, make("span", n.text));
      return line;
    };
    the("notes").replaceChildren(...[...this.notes.notes].sort((a, b) => a.at - b.at).map(go));
  }

  listMarks() {
    const line = (m) => {
      const li = make("li", "", m === this.chosenMark ? { "aria-current": "true" } : {});
      const bar = make("div", "", { class: "bar" });
      const words = `${m.label || `Mark ${m.id}`} on ${m.camera}, ${timeOfDay(m.from)} to ${timeOfDay(m.to)}`;
      const choose = make("button", words);
      choose.addEventListener("click", () => {
        const c = this.clips.find((o) => o.name === m.camera);
        if (!this.shown.has(c)) { this.shown.add(c); this.layClips(); }
        this.choose(c);
        this.chooseMark(m);
        if (!marks.at(m, this.clock.t)) this.clock.seek(m.from);
        c.figure.focus();
      });
      bar.append(choose, make("span", m.keys.length === 1 ? "1 position" : `${m.keys.length} positions`));
      li.append(bar);
      return li;
    };
    the("marks").replaceChildren(...this.notes.marks.map(line));
  }

  problems() {
    const lines = [...(this.about.problems ?? [])];
    for (const c of this.about.cameras) {
      for (const g of c.gaps) lines.push(`${c.camera}, ${timeOfDay(g.from)} to ${timeOfDay(g.to)}: not recorded, ${g.why}.`);
      const lacks = c.pieces.filter((p) => p[3]).length;
      if (lacks) lines.push(`${c.camera}: a body gave no share of ${lacks} segments.`);
      if (!c.pieces.length) lines.push(`${c.camera}: nothing is here.`);
    }
    if (!this.about.complete) lines.unshift("Segments still come.");
    the("missing").hidden = !lines.length;
    the("problems").replaceChildren(...lines.map((t) => make("li", t)));
  }
}

try {
  if (!key) throw new Error("Open the address that 'polity case play' printed: it works once, in one tab.");
  const page = new Page(await ask("/api/case"));
  await page.begin();
} catch (e) {
  fail(e.message);
}
