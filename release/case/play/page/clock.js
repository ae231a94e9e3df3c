// The one clock of the page. It goes on only while each clip that is shown has its picture:
// clips are in step, or wait for one another.
export class Clock {
  constructor(from, to, show) {
    this.from = from;
    this.to = to;
    this.t = from;
    this.rate = 1;
    this.playing = false;
    this.show = show; // (t, playing, rate) => whether all are there
    this.last = performance.now();
    this.step = this.step.bind(this);
    requestAnimationFrame(this.step);
    // A window that is not seen gets no frames.
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.pause(); });
  }

  step(now) {
    const passed = Math.min(now - this.last, 250);
    this.last = now;
    const going = this.playing && this.t < this.to;
    this.ready = this.show(this.t, going && this.ready !== false, this.rate);
    if (going && this.ready) {
      this.t = Math.min(this.to, this.t + passed * this.rate);
      if (this.t >= this.to) this.pause();
    }
    this.told?.();
    requestAnimationFrame(this.step);
  }

  seek(t) {
    this.t = Math.max(this.from, Math.min(this.to, Math.round(t)));
    this.ready = undefined;
  }

  play() {
    if (this.t >= this.to) this.t = this.from;
    this.playing = true;
  }

  pause() {
    this.playing = false;
    this.t = Math.round(this.t);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }
}
