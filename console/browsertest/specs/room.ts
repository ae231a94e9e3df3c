// The control room: a shift's work by mouse, by keyboard alone, without scripts, and with
// colleagues and lines that come and go.
import type { Page } from "playwright-core";
import { addressed, barriers, becomes, check, everyone, focused, own, same, shows, tell, test, until } from "./runner.ts";

const room = (q = "") => `${own}/room${q}`;
const rows = (page: Page) => page.locator(".room-list tbody tr[data-key]");
const row = (page: Page, key: string) => page.locator(`.room-list tr[data-key="${key}"]`);
const said = (page: Page) => page.textContent(".room-said");
const line = (page: Page) => page.textContent(".room-line");

async function live(page: Page): Promise<void> {
  await until("the line", async () => /^Live since/.test((await line(page)) ?? ""));
  await until("all alerts", async () => (await page.getAttribute(".room-list", "aria-rowcount")) !== null && (await rows(page).count()) > 0);
}

for (const [name, viewport] of Object.entries({ "1280": { width: 1280, height: 900 }, "1920": { width: 1920, height: 1080 }, "360": { width: 360, height: 780 } })) {
  test(`the control room at ${name}, light and dark`, async (t) => {
    const page = await t.open(room("?alert=camera:square:e1"), { viewport });
    await live(page);
    await until("the detail", async () => /Counts before and after/.test((await page.textContent("#detail")) ?? ""));
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
      same(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, "pixels too wide");
      await t.shot(page, `room-${name}-${colorScheme}`);
    }
    same(await page.locator("h1").count(), 1, "level-one headings");
  });
}

test("alerts stand by priority, then the newest first", async (t) => {
  const page = await t.open(room());
  await live(page);
  const titles = await page.locator(".room-list .room-title a").allTextContents();
  same(titles.slice(0, 5).join("; "), "Flooding, 0.6 m; Edge lost; Power network; Crowding, 14 people; Not empty", "the order");
  same(await page.getAttribute(".room-list", "aria-rowcount"), "11", "rows, head included");
  same(await row(page, "sensor:underpass").getAttribute("aria-rowindex"), "2", "index of the first row");
});

test("a new alert comes by itself, and a colleague's work is seen", async (t) => {
  const page = await t.open(room());
  await live(page);
  await tell("room", { do: "urgent", id: "new-1" });
  await until("the new alert, first", async () => (await rows(page).first().getAttribute("data-key")) === "test:new-1");
  await tell("room", { do: "acknowledge", key: "test:new-1" });
  await until("its new state", async () => /Acknowledged/.test((await row(page, "test:new-1").textContent()) ?? ""));
  await tell("room", { do: "close", key: "test:new-1" });
  await until("that it is gone", async () => (await row(page, "test:new-1").count()) === 0);
});

test("a shift by keyboard alone: move, acknowledge, undo, snooze, note, escalate, close", async (t) => {
  const page = await t.open(room());
  await live(page);
  await page.keyboard.press("j");
  await focused(page, '[data-key="sensor:underpass"] a'); // J goes to the first
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await focused(page, '[data-key="hub:kiosk"] a'); // J, J, K
  await addressed(page, /alert=hub/);
  await until("the detail", async () => (await page.getAttribute("#detail", "data-key")) === "hub:kiosk");

  await page.keyboard.press("a");
  await until("acknowledged", async () => /Acknowledged/.test((await row(page, "hub:kiosk").textContent()) ?? ""));
  await until("what was done", async () => /1 alert acknowledged/.test((await said(page)) ?? ""));
  await page.keyboard.press("u");
  await until("undone", async () => /New/.test((await row(page, "hub:kiosk").textContent()) ?? "") && /1 alert is new again/.test((await said(page)) ?? ""));

  await page.keyboard.press("t");
  await until("taken", async () => /Yours/.test((await row(page, "hub:kiosk").textContent()) ?? ""));
  await page.keyboard.press("e");
  await until("escalated", async () => /Critical/.test((await row(page, "hub:kiosk").textContent()) ?? ""));

  await page.keyboard.press("n");
  await page.keyboard.type("The kiosk has no power; somebody is on the way.");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await until("the note", async () => /The kiosk has no power/.test((await page.textContent("#detail")) ?? ""));

  await page.keyboard.press("s");
  await page.locator("dialog").getByLabel(/1 hour/).focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Enter");
  await until("snoozed", async () => /Snoozed until/.test((await row(page, "hub:kiosk").textContent()) ?? ""));

  await page.keyboard.press("c");
  same((await barriers(page)).join("\n"), "", "axe while it asks for the verdict");
  await t.shot(page, "room-verdict", false);
  await page.locator("dialog").getByRole("button", { name: "Useful" }).focus();
  await page.keyboard.press("Enter");
  await until("closed", async () => (await row(page, "hub:kiosk").count()) === 0);
  await shows(page, ".room-said", "1 alert closed");
  await focused(page, ".room-list *"); // the next alert
});

test("search, filters and kinds narrow the list, and stand in the address", async (t) => {
  const page = await t.open(room());
  await live(page);
  await page.keyboard.press("/");
  await page.keyboard.type("bus lane");
  await until("two alerts", async () => (await rows(page).count()) === 2);
  await addressed(page, /q=bus\+lane/);
  await page.reload();
  await live(page);
  await until("two alerts after loading again", async () => (await rows(page).count()) === 2);
  await page.fill("[name=q]", "");
  await until("all alerts", async () => (await rows(page).count()) === 10);
  await page.selectOption("[name=desk]", "traffic");
  await until("the desk's", async () => (await rows(page).count()) === 2);
  await page.selectOption("[name=desk]", "");
  await until("all alerts again", async () => (await rows(page).count()) === 10);
  await page.locator(".room-kinds [data-kind=crowding]").click();
  await until("the kind's", async () => (await rows(page).count()) === 1);
  await becomes(() => page.getAttribute(".room-kinds [data-kind=crowding]", "aria-current"), "true", "the kind that is chosen");
  await page.fill("[name=q]", "no such word anywhere");
  await until("nothing", async () => /No alert is of this/.test((await page.textContent(".room-empty")) ?? ""));
  await t.shot(page, "room-empty-filter", false);
});

test("several at once: select, acknowledge, close with a verdict", async (t) => {
  const page = await t.open(room());
  await live(page);
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await until("two selected", async () => /2 selected/.test((await page.textContent(".room-acts")) ?? ""));
  await page.keyboard.press("a");
  await until("both", async () => /2 alerts acknowledged/.test((await said(page)) ?? ""));
  await page.getByLabel("Select all").check();
  await until("all selected", async () => /10 selected/.test((await page.textContent(".room-acts")) ?? ""));
  await page.getByRole("button", { name: "Close…" }).first().click();
  await page.locator("dialog").getByRole("button", { name: "Unclear" }).click();
  await until("an empty queue", async () => /Nothing asks for you now/.test((await page.textContent(".room-empty")) ?? ""));
  await t.shot(page, "room-empty", false);
  await page.selectOption("[name=state]", "closed");
  await until("the closed ones", async () => (await rows(page).count()) === 10);
  await until("the verdict", async () => /Unclear/.test((await rows(page).first().textContent()) ?? ""));
});

test("somebody who was faster is named, and nothing of theirs is lost", async (t) => {
  const page = await t.open(room());
  await live(page);
  await page.locator(`tr[data-key="sensor:underpass"] a`).click();
  let release = () => {};
  const held = new Promise<void>((done) => (release = done));
  await page.route("**/room/alerts", async (r) => {
    await held;
    await r.continue();
  });
  await page.keyboard.press("e");
  await tell("room", { do: "acknowledge", key: "sensor:underpass" });
  release();
  await until("the words", async () => /somebody was faster at [^.]*\d\d:\d\d\. Acknowledged by Bo\./.test((await said(page)) ?? ""));
  await until("what the colleague did", async () => /Acknowledged/.test((await row(page, "sensor:underpass").textContent()) ?? ""));
  await t.shot(page, "room-conflict", false);
});

test("an acknowledgement that does not reach the server is taken back and said", async (t) => {
  const page = await t.open(room(), {}, /ERR_FAILED|Failed to load resource/);
  await live(page);
  let lose = () => {};
  const seen = new Promise<void>((done) => (lose = done));
  await page.route("**/room/alerts", async (r) => {
    await seen;
    await r.abort();
  });
  await page.locator(`tr[data-key="sensor:underpass"] a`).click();
  await page.keyboard.press("a");
  await until("at once", async () => /Acknowledged/.test((await row(page, "sensor:underpass").textContent()) ?? ""));
  lose();
  await until("taken back", async () => /New/.test((await row(page, "sensor:underpass").textContent()) ?? "") && /That was not done/.test((await said(page)) ?? ""));
  await page.unroute("**/room/alerts");
  await page.getByRole("button", { name: "Try again" }).click();
  await until("done", async () => /1 alert acknowledged/.test((await said(page)) ?? ""));
});

test("a lost line is said with its time, and what came meanwhile is there afterwards", async (t) => {
  const page = await t.open(room(), {}, /ERR_|Failed to load resource|503/);
  await live(page);
  await tell("deaf", { deaf: "1" });
  await until("the lost line", async () => /^Line lost since \d\d:\d\d/.test((await line(page)) ?? ""));
  same(await rows(page).count(), 10, "alerts that stay in sight");
  await t.shot(page, "room-lost", false);
  await tell("room", { do: "urgent", id: "meanwhile" });
  await tell("deaf", { deaf: "" });
  await until("the line again", async () => /^Live since/.test((await line(page)) ?? ""));
  await until("what came meanwhile", async () => (await row(page, "test:meanwhile").count()) === 1);
});

test("quiet alerts stand behind a fold", async (t) => {
  await tell("room", { do: "quiet", kind: "stopped" });
  const page = await t.open(room());
  await live(page);
  const fold = page.locator(".room-fold");
  await until("the fold", async () => /2 quiet alerts/.test((await fold.textContent()) ?? ""));
  await becomes(() => row(page, "quiet:now").count(), 0, "quiet alerts in the list");
  await fold.click();
  await until("the quiet ones", async () => (await row(page, "quiet:now").count()) === 1);
  same(await rows(page).last().getAttribute("data-key"), "camera:square:e2", "they stand after all others");
  check(/quiet/.test((await row(page, "quiet:now").textContent()) ?? ""), "the row does not say that it is quiet");
  const open = await t.open(`${everyone}/precision`);
  check(/Obstruction/.test((await open.textContent("main")) ?? "") && /Quiet/.test((await open.textContent("table")) ?? ""), "the public page does not say so");
  same((await barriers(open)).join("\n"), "", "axe on the public page");
  await t.shot(open, "precision");
});

test("ten thousand alerts: few rows are drawn, all can be reached", async (t) => {
  await tell("room", { do: "raise", from: "0", n: "10000" });
  const page = await t.open(room());
  await until("all of them", async () => (await page.getAttribute(".room-list", "aria-rowcount")) === "10011");
  check((await rows(page).count()) < 60, `${await rows(page).count()} rows are drawn`);
  const bare = await page.evaluate(async () => {
    const box = document.querySelector(".room-scroll")!;
    let [empty, most] = [0, 0];
    for (let i = 0; i < 40; i++) {
      box.scrollTop += box.scrollHeight / 40;
      await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(r))));
      const b = box.getBoundingClientRect();
      const middle = document.elementFromPoint(b.left + 200, (b.top + b.bottom) / 2);
      if (!middle?.closest("tr[data-key]")) empty++;
      most = Math.max(most, document.querySelectorAll(".room-list tr[data-key]").length);
    }
    return `${empty} ${most < 60}`;
  });
  same(bare, "0 true", "steps of the scroll at which nothing was drawn, and whether few rows were");
  await page.evaluate(() => (document.querySelector(".room-scroll")!.scrollTop = 1e9));
  await until("the last row", async () => (await rows(page).last().getAttribute("aria-rowindex")) === "10011");
  await page.fill("[name=q]", "test:4321");
  await until("one of them", async () => (await rows(page).count()) === 1);
});

test("the list stays in place under the reader while alerts come", async (t) => {
  await tell("room", { do: "raise", from: "0", n: "200" });
  const page = await t.open(room());
  await live(page);
  await page.evaluate(() => (document.querySelector(".room-scroll")!.scrollTop = 3000));
  const top = () => page.evaluate(() => {
    const box = document.querySelector(".room-scroll")!.getBoundingClientRect();
    return [...document.querySelectorAll<HTMLElement>(".room-list tr[data-key]")].filter((r) => r.getBoundingClientRect().top >= box.top + 60).map((r) => `${r.dataset.key} ${Math.round(r.getBoundingClientRect().top)}`)[0];
  });
  await until("rows there", async () => (await top()) !== undefined);
  const before = await top();
  await tell("room", { do: "urgent", id: "above" });
  await until("the new one", async () => (await page.getAttribute(".room-list", "aria-rowcount")) === "212");
  same(await top(), before, "the row that was read");
});

test("keys are explained, and single letters can be turned off", async (t) => {
  const page = await t.open(room());
  await live(page);
  await page.keyboard.press("?");
  check(/Close with a verdict/.test((await page.textContent("dialog")) ?? ""), "the keys are not explained");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "room-keys", false);
  await page.getByLabel("Single letters are keys").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.waitForTimeout(200);
  check(!page.url().includes("alert="), "J moved though letters are off");
  await page.getByRole("button", { name: "Keys (?)" }).click();
  await page.getByLabel("Single letters are keys").check();
});

test("the sound is off at first, sounds for what was chosen, and is remembered", async (t) => {
  const page = await t.open(room());
  await live(page);
  await page.evaluate(() => {
    const start = OscillatorNode.prototype.start;
    (window as unknown as { tones: number }).tones = 0;
    OscillatorNode.prototype.start = function (...at) {
      (window as unknown as { tones: number }).tones++;
      return start.apply(this, at);
    };
  });
  const tones = () => page.evaluate(() => (window as unknown as { tones: number }).tones);
  await tell("room", { do: "urgent", id: "silent" });
  await until("the alert", async () => (await row(page, "test:silent").count()) === 1);
  same(await tones(), 0, "tones while the sound is off");
  await page.selectOption(".room-sound select", "1");
  await page.locator(`tr[data-key="test:silent"] a`).click();
  await tell("room", { do: "raise", from: "0", n: "1" });
  await until("a lesser alert", async () => (await row(page, "test:0").count()) === 1);
  same(await tones(), 0, "tones for a lesser alert");
  await tell("room", { do: "urgent", id: "loud" });
  for (let n = 1; !(await tones()) && n < 30; n++) { // the machine's sound may take its time to begin
    await tell("room", { do: "urgent", id: `loud-${n}` });
    await until("the next one", async () => (await row(page, `test:loud-${n}`).count()) === 1);
  }
  await until("a tone", async () => (await tones()) > 0);
  await page.reload();
  await becomes(() => page.inputValue(".room-sound select"), "1", "the choice after loading again");
});

test("the map and the list are in step", async (t) => {
  const page = await t.open(room());
  await live(page);
  await page.waitForSelector(".room .map[data-ready]", { state: "attached" });
  await page.locator(`tr[data-key="sensor:underpass"] a`).click();
  await until("the chosen alert", async () => (await page.getAttribute("#detail", "data-key")) === "sensor:underpass");
  await page.evaluate(() => document.dispatchEvent(new CustomEvent("polity:choose-alert", { detail: "program:feeder-7" })));
  await becomes(() => row(page, "program:feeder-7").getAttribute("aria-current"), "true", "what was chosen on the map");
  await t.shot(page, "room-map", false);
}, "webgl");

test("the control room without scripts: filter, acknowledge, note, close", async (t) => {
  const page = await t.open(room("?desk=safety"), { javaScriptEnabled: false });
  same(await rows(page).count(), 5, "the desk's alerts");
  await row(page, "sensor:underpass").locator("input").check();
  await page.getByRole("button", { name: "Acknowledge", exact: true }).click();
  await shows(page, ".room-said", "1 alert acknowledged");
  await shows(page, '.room-list tr[data-key="sensor:underpass"]', "Acknowledged");
  await row(page, "sensor:underpass").locator("a").click();
  await page.fill("#detail textarea", "Pumps are running.");
  await page.getByRole("button", { name: "Add the note" }).click();
  await shows(page, "#detail", "Pumps are running.");
  await page.locator("#detail summary", { hasText: "Close…" }).click();
  await page.locator("#detail").getByRole("button", { name: "False alarm" }).click();
  await shows(page, ".room-said", "1 alert closed");
  await t.shot(page, "room-noscript");
});

test("alerts become an incident, with its timeline and export; a shift is handed over", async (t) => {
  const page = await t.open(room());
  await live(page);
  await page.goto(`${own}/room/incidents`);
  await t.shot(page, "incidents");
  const form = page.locator(".incident-proposal").first();
  if (!(await form.count())) {
    await tell("room", { do: "urgent", id: "one" });
    await tell("room", { do: "urgent", id: "two" });
    await page.reload();
  }
  same((await barriers(page)).join("\n"), "", "axe on the list");
  await form.getByLabel("Name of the incident").fill("Water in the underpass");
  await form.getByRole("button", { name: "Make an incident" }).click();
  await page.waitForURL(/\/room\/incidents\/i-/);
  await shows(page, "h1", "Water in the underpass");
  await page.getByRole("textbox", { name: "Note" }).fill("Pumps ordered.");
  await page.getByRole("button", { name: "Add the note" }).click();
  await shows(page, ".room-timeline", "Pumps ordered.");
  same((await barriers(page)).join("\n"), "", "axe on the incident");
  await t.shot(page, "incident");
  const zip = await page.request.get((await page.locator("a[download]").getAttribute("href"))!.replace(/^/, own));
  same(zip.status(), 200, "status of the export");
  same((await zip.body()).subarray(0, 2).toString(), "PK", "the export's first bytes");
  await page.getByRole("button", { name: "Close the incident" }).click();
  await shows(page, ".title", "Closed");
  await page.goto(`${own}/room/handover`);
  await page.getByRole("textbox", { name: "Note" }).fill("Quiet night, one pump is out.");
  await page.getByRole("button", { name: "Hand over" }).click();
  await shows(page, ".handovers", "Quiet night");
  await shows(page, ".handovers", "alerts were open");
  same((await barriers(page)).join("\n"), "", "axe on the handover");
  await page.setViewportSize({ width: 360, height: 780 });
  same(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, "pixels too wide");
  await t.shot(page, "handover-360");
});

test("what a note says is text", async (t) => {
  await tell("room", { do: "note", key: "sensor:underpass", text: `<img src=x onerror="window.slipped=1"> & <b>bold</b>` });
  const page = await t.open(room("?alert=sensor:underpass"));
  await until("the note", async () => /<b>bold<\/b>/.test((await page.textContent("#detail")) ?? ""));
  same(await page.evaluate(() => "slipped" in window), false, "a script of a note ran");
});

test("the public has no control room", async (t) => {
  const page = await t.open(`${everyone}/room`, {}, /status of 403/);
  check(!(await page.textContent("main"))?.includes("Flooding"), "the public sees alerts");
  same((await barriers(page)).join("\n"), "", "axe");
});
