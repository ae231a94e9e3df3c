// Shows notices while no page of the control room is open, and opens what they link to. It
// imports nothing, since it is served alone, and keeps nothing.

export {};

interface WorkerEvent extends Event {
  waitUntil(p: Promise<unknown>): void;
}
interface PushEvent extends WorkerEvent {
  readonly data: { json(): unknown } | null;
}
interface ClickEvent extends WorkerEvent {
  readonly notification: Notification;
}
interface Client {
  readonly url: string;
  focus(): Promise<Client>;
  navigate(url: string): Promise<Client | null>;
}
const worker = globalThis as unknown as {
  registration: ServiceWorkerRegistration;
  clients: { matchAll(o: { type: "window" }): Promise<Client[]>; openWindow(url: string): Promise<Client | null> };
  addEventListener(name: string, run: (e: never) => void): void;
};

interface Notice {
  title: string;
  body: string;
  link: string;
  tag: string;
}

worker.addEventListener("push", (e: PushEvent) => e.waitUntil(show(e)));
worker.addEventListener("notificationclick", (e: ClickEvent) => {
  e.notification.close();
  e.waitUntil(open(pathOf(e.notification.data)));
});

/** Every push shows something: a browser that got one and saw nothing takes the right away. */
async function show(e: PushEvent): Promise<void> {
  let n: Notice = { title: "Polity", body: "", link: "/room", tag: "" };
  try {
    n = { ...n, ...(e.data?.json() as Partial<Notice>) };
  } catch {
    // nothing that can be read: the control room knows
  }
  await worker.registration.showNotification(String(n.title), { body: String(n.body), tag: String(n.tag), data: n.link });
}

/** A path of this hub, whatever was sent. */
function pathOf(link: unknown): string {
  try {
    const url = new URL(String(link), location.origin);
    if (url.origin === location.origin && url.pathname.startsWith("/room")) return url.pathname + url.search;
  } catch {
    // no address
  }
  return "/room";
}

async function open(path: string): Promise<void> {
  for (const client of await worker.clients.matchAll({ type: "window" })) {
    if (new URL(client.url).pathname.startsWith("/room")) {
      await client.focus();
      await client.navigate(path);
      return;
    }
  }
  await worker.clients.openWindow(path);
}
