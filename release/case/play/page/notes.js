// Notes and marks as they are kept: loaded once, written whole a moment after each change.
const QUIET = 600; // ms without a change until it is written

export class Notes {
  constructor(ask, told) {
    this.ask = ask;
    this.told = told; // words for the page
    this.marks = [];
    this.notes = [];
  }

  async load() {
    const got = await this.ask("/api/notes");
    this.revision = got.revision;
    this.kept = got.notes;
    this.marks = got.notes.marks;
    this.notes = got.notes.notes;
    const ids = (list) => list.reduce((n, o) => Math.max(n, o.id), 0);
    this.lastNote = ids(this.notes);
    this.lastMark = ids(this.marks);
  }

  note(at, camera, text) {
    const n = { at: Math.round(at), id: ++this.lastNote, text };
    if (camera) n.camera = camera;
    this.notes.push(n);
    this.changed();
  }

  mark(m) {
    m.id = ++this.lastMark;
    this.marks.push(m);
    this.changed();
    return m;
  }

  drop(list, one) {
    this[list] = this[list].filter((o) => o !== one);
    this.changed();
  }

  changed() {
    this.dirty = true;
    this.told("Not written yet.");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), QUIET);
  }

  async save() {
    if (this.writing || !this.dirty) return;
    this.writing = true;
    this.dirty = false;
    try {
      const got = await this.ask("/api/notes", {
        method: "PUT", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ revision: this.revision, notes: { format: this.kept.format, marks: this.marks, notes: this.notes, token: this.kept.token } }),
      });
      this.revision = got.revision;
      this.told(`Kept in the case at ${new Date().toTimeString().slice(0, 8)}.`);
    } catch (e) {
      this.dirty = true;
      this.told(`Not written: ${e.message}`);
    } finally {
      this.writing = false;
      if (this.dirty) this.timer = setTimeout(() => this.save(), 5 * QUIET);
    }
  }
}
