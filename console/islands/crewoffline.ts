// Has the page's worker installed and gives it what the page is made of, so that it opens
// without a line. Package console serves the worker at /orders/worker.js.

export const pageCache = "polity-crew";

/** Keeps the page and its parts on the telephone. False where the browser allows none. */
export async function keepPage(parts: string[]): Promise<boolean> {
  if (!("serviceWorker" in navigator) || !("caches" in globalThis)) return false;
  try {
    await navigator.serviceWorker.register("/orders/worker.js", { scope: "/orders/mine" });
    const cache = await caches.open(pageCache);
    const wanted = new Set([...parts, ...ownParts()].map((p) => new URL(p, location.href).href));
    for (const k of await cache.keys()) if (!wanted.has(k.url) && new URL(k.url).pathname !== "/orders/mine") await cache.delete(k);
    for (const url of wanted) if (!(await cache.match(url))) await cache.add(url);
    if (!(await cache.match("/orders/mine"))) await cache.add("/orders/mine");
    return true;
  } catch {
    return false; // without a line now: the next visit does it
  }
}

/** Forgets the page, as when its owner signs out. What is not sent yet stays. */
export async function forgetPage(): Promise<void> {
  if ("caches" in globalThis) await caches.delete(pageCache);
}

function ownParts(): string[] {
  const named = [...document.querySelectorAll<HTMLElement>("link[href^='/assets/'], script[src^='/assets/']")].map((e) => e.getAttribute("href") ?? e.getAttribute("src") ?? "");
  const loaded = performance.getEntriesByType("resource").map((e) => new URL(e.name)).filter((u) => u.origin === location.origin && u.pathname.startsWith("/assets/"));
  return [...named, ...loaded.map((u) => u.pathname)];
}
