// Work orders: a desk's list and pages, and a crew's telephone that loses its line.
import type { BrowserContextOptions, Page } from "playwright-core";
import { barriers, check, own, same, shows, tell, test, type Trial, until } from "./runner.ts";

declare const Buffer: { from(bytes: number[]): unknown };

const phone: BrowserContextOptions = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };
const lineGone = /net::ERR_|Failed to fetch|status of 40[039]|status of 503/;

async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(over <= 0, `the page is ${over} pixels too wide`);
}

/** The address of the order that a task names. */
async function orderWith(page: Page, task: string): Promise<string> {
  await page.goto(`${own}/orders?state=all&q=${encodeURIComponent(task)}`);
  const href = await page.locator(".orders tbody a").first().getAttribute("href");
  check(href, `no order says “${task}”`);
  return own + href;
}

const pages: { name: string; says: string; at: (page: Page) => Promise<string> }[] = [
  { name: "orders", says: "6 work orders", at: async () => `${own}/orders` },
  { name: "order", says: "Close valve 214", at: (page) => orderWith(page, "valve 214") },
  { name: "order-decided", says: "night flow of zone 3", at: (page) => orderWith(page, "Listen along") },
  { name: "order-new", says: "What is to be done", at: async () => `${own}/orders/new?alert=alert-17&desk=safety&kind=obstruction` },
  { name: "orders-mine", says: "Close valve 214", at: async () => `${own}/orders/mine` },
];

async function looksRight(t: Trial, page: Page, name: string, says: string, width: string): Promise<void> {
  if (name === "orders-mine") await page.waitForSelector(".crew[data-ready]");
  await shows(page, "main", says);
  same(await page.locator("h1").count(), 1, "level-one headings");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    await fits(page);
    await t.shot(page, `${name}-${width}-${colorScheme}`);
  }
}

for (const { name, says, at } of pages) {
  for (const [width, options] of [["1280", {}], ["360", phone]] as const) {
    test(`${name}, ${width} pixels`, async (t) => {
      const page = await t.open(`${own}/check`, options);
      await page.goto(await at(page));
      await looksRight(t, page, name, says, width);
    });
  }
  test(`${name}, without scripts`, async (t) => {
    const page = await t.open(`${own}/check`, { javaScriptEnabled: false });
    await page.goto(await at(page));
    check((await page.innerText("main")).replace(/\s+/g, " ").includes(says), `the page does not say “${says}”`);
  });
}

test("orders: a desk makes, gives and cancels one with the keyboard and no scripts", async (t) => {
  const page = await t.open(`${own}/orders/new?desk=water&kind=valve`, { javaScriptEnabled: false }, /status of 400/);
  await page.getByLabel("What is to be done").fill("Turn valve 12 a little.");
  await page.keyboard.press("Tab");
  await page.getByRole("button", { name: "Make the order" }).press("Enter");
  await shows(page, "main", "name an asset, a place on the map, or the place in words");
  same(await page.getByLabel("What is to be done").inputValue(), "Turn valve 12 a little.", "what was typed");
  await page.getByLabel("Place", { exact: true }).fill("Vuorikatu 3");
  await page.getByRole("button", { name: "Make the order" }).press("Enter");
  await page.waitForURL(/\/orders\/o-/);
  await page.getByLabel("Give to").selectOption({ label: "Signals" });
  await page.getByRole("button", { name: "Give", exact: true }).press("Enter");
  await shows(page, ".timeline", "to Signals");
  await page.getByRole("button", { name: "Cancel the order" }).press("Enter");
  await shows(page, ".title", "Cancelled");
});

test("orders: printed", async (t) => {
  const page = await t.open(`${own}/check`, { viewport: { width: 794, height: 1123 } });
  await page.goto(await orderWith(page, "valve 214"));
  await page.emulateMedia({ media: "print" });
  same(await page.locator(".order-acts").isVisible(), false, "forms are printed");
  check(await page.locator(".timeline").isVisible(), "the timeline is not printed");
  await t.shot(page, "order-print");
});

/** The crew's page on a telephone, kept there. */
async function crewPage(t: Trial, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await t.open(`${own}/orders/mine`, { ...phone, ...options }, lineGone);
  await page.waitForSelector(".crew[data-ready]");
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await until("the page is kept on the telephone", () => page.evaluate(async () => (await (await caches.open("polity-crew")).match("/orders/mine")) !== undefined));
  await until("the worker serves the page", async () => {
    if (await page.evaluate(() => navigator.serviceWorker.controller !== null)) return true;
    await page.reload();
    await page.waitForSelector(".crew[data-ready]");
    return false;
  });
  return page;
}

async function plug(page: Page, there: boolean): Promise<void> {
  await tell("unplug", there ? {} : { cut: "1" });
  await page.context().setOffline(!there);
}

const press = (page: Page, name: string) => page.locator(".crew-card").first().getByRole("button", { name, exact: true }).click();
const crewSaid = (page: Page, words: string) => shows(page, "#crew-line", words);
const said = async (page: Page) => (await page.textContent("#crew-line"))?.replace(/\s+/g, " ") ?? "";

async function timeline(page: Page, task: string): Promise<string> {
  const desk = await page.context().newPage();
  await desk.goto(await orderWith(desk, task));
  const words = (await desk.textContent(".timeline"))?.replace(/\s+/g, " ") ?? "";
  await desk.close();
  return words;
}

/** Waits until the desk has what the crew told: the telephone says that all is sent before it keeps the next thing, too. */
async function arrives(page: Page, told: RegExp): Promise<void> {
  const desk = await page.context().newPage();
  const at = await orderWith(desk, "valve 214");
  let words = "";
  await until(`${told} in the timeline`, async () => {
    await desk.goto(at);
    words = (await desk.textContent(".timeline"))?.replace(/\s+/g, " ") ?? "";
    return told.test(words);
  }).catch((why: Error) => {
    throw new Error(`${why.message}; it says ${words}`);
  });
  await desk.close();
}

test("crew: an order from acceptance to done", async (t) => {
  const page = await crewPage(t);
  // A press counts though the page is drawn anew under the finger.
  await page.locator(".crew-card").first().getByRole("button", { name: "Accept" }).hover();
  await page.mouse.down();
  await page.evaluate(() => dispatchEvent(new Event("offline")));
  await new Promise((r) => setTimeout(r, 300)); // long enough to be drawn
  await page.mouse.up();
  for (const name of ["I am on my way", "I am at the place", "Done"]) await press(page, name);
  await until("the next order comes up", async () => (await page.locator(".crew-card h2").first().textContent())?.includes("#2"));
  await arrives(page, /Accepted.*On the way.*At the place.*Done/);
  await crewSaid(page, "Everything is sent");
});

test("crew: without a line the page opens, works, and sends in order later", async (t) => {
  const page = await crewPage(t);
  await plug(page, false);
  await page.reload();
  await page.waitForSelector(".crew[data-ready]");
  await until("that there is no line", async () => (await said(page)).includes("No line"));
  await page.locator(".crew-map").first().waitFor();
  await press(page, "Accept");
  await press(page, "I am at the place");
  await press(page, "Note");
  await page.getByLabel(/What should the desk know/).fill("The long key does not fit.");
  await page.getByRole("button", { name: "Add the note" }).click();
  await until("three things wait", async () => (await said(page)).includes("3 not sent yet"));
  await page.emulateMedia({ colorScheme: "dark" });
  same((await barriers(page)).join("\n"), "", "axe");
  await fits(page);
  await t.shot(page, "crew-offline");
  await page.reload(); // the telephone was put away
  await page.waitForSelector(".crew[data-ready]");
  await until("three things still wait", async () => (await said(page)).includes("3 not sent yet"));
  check((await page.locator(".crew-card").first().textContent())?.includes("At the place"), "the page forgets what was told");
  await plug(page, true);
  await crewSaid(page, "Everything is sent");
  await arrives(page, /Accepted.*At the place.*The long key does not fit/);
});

test("crew: an answer that is lost does nothing twice", async (t) => {
  const page = await crewPage(t);
  let lost = 0;
  await page.route("**/steps", async (route) => {
    const answer = await route.fetch();
    if (answer.ok() && lost++ === 0) await route.abort("connectionreset");
    else await route.fulfill({ response: answer });
  });
  await press(page, "Accept");
  await until("all is sent", async () => lost > 1 && (await said(page)).includes("Everything is sent"));
  const words = await timeline(page, "valve 214");
  same(words.split("Accepted").length - 1, 1, `acceptances in “${words}”`);
});

test("crew: a sign-in that ends without a line loses nothing", async (t) => {
  const page = await crewPage(t);
  await plug(page, false);
  await press(page, "Accept");
  await crewSaid(page, "1 not sent yet");
  await tell("signedout", { out: "1" });
  await plug(page, true);
  await crewSaid(page, "Your sign-in has ended");
  await crewSaid(page, "1 not sent yet");
  same(await page.locator("#crew-line a").getAttribute("href"), "/sign-in?then=%2Forders%2Fmine", "the way to sign in");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "crew-signin");
  await tell("signedout");
  await page.goto(`${own}/orders/mine`);
  await crewSaid(page, "Everything is sent");
  await arrives(page, /Accepted/);
});

test("crew: what the hub does not take is told until it is read", async (t) => {
  const page = await crewPage(t);
  const desk = await page.context().newPage();
  await desk.goto(await orderWith(desk, "valve 214"));
  await tell("unplug", { cut: "1" });
  await press(page, "Accept");
  await until("it waits", async () => (await said(page)).includes("1 not sent yet"));
  await page.goto("about:blank"); // so that the desk is first
  await tell("unplug");
  await desk.getByRole("button", { name: "Cancel the order" }).click();
  await desk.waitForLoadState();
  await shows(desk, ".title", "Cancelled");
  await page.goto(`${own}/orders/mine`);
  await page.waitForSelector(".crew-refused");
  await shows(page, ".crew-refused", "the order is cancelled");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "crew-refused");
  await page.reload();
  await page.waitForSelector(".crew-refused");
  await page.getByRole("button", { name: "I have read it" }).click();
  await page.waitForSelector(".crew-refused", { state: "detached" });
});

test("crew: nobody sends what somebody else told", async (t) => {
  const page = await crewPage(t);
  const at = await orderWith(await page.context().newPage(), "valve 214");
  await page.evaluate(async (order) => {
    const db = await new Promise<IDBDatabase>((done) => {
      const r = indexedDB.open("polity-crew", 1);
      r.onsuccess = () => done(r.result);
    });
    const t = db.transaction("waiting", "readwrite");
    t.objectStore("waiting").add({ key: "a-key-of-somebody-else", person: "p2", order, number: 1, told: Date.now(), what: { kind: "step", to: "accepted", reason: "", note: "" } });
    await new Promise((done) => (t.oncomplete = done));
  }, at.split("/").pop()!);
  await page.reload();
  await until("the page says so", async () => (await said(page)).includes("1 message of somebody else"));
  check(!(await timeline(page, "valve 214")).includes("Accepted"), "it was sent under another name");
});

test("crew: cannot be done, with a reason", async (t) => {
  const page = await crewPage(t);
  await press(page, "Cannot be done");
  await t.shot(page, "crew-cannot");
  same((await barriers(page)).join("\n"), "", "axe");
  await page.getByLabel("It is not safe").check();
  await page.getByLabel("Note, if there is more to say").fill("A cable lies open.");
  await page.getByRole("button", { name: "Report it" }).click();
  await arrives(page, /Cannot be done It is not safe.*A cable lies open/);
  await crewSaid(page, "Everything is sent");
});

test("crew: a photo leaves the telephone masked and bare", async (t) => {
  const page = await crewPage(t);
  let sent: number[] = [];
  await page.route("**/photos?*", async (route) => {
    sent = [...(route.request().postDataBuffer() ?? [])];
    await route.continue();
  });
  await press(page, "Accept");
  await press(page, "Photo");
  // A picture of noise with EXIF, as a telephone's camera makes it.
  const bytes = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    canvas.width = 1500;
    canvas.height = 2000;
    const pen = canvas.getContext("2d")!;
    const pixels = pen.createImageData(1500, 2000);
    for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = i % 4 === 3 ? 255 : (i * 7919) % 251;
    pen.putImageData(pixels, 0, 0);
    const blob = await new Promise<Blob>((done) => canvas.toBlob((b) => done(b!), "image/jpeg"));
    const jpeg = new Uint8Array(await blob.arrayBuffer());
    const exif = [0xff, 0xe1, 0, 22, ...new TextEncoder().encode("Exif\0\0MM\0*GPS here yes")].slice(0, 24);
    return [...jpeg.subarray(0, 2), ...exif, ...jpeg.subarray(2)];
  });
  await page.locator("input[type=file]").setInputFiles({ name: "../../photo.svg", mimeType: "image/jpeg", buffer: Buffer.from(bytes) as never });
  await page.waitForSelector(".crew-frame canvas");
  const framed = async () => page.locator(".crew-frame .unseen").textContent();
  const before = await framed();
  await page.locator(".crew-frame").press("Shift+ArrowRight");
  await until("the frame is sized with the keyboard", async () => (await framed()) !== before);
  for (let i = 0; i < 30; i++) await page.locator(".crew-frame").press("ArrowLeft");
  const box = (await page.locator(".crew-frame").boundingBox())!;
  await page.mouse.move(box.x + 20, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + 60, box.y + box.height / 2 + 40, { steps: 4 });
  await page.mouse.up();
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "crew-photo");
  await page.getByRole("button", { name: "Send the photo" }).click();
  await until("all is sent", async () => sent.length > 0 && (await said(page)).includes("Everything is sent"));
  check(sent[0] === 0xff && sent[1] === 0xd8, "what was sent is no JPEG");
  const text = String.fromCharCode(...sent.slice(0, 2000));
  check(!text.includes("Exif") && !text.includes("GPS"), "EXIF left the telephone");
  same((await page.locator(".crew-refused").allTextContents()).join(), "", "refusals");
  await until("the page counts the photo", async () => (await page.locator(".crew-card").first().textContent())?.includes("1 photo"));
  const desk = await page.context().newPage();
  await desk.goto(await orderWith(desk, "valve 214"));
  await desk.locator(".photos img").scrollIntoViewIfNeeded();
  await until("the desk sees the photo", () => desk.locator(".photos img").evaluate((i: HTMLImageElement) => i.complete && i.naturalWidth === 960));
  await t.shot(desk, "order-photo");
});

test("crew: where they are is seen while they share it", async (t) => {
  const page = await crewPage(t, { geolocation: { latitude: 60.1705, longitude: 24.941 }, permissions: ["geolocation"] });
  await press(page, "Accept");
  await press(page, "I am on my way");
  await arrives(page, /On the way/); // the hub takes no position before
  await crewSaid(page, "Everything is sent");
  await press(page, "Share where I am until I arrive");
  const desk = await page.context().newPage();
  const at = await orderWith(desk, "valve 214");
  await until("the desk sees it", async () => {
    await desk.goto(at);
    return (await desk.textContent("#order-crew"))?.includes("60.17050, 24.94100");
  });
  await t.shot(desk, "order-position");
  await press(page, "I am at the place");
  await until("it is gone", async () => {
    await desk.goto(at);
    return !(await desk.textContent("main"))?.includes("The crew is at");
  });
  check(!(await desk.textContent("main"))?.includes("24.94100"), "the page still says where the crew was");
});

test("crew: whoever signs out leaves no orders on the telephone", async (t) => {
  const page = await crewPage(t);
  await page.route("**/steps", (route) => route.abort("connectionreset"));
  await page.route("**/sign-out", (route) => route.fulfill({ status: 200, contentType: "text/plain", body: "out" }));
  await page.route("**/check", async (route) => {
    const answer = await route.fetch(); // any page, with the form of the account's
    await route.fulfill({ response: answer, body: (await answer.text()).replace("</main>", `<form method="post" action="/sign-out"><button>Out</button></form></main>`) });
  });
  await press(page, "Accept");
  await until("it waits", async () => (await said(page)).includes("1 not sent yet"));
  await page.goto(`${own}/check`);
  await page.waitForSelector("html.scripted");
  await page.getByRole("button", { name: "Out" }).click();
  await page.waitForURL("**/sign-out");
  await page.goto(`${own}/cameras`);
  const left = await page.evaluate(async () => {
    const db = await new Promise<IDBDatabase>((done) => {
      const r = indexedDB.open("polity-crew", 1);
      r.onsuccess = () => done(r.result);
    });
    const count = (store: string) => new Promise<number>((done) => {
      const r = db.transaction(store).objectStore(store).count();
      r.onsuccess = () => done(r.result);
    });
    return `${await caches.has("polity-crew")} ${await count("orders")} ${await count("waiting")}`;
  });
  same(left, "false 0 1", "the page, orders and what waits");
});
