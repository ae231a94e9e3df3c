// A clip is one camera's picture. Segments are fetched when their time comes, handed to the
// browser as Media Source (W3C), and follow the page's clock: the clip has none of its own.
import { make, draw } from "/words.js";

const AHEAD = 14_000; // ms that are fetched ahead of the clock at speed 1
const BEHIND = 20_000; // ms that are kept behind it
const CLOSE = 0.04; // s that a playing clip may be off before its speed is trimmed
const FAR = 0.4; // s from which on it jumps

export class Clip {
  /** @param camera as /api/case has it; base is the time that is 0 in the browser's own. */
  constructor(camera, base, fetchSegment) {
    this.base = base;
    this.fetchSegment = fetchSegment;
    this.appended = new Map(); // sequence to [start, end] in s, as it lies in the buffer
    this.failed = new Map(); // sequence to words
    this.busy = null;
    this.update(camera);
    this.build();
  }

  update(camera) {
    this.camera = camera;
    this.name = camera.camera;
    this.pieces = camera.pieces;
  }

  build() {
    this.figure = make("div", "", { class: "clip", role: "group", tabindex: "0", "aria-label": `Clip of ${this.name}` });
    this.stage = make("div", "", { class: "stage" });
    this.video = make("video", "", { playsinline: "", "aria-label": `Picture of ${this.name}`, disablepictureinpicture: "", disableremoteplayback: "" });
    this.video.muted = true;
    this.video.tabIndex = -1;
    this.marks = draw("svg", { viewBox: "0 0 10000 10000", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.none = make("p", "", { class: "none" });
    this.none.hidden = true;
    this.caption = make("span");
    this.stage.append(this.video, this.marks, this.none);
    const words = make("p", "", { class: "caption" });
    words.append(make("strong", this.name), this.caption);
    this.figure.append(this.stage, words);
    this.video.addEventListener("loadedmetadata", () => {
      if (this.video.videoWidth) this.stage.style.aspectRatio = `${this.video.videoWidth} / ${this.video.videoHeight}`;
    });
  }

  /** The piece at a time, or null. */
  pieceAt(t) {
    let low = 0, high = this.pieces.length - 1;
    while (low <= high) {
      const i = (low + high) >> 1, p = this.pieces[i];
      if (t < p[1]) high = i - 1;
      else if (t >= p[2]) low = i + 1;
      else return p;
    }
    return null;
  }

  /** Why there is no picture at a time, in words. */
  whyNone(t, piece) {
    if (piece) {
      if (this.failed.has(piece[0])) return this.failed.get(piece[0]);
      if (piece[3]) return "A body gave no share of this segment: it cannot be opened.";
      return this.unplayable ?? "";
    }
    const gap = this.camera.gaps.find((g) => t >= g.from && t < g.to);
    if (gap) return `Not recorded: ${gap.why}.`;
    if (!this.pieces.length) return "Nothing of this camera is here.";
    return t < this.pieces[0][1] || t >= this.pieces[this.pieces.length - 1][2] ? "Nothing of this time is here." : "No picture was recorded here, or its segment is missing.";
  }

  /** Brings the clip to a time. It returns whether it shows that time, or has nothing to show. */
  show(t, playing, rate) {
    const piece = this.pieceAt(t);
    const why = this.whyNone(t, piece);
    this.say(why);
    this.fetchAround(t, rate);
    if (why || !piece) {
      if (!this.video.paused) this.video.pause();
      return true;
    }
    const at = this.place(piece, (t - this.base) / 1000);
    if (at === null) {
      if (!this.video.paused) this.video.pause();
      return false;
    }
    const off = this.video.currentTime - at;
    if (!playing) {
      if (!this.video.paused) this.video.pause();
      if (Math.abs(off) > 0.004 && !this.video.seeking) this.video.currentTime = at;
      return this.video.readyState >= 2 && !this.video.seeking && Math.abs(this.video.currentTime - at) < 0.1;
    }
    if (Math.abs(off) > FAR * Math.max(1, rate)) {
      if (!this.video.seeking) this.video.currentTime = at;
    } else {
      const trim = Math.abs(off) > CLOSE ? Math.max(-0.3, Math.min(0.3, off)) : 0;
      const speed = Math.max(0.0625, Math.min(16, rate * (1 - trim)));
      if (this.video.playbackRate !== speed) this.video.playbackRate = speed;
    }
    if (this.video.paused) this.video.play().catch(() => {});
    return this.video.readyState >= 2;
  }

  /** Where a time lies in the browser's buffer; null while it is not there. */
  place(piece, at) {
    const lies = this.appended.get(piece[0]);
    if (!lies) return null;
    // Recorders' times are of arrival: the first and last picture of a segment may lie a
    // little beside where the header has them.
    return Math.min(Math.max(at, lies[0] + 0.001), Math.max(lies[0] + 0.001, lies[1] - 0.002));
  }

  say(why) {
    if (this.said === why) return;
    this.said = why;
    this.none.textContent = why;
    this.none.hidden = !why;
    this.video.style.visibility = why ? "hidden" : "visible";
  }

  /** Fetches one segment after the other that will be needed, and drops what is long past. */
  fetchAround(t, rate) {
    if (this.busy || this.unplayable) return;
    const until = t + AHEAD * Math.max(1, rate);
    const next = this.pieces.find((p) => p[2] > t && p[1] < until && !p[3] && !this.appended.has(p[0]) && !this.failed.has(p[0]));
    if (!next) return;
    this.busy = this.take(next, t, until).catch((e) => this.failed.set(next[0], String(e.message ?? e))).finally(() => { this.busy = null; });
  }

  async take(piece, t, until) {
    const { type, first, data } = await this.fetchSegment(this.name, piece[0]);
    if (!globalThis.MediaSource || !MediaSource.isTypeSupported(type)) {
      this.unplayable = `This browser does not play ${this.camera.codec}. Open the address of a new 'polity case play' in one that does, or export: an export is H.264.`;
      return;
    }
    await this.source(type);
    await this.drop(t - BEHIND, until + AHEAD);
    const from = (piece[1] - this.base) / 1000;
    this.buffer.timestampOffset = from - first;
    await this.done(() => this.buffer.appendBuffer(data));
    const lies = this.within(from, (piece[2] - this.base) / 1000);
    if (!lies) throw new Error("The browser could not decode this segment.");
    this.appended.set(piece[0], lies);
  }

  /** The part of the buffer that lies in [from, to]. */
  within(from, to) {
    const b = this.buffer.buffered;
    for (let i = 0; i < b.length; i++) {
      const start = Math.max(b.start(i), from - 0.2), end = Math.min(b.end(i), to + 0.2);
      if (end - start > 0.001 && b.start(i) < to && b.end(i) > from) return [Math.max(start, b.start(i), from), end];
    }
    return null;
  }

  async source(type) {
    if (this.buffer) {
      if (this.type !== type) this.buffer.changeType(type);
      this.type = type;
      return;
    }
    this.media = new MediaSource();
    const open = new Promise((ok) => this.media.addEventListener("sourceopen", ok, { once: true }));
    this.address = URL.createObjectURL(this.media);
    this.video.src = this.address;
    await open;
    this.buffer = this.media.addSourceBuffer(type);
    this.type = type;
    this.media.duration = 7 * 86_400 + 3600; // longer than any token
  }

  done(act) {
    return new Promise((ok, no) => {
      const end = () => { this.buffer.removeEventListener("error", bad); ok(); };
      const bad = () => { this.buffer.removeEventListener("updateend", end); no(new Error("The browser could not decode this segment.")); };
      this.buffer.addEventListener("updateend", end, { once: true });
      this.buffer.addEventListener("error", bad, { once: true });
      try {
        act();
      } catch (e) {
        no(e);
      }
    });
  }

  /** Drops pictures outside of a time from the browser's memory. */
  async drop(from, to) {
    for (const [n, [start, end]] of [...this.appended]) {
      if (end < (from - this.base) / 1000 || start > (to - this.base) / 1000) {
        this.appended.delete(n);
        await this.done(() => this.buffer.remove(start, Math.max(end, start + 0.001)));
      }
    }
  }

  /** Forgets every picture. */
  close() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
    if (this.address) URL.revokeObjectURL(this.address);
    this.buffer = this.media = this.address = undefined;
    this.appended.clear();
  }
}
