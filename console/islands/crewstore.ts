// What a telephone keeps for a crew in IndexedDB: what they told and the hub does not
// have yet, in order, and the newest list of orders.
import type { CrewData } from "./generated.ts";

/** One thing that a crew told. It is sent under its key until the hub has taken or refused it. */
export interface Waiting {
  seq?: number; // order of sending, given by the database
  key: string;
  person: string; // who told it; nobody else sends it
  order: string;
  number: number;
  told: number; // ms since 1970
  what: Told;
  refused?: string; // why the hub did not take it; kept until somebody has read it
}

export type Told =
  | { kind: "step"; to: string; reason: string; note: string }
  | { kind: "note"; text: string }
  | { kind: "photo"; stage: string; x: number; y: number; w: number; h: number; jpeg: Blob };

let opened: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((done, failed) => {
    const r = indexedDB.open("polity-crew", 1);
    r.onupgradeneeded = () => {
      r.result.createObjectStore("waiting", { keyPath: "seq", autoIncrement: true });
      r.result.createObjectStore("orders");
    };
    r.onsuccess = () => done(r.result);
    r.onerror = () => failed(r.error ?? new Error("the telephone keeps nothing"));
  });
  return opened;
}

async function within<T>(store: string, mode: IDBTransactionMode, ask: (s: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await database();
  return new Promise((done, failed) => {
    const t = db.transaction(store, mode, { durability: "strict" });
    const r = ask(t.objectStore(store));
    t.oncomplete = () => done(r.result);
    t.onabort = () => failed(t.error ?? new Error("the telephone did not keep it"));
  });
}

/** All that waits or was refused, the oldest first. */
export function waiting(): Promise<Waiting[]> {
  return within("waiting", "readonly", (s) => s.getAll() as IDBRequest<Waiting[]>);
}

export function keep(w: Waiting): Promise<IDBValidKey> {
  return within("waiting", "readwrite", (s) => s.put(w));
}

export function drop(seq: number): Promise<undefined> {
  return within("waiting", "readwrite", (s) => s.delete(seq));
}

export function keepOrders(data: CrewData): Promise<IDBValidKey> {
  return within("orders", "readwrite", (s) => s.put(data, "newest"));
}

export function keptOrders(): Promise<CrewData | undefined> {
  return within("orders", "readonly", (s) => s.get("newest") as IDBRequest<CrewData | undefined>);
}

export function forgetOrders(): Promise<undefined> {
  return within("orders", "readwrite", (s) => s.delete("newest"));
}

/** A key for one thing told: random, 32 characters. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
