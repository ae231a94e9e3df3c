// What a telephone keeps in IndexedDB for who works outside: what they told and the hub does
// not have yet, in order, and the newest picture that the hub gave.

/** One thing told. It is sent under its key until the hub has taken or refused it. */
export interface Told {
  seq?: number; // order of sending, given by the database
  key: string;
  person: string; // who told it; nobody else sends it
  told: number; // ms since 1970
  refused?: string; // why the hub did not take it; kept until somebody has read it
}

/** A database of the telephone: W is what waits, D the newest picture. */
export class Outbox<W extends Told, D> {
  private opened: Promise<IDBDatabase> | undefined;

  constructor(
    private readonly name: string,
    private readonly picture: string, // the store of the newest picture
  ) {}

  private database(): Promise<IDBDatabase> {
    this.opened ??= new Promise((done, failed) => {
      const r = indexedDB.open(this.name, 1);
      r.onupgradeneeded = () => {
        r.result.createObjectStore("waiting", { keyPath: "seq", autoIncrement: true });
        r.result.createObjectStore(this.picture);
      };
      r.onsuccess = () => done(r.result);
      r.onerror = () => failed(r.error ?? new Error("the telephone keeps nothing"));
    });
    return this.opened;
  }

  private async within<T>(store: string, mode: IDBTransactionMode, ask: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const db = await this.database();
    return new Promise((done, failed) => {
      const t = db.transaction(store, mode, { durability: "strict" });
      const r = ask(t.objectStore(store));
      t.oncomplete = () => done(r.result);
      t.onabort = () => failed(t.error ?? new Error("the telephone did not keep it"));
    });
  }

  /** All that waits or was refused, the oldest first. */
  waiting(): Promise<W[]> {
    return this.within("waiting", "readonly", (s) => s.getAll() as IDBRequest<W[]>);
  }

  keep(w: W): Promise<IDBValidKey> {
    return this.within("waiting", "readwrite", (s) => s.put(w));
  }

  drop(seq: number): Promise<undefined> {
    return this.within("waiting", "readwrite", (s) => s.delete(seq));
  }

  keepNewest(data: D): Promise<IDBValidKey> {
    return this.within(this.picture, "readwrite", (s) => s.put(data, "newest"));
  }

  newest(): Promise<D | undefined> {
    return this.within(this.picture, "readonly", (s) => s.get("newest") as IDBRequest<D | undefined>);
  }

  forgetNewest(): Promise<undefined> {
    return this.within(this.picture, "readwrite", (s) => s.delete("newest"));
  }
}

/** A key for one thing told: random, 32 characters. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
