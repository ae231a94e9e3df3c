// One's own notices in every dress, a shift, an address, and push up to what the browser
// shows. The browser's own push service is out of reach here: its subscription is played,
// and what it would deliver is handed to the worker.
import type { Page } from "playwright-core";
import { barriers, check, own, same, test, until, type Trial } from "./runner.ts";

const at = `${own}/room/notices`;

async function dressed(t: Trial, page: Page, name: string): Promise<void> {
  same(await page.locator("h1").count(), 1, "level-one headings");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `${name}-${colorScheme}`);
  }
}

const says = async (page: Page, words: string): Promise<void> => {
  const text = (await page.textContent("main"))?.replace(/\s+/g, " ") ?? "";
  check(text.includes(words), `the page does not say “${words}”: ${text.slice(0, 400)}`);
};

test("notices, light and dark", async (t) => {
  const page = await t.open(at);
  await says(page, "You are not on shift and are told nothing");
  await dressed(t, page, "notices-1280");
});

test("notices, 360 pixels", async (t) => {
  const page = await t.open(at, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true });
  await dressed(t, page, "notices-360");
});

test("notices: a shift and an address with the keyboard, without scripts", async (t) => {
  const page = await t.open(at, { javaScriptEnabled: false });
  await page.focus("#hours");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(/said=begun/);
  await says(page, "Your shift has begun");
  await page.fill("#address", "aino@city.example");
  await page.press("#address", "Enter");
  await page.waitForURL(/said=codesent/);
  await says(page, "A code is on its way to aino@city.example");
  await t.shot(page, "notices-code");
  await page.fill("#code", "0000 0000");
  await page.press("#code", "Enter");
  await page.waitForURL(/said=wrongcode/);
  await says(page, "That code is wrong or too old");
});

/** Plays the browser's side of a push service. */
async function play(page: Page): Promise<void> {
  await page.context().grantPermissions(["notifications"], { origin: new URL(at).origin });
  await page.addInitScript(() => {
    const kept = (): string | null => sessionStorage.getItem("played");
    const made = (): unknown => ({
      endpoint: "https://push.example.net/send/1",
      toJSON: () => ({ endpoint: "https://push.example.net/send/1", keys: JSON.parse(kept()!) }),
      unsubscribe: async () => (sessionStorage.removeItem("played"), true),
    });
    PushManager.prototype.getSubscription = async () => (kept() ? made() : null) as PushSubscription | null;
    PushManager.prototype.subscribe = async (o?: PushSubscriptionOptionsInit) => {
      if (!o?.userVisibleOnly || typeof o.applicationServerKey !== "string" || o.applicationServerKey.length !== 87) throw new Error("no key of the hub");
      const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
      const text = (b: ArrayBuffer): string => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
      sessionStorage.setItem("played", JSON.stringify({ p256dh: text(await crypto.subtle.exportKey("raw", pair.publicKey)), auth: text(new ArrayBuffer(16)) }));
      return made() as PushSubscription;
    };
  });
}

test("notices: push on, shown, and off in this browser", async (t) => {
  const page = await t.open(at);
  await play(page);
  await page.reload();
  const button = page.locator("form[data-island='push'] button");
  await until("push can be switched on", () => button.isEnabled());
  await button.click();
  await until("the hub knows the browser", async () => (await page.textContent("main"))?.includes("1 browser of yours gets notices"));
  await until("the button switches off", async () => (await button.textContent()) === "Switch off in this browser");
  await t.shot(page, "notices-push");

  const cdp = await page.context().newCDPSession(page);
  const known: string[] = [];
  cdp.on("ServiceWorker.workerRegistrationUpdated", (e) => known.push(...e.registrations.map((r) => r.registrationId)));
  await cdp.send("ServiceWorker.enable");
  await until("the worker is there", async () => known.length > 0);
  const push = async (data: string): Promise<void> => {
    await cdp.send("ServiceWorker.deliverPushMessage", { origin: new URL(at).origin, registrationId: known[0]!, data });
  };
  const shown = (): Promise<{ title: string; body: string; link: unknown }[]> =>
    page.evaluate(async () => {
      const worker = await navigator.serviceWorker.getRegistration("/room/");
      return (await worker!.getNotifications()).map((n) => ({ title: n.title, body: n.body, link: n.data }));
    });
  // A browser that is busy may lose a push: the service that carries it sends it again.
  const arrives = async (what: string, data: string, is: () => Promise<boolean>): Promise<void> => {
    let next = 0;
    await until(what, async () => {
      if (Date.now() >= next) {
        await push(data);
        next = Date.now() + 5000;
      }
      return is();
    });
  };
  await arrives("the notice is shown", JSON.stringify({ title: "Flooding: Underpass", body: "Priority 1. New.", link: "/room?alert=a%3A1", tag: "one" }), async () => (await shown()).some((n) => n.title === "Flooding: Underpass" && n.body === "Priority 1. New." && n.link === "/room?alert=a%3A1"));
  await arrives("a later one stands in its place", JSON.stringify({ title: "Flooding: Underpass", body: "Priority 1. Escalated.", link: "/room?alert=a%3A1", tag: "one" }), async () => (await shown()).length === 1 && (await shown())[0]!.body.endsWith("Escalated."));
  await arrives("something is shown for it all the same", "what nobody can read", async () => (await shown()).some((n) => n.title === "Polity"));

  await button.click();
  await until("push is off", async () => (await page.textContent("main"))?.includes("No browser of yours gets notices yet"));
});

test("notices: a browser that forbids them says what to do", async (t) => {
  const page = await t.open(at);
  await page.addInitScript(() => {
    Notification.requestPermission = async () => "denied";
  });
  await page.reload();
  const button = page.locator("form[data-island='push'] button");
  await until("push can be switched on", () => button.isEnabled());
  await button.click();
  await until("it says what to do", async () => (await page.textContent("form[data-island='push'] [role='alert']"))?.includes("Allow them in its settings"));
});
