// Notices in this browser (Push API): switches them on and off here. A service worker
// shows what comes while no page is open.
import { one } from "./dom.ts";
import type { PushSubscription as Told } from "./generated.ts";
import { say } from "./texts.ts";

const form = document.querySelector<HTMLFormElement>("form[data-island='push']");
if (form) void start(form);

async function start(form: HTMLFormElement): Promise<void> {
  const told = one<HTMLElement>("[role='alert']", form);
  const button = one<HTMLButtonElement>("button", form);
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    told.textContent = say("notices.push.unable");
    return;
  }
  let on = await present();
  const show = (): void => {
    button.textContent = say(on ? "notices.push.off" : "notices.push.on");
    button.setAttribute("aria-pressed", String(on !== null));
    button.disabled = false;
  };
  show();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    told.textContent = "";
    (on ? switchOff(on) : switchOn(form.dataset.key!))
      .then(() => location.assign("/room/notices"))
      .catch(async (why: unknown) => {
        told.textContent = why instanceof Refused ? why.message : say("notices.push.failed");
        on = await present();
        show();
        button.focus();
      });
  });
}

class Refused extends Error {}

async function present(): Promise<PushSubscription | null> {
  const worker = await navigator.serviceWorker.getRegistration("/room/");
  return (await worker?.pushManager.getSubscription()) ?? null;
}

async function switchOn(key: string): Promise<void> {
  if ((await Notification.requestPermission()) !== "granted") throw new Refused(say("notices.push.denied"));
  const worker = await navigator.serviceWorker.register("/room/push.js", { scope: "/room/", type: "module" });
  const before = await worker.pushManager.getSubscription();
  if (before) await before.unsubscribe(); // of another key, or of whoever was signed in before
  await ready(worker);
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const { endpoint, keys } = made.toJSON();
  try {
    await tell({ endpoint: endpoint ?? "", p256dh: keys?.p256dh ?? "", auth: keys?.auth ?? "", off: false });
  } catch (why) {
    await made.unsubscribe();
    throw why;
  }
}

async function switchOff(on: PushSubscription): Promise<void> {
  await tell({ endpoint: on.endpoint, p256dh: "", auth: "", off: true });
  await on.unsubscribe();
}

/** Waits until a worker has begun; navigator.serviceWorker.ready is for pages below it alone. */
async function ready(worker: ServiceWorkerRegistration): Promise<void> {
  if (worker.active) return;
  const coming = worker.installing ?? worker.waiting;
  await new Promise<void>((done, failed) => {
    coming?.addEventListener("statechange", () => {
      if (coming.state === "activated") done();
      if (coming.state === "redundant") failed(new Error("the worker could not begin"));
    });
  });
}

async function tell(s: Told): Promise<void> {
  const answer = await fetch("/room/notices/push", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(s) });
  if (answer.ok) return;
  const { message } = (await answer.json()) as { message: string };
  throw new Refused(message);
}
