// Serves a page of who works outside (orders, a refuse truck's tour) where there is no line: the page from the line first, from the
// telephone if that is slow or gone; its parts, whose names hold the hash of their
// content, from the telephone first. It imports nothing, since it is served alone.

export {};

interface WorkerEvent extends Event {
  waitUntil(p: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(r: Promise<Response>): void;
}
const worker = globalThis as unknown as {
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  registration: { scope: string };
  addEventListener(name: string, run: (e: never) => void): void;
};

const own = new URL(worker.registration.scope).pathname; // the page
const cacheName = own.startsWith("/orders/") ? "polity-crew" : "polity-drive"; // as keptpage.ts names it
const patience = 6_000; // ms for the page from a poor line
const longest = 16 * 3_600_000; // ms that a page is good for without a line: a long shift

worker.addEventListener("install", (e: WorkerEvent) => e.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (e: WorkerEvent) => e.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (e: FetchEvent) => {
  const url = new URL(e.request.url);
  if (e.request.method !== "GET" || url.origin !== location.origin) return;
  if (e.request.mode === "navigate" && url.pathname === own) e.respondWith(page(e.request));
  else if (url.pathname.startsWith("/assets/") || url.pathname.startsWith("/map/")) e.respondWith(part(e.request));
});

async function page(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(patience) });
    if (answer.ok && answer.type === "basic" && !answer.redirected) await cache.put(own, answer.clone());
    if (answer.status < 500) return answer;
  } catch {
    // no line: what is kept, below
  }
  const kept = await cache.match(own);
  if (!kept) return Response.error();
  if (Date.now() - Date.parse(kept.headers.get("Date") ?? "") < longest) return kept;
  await cache.delete(own);
  return Response.error();
}

async function part(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}
