// Has a page's worker installed and gives it what the page is made of, so that the page opens
// without a line. Package console serves each worker beside its page.

/** A page that a telephone keeps. */
export interface Kept {
  page: string; // its address
  worker: string;
  cache: string; // as crewworker.ts names it
}

export const ordersPage: Kept = { page: "/orders/mine", worker: "/orders/worker.js", cache: "polity-crew" };
export const drivePage: Kept = { page: "/services/waste/drive", worker: "/services/waste/worker.js", cache: "polity-drive" };

/** Keeps the page and its parts on the telephone. False where the browser allows none. */
export async function keepPage(k: Kept, parts: string[]): Promise<boolean> {
  if (!("serviceWorker" in navigator) || !("caches" in globalThis)) return false;
  try {
    await navigator.serviceWorker.register(k.worker, { scope: k.page });
    const cache = await caches.open(k.cache);
    const wanted = new Set([...parts, ...ownParts()].map((p) => new URL(p, location.href).href));
    for (const r of await cache.keys()) if (!wanted.has(r.url) && new URL(r.url).pathname !== k.page) await cache.delete(r);
    for (const url of wanted) if (!(await cache.match(url))) await cache.add(url);
    if (!(await cache.match(k.page))) await cache.add(k.page);
    return true;
  } catch {
    return false; // without a line now: the next visit does it
  }
}

/** Forgets the page, as when its owner signs out. What is not sent yet stays. */
export async function forgetPage(k: Kept): Promise<void> {
  if ("caches" in globalThis) await caches.delete(k.cache);
}

function ownParts(): string[] {
  const named = [...document.querySelectorAll<HTMLElement>("link[href^='/assets/'], script[src^='/assets/']")].map((e) => e.getAttribute("href") ?? e.getAttribute("src") ?? "");
  const loaded = performance.getEntriesByType("resource").map((e) => new URL(e.name)).filter((u) => u.origin === location.origin && u.pathname.startsWith("/assets/"));
  return [...named, ...loaded.map((u) => u.pathname)];
}
