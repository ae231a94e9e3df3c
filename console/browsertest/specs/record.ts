// The public record in every dress, and a question that leaves no browser.
import type { Page } from "playwright-core";
import { compare, moments, sees } from "../../islands/compare.ts";
import type { OpeningsData } from "../../islands/generated.ts";
import { barriers, becomes, check, everyone, same, shows, test, until, type Trial } from "./runner.ts";

const pages: { name: string; at: string; says: string }[] = [
  { name: "record", at: `${everyone}/record`, says: "Footage has been opened 3 times" },
  { name: "record-entries", at: `${everyone}/record/entries`, says: "216 entries are public" },
  { name: "record-entry", at: `${everyone}/record/entry/212`, says: "approves" },
  { name: "record-concerned", at: `${everyone}/record/concerned`, says: "Openings whose details are public" },
];

async function looksRight(t: Trial, page: Page, name: string, says: string, width: string): Promise<void> {
  await shows(page, "main", says);
  if (name === "record") await page.locator("[data-island='record'] canvas").waitFor();
  if (name === "record-concerned") await page.locator("[data-locked]").waitFor();
  same(await page.locator("h1").count(), 1, "level-one headings");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `${name}-${width}-${colorScheme}`);
  }
}

for (const { name, at, says } of pages) {
  test(`${name}, light and dark`, async (t) => {
    await looksRight(t, await t.open(at), name, says, "1280");
  });
  test(`${name}, 360 pixels`, async (t) => {
    await looksRight(t, await t.open(at, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true }), name, says, "360");
  });
  test(`${name}, without scripts`, async (t) => {
    const page = await t.open(at, { javaScriptEnabled: false });
    check((await page.textContent("main"))?.replace(/\s+/g, " ").includes(says), `the page does not say “${says}”`);
    await t.shot(page, `${name}-noscript`);
  });
}

async function ask(page: Page, day: string, from: string, to: string): Promise<void> {
  await page.locator("#day").fill(day);
  await page.locator("#from").fill(from);
  await page.locator("#to").fill(to);
  await page.locator("#compare").click();
}

test("record-concerned, nothing leaves the page after the question is put", async (t) => {
  const page = await t.open(`${everyone}/record/concerned`, {}, /Content Security Policy|violates the following/);
  await page.locator("[data-locked]").waitFor();
  const before = t.requests.length;
  const address = page.url();
  await ask(page, "2026-09-10", "21:30", "22:00");
  await shows(page, "#answer", "Choose a place on the map, or a camera, first.");
  await page.locator("#near").selectOption("square");
  await shows(page, "#place", "Railway Square, north side");
  await page.locator("#compare").click();
  await shows(page, "#answer", "1 opening has footage of that place and time.");
  await shows(page, "#answer", "10 September 2026 at 21:00");
  await shows(page, "#answer", "police, for: a serious crime");
  await shows(page, "#answer", "2 openings could have it");
  await t.shot(page, "record-concerned-answer");
  await ask(page, "2026-09-10", "23:00", "23:30"); // as people write it, from the minute on which it ended
  await shows(page, "#answer", "No opening whose details are public");
  await ask(page, "2026-11-24", "10:00", "11:00"); // after every opening
  await shows(page, "#answer", "this answer is complete");
  const map = (await page.locator(".concerned-map canvas").boundingBox())!;
  await page.mouse.click(map.x + 40, map.y + 40);
  await page.mouse.wheel(0, 300);
  await shows(page, "#place", "Your place is marked");
  await page.locator("#compare").click();
  same(page.url(), address, "the address");
  same(t.requests.slice(before).join(" "), "", "requests after the question was put");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.length]));
  check(!/square|24\.9|2026/.test(kept), `the question is kept: ${kept}`);

  // Whatever somebody slips into the page: the browser refuses to send.
  const refused = await page.evaluate(async () => {
    const found: string[] = [];
    document.addEventListener("securitypolicyviolation", (e) => found.push(e.effectiveDirective));
    const asked = await fetch("/record/openings.json?place=square").then(() => "sent", () => "refused");
    new Image().src = "/assets/none?place=square";
    const frame = document.createElement("iframe");
    frame.src = "/record?place=square";
    const form = document.createElement("form");
    form.action = "/record";
    document.body.append(frame, form);
    form.submit();
    try {
      new WebSocket(location.origin.replace("http", "ws"));
    } catch {
      found.push("socket");
    }
    for (let n = 0; n < 600 && new Set(found).size < 4; n++) await new Promise((r) => setTimeout(r, 100));
    return `${asked} ${[...new Set(found)].sort().join(" ")}`;
  });
  check(/^refused/.test(refused) && ["connect-src", "img-src", "frame-src", "form-action"].every((d) => refused.includes(d)), `refused: ${refused}`);
  same(page.url(), address, "the address after a form was slipped in");
  t.wrong.length = 0;
}, "webgl");

test("record-concerned, by keyboard", async (t) => {
  const page = await t.open(`${everyone}/record/concerned`);
  await page.locator("[data-locked]").waitFor();
  await page.locator("#near").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await page.locator("#day").fill("2026-09-10");
  await page.locator("#to").focus();
  await page.keyboard.press("Enter");
  await shows(page, "#answer", "1 opening has footage");
  await becomes(() => page.evaluate(() => document.activeElement?.id), "answer", "the focus");
});

test("record-concerned, without WebGL the list of cameras does", async (t) => {
  const page = await t.open(`${everyone}/record`, {}, /WebGL|webgl/);
  await page.addInitScript(() => {
    const get = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, kind: string, ...rest: unknown[]) {
      return kind.startsWith("webgl") ? null : (get as (...a: unknown[]) => unknown).call(this, kind, ...rest);
    } as typeof get;
  });
  await page.goto(`${everyone}/record/concerned`);
  await page.locator("[data-locked]").waitFor();
  await page.locator("#near").selectOption("square");
  await ask(page, "2026-09-10", "00:00", "23:59");
  await shows(page, "#answer", "1 opening has footage");
});

test("record-concerned, when the openings cannot be fetched it says so", async (t) => {
  const page = await t.open(`${everyone}/record`, {}, /503/);
  await page.route("**/record/openings.json", (route) => route.fulfill({ status: 503, body: "{}" }));
  await page.goto(`${everyone}/record/concerned`);
  await shows(page, "#locked", "cannot be fetched");
  await until("nobody can ask", () => page.locator("#compare").isDisabled());
  check((await page.textContent("main"))?.includes("Railway Square"), "the list is not there");
});

test("record, place and time are compared as people mean them", async () => {
  const camera = { at: [24.94, 60.17] as [number, number], cone: [] as [number, number][], name: "a", reach: 0, title: "A" };
  check(sees(camera, [24.94, 60.1705]) && !sees(camera, [24.94, 60.172]), "a camera that does not say what it sees: 100 m around");
  const cone: [number, number][] = [[24.94, 60.17], [24.941, 60.171], [24.939, 60.171], [24.94, 60.17]];
  check(sees({ ...camera, cone }, [24.94, 60.1708]), "inside");
  check(sees({ ...camera, cone }, [24.94, 60.1698]), "22 m behind it");
  check(!sees({ ...camera, cone }, [24.94, 60.1696]), "44 m behind it");
  same(moments("2026-09-10", "21:00", "Europe/Helsinki").join(), String(Date.parse("2026-09-10T18:00:00Z")), "summer");
  same(moments("2026-10-25", "03:30", "Europe/Helsinki").length, 2, "half past three comes twice");
  check(moments("2026-03-29", "03:30", "Europe/Helsinki").length > 0, "half past three that night did not come");
  const opening = { body: "police", cameras: ["a", "gone"], from: "2026-09-10T18:00:00Z", index: 1, purpose: "trial", to: "2026-09-10T20:00:00Z" };
  const data: OpeningsData = {
    cameras: [camera], checkpoint: { origin: "", root: "", size: 1, time: "" }, openings: [opening], zone: "UTC",
    unknown: [{ before: "2026-09-12T00:00:00Z", body: "police", cameras_count: 1, hours_count: 1, index: 2, overdue: false, public_on: "2027-01-01", purpose: "trial" }],
  };
  const at = (from: string, to: string) => compare(data, { at: [24.94, 60.17], from: Date.parse(from), to: Date.parse(to) });
  same(at("2026-09-10T20:00:00Z", "2026-09-10T21:00:00Z").hits.length, 0, "the end is not in it");
  same(at("2026-09-10T17:00:00Z", "2026-09-10T18:00:00Z").hits.length, 0, "the beginning of it is the end of the question");
  const hit = at("2026-09-10T19:59:00Z", "2026-09-10T21:00:00Z");
  same(`${hit.hits.length} ${hit.gone} ${hit.maybe.length}`, "1 gone 1", "a minute of it");
  same(at("2026-09-12T00:00:00Z", "2026-09-12T01:00:00Z").maybe.length, 0, "what was recorded after it was opened is not in it");
});

test("record, a statement is handed in and each answered", async (t) => {
  const page = await t.open(`${everyone}/record`, {}, /status of 422/);
  let got = "";
  await page.route("**/api/v1/record/entries", (route) => {
    got = `${route.request().method()} ${route.request().postData()}`;
    return route.fulfill({ status: 422, contentType: "application/json", body: JSON.stringify({ entries: [{ id: "a", index: 216 }, { id: "b", refused: "the signature does not fit" }], logged: 1, refused: 1 }) });
  });
  await page.locator("#statement").evaluate((input) => {
    const chosen = new DataTransfer();
    chosen.items.add(new File(["POLREL"], "statements.polity"));
    (input as HTMLInputElement).files = chosen.files;
  });
  await page.locator(".statement button").click();
  await shows(page, "#statement-answer", "within moments. 1 was refused.");
  await shows(page, "#statement-answer", "Statement 2: the signature does not fit");
  same(got, "POST POLREL", "what was sent");
  same(await page.locator("#statement-answer a").getAttribute("href"), "/record/entry/216", "the entry");
  await page.unroute("**/api/v1/record/entries");
  await page.route("**/api/v1/record/entries", (route) => route.abort());
  t.wrong.length = 0;
  await page.locator(".statement button").click();
  await shows(page, "#statement-answer", "nothing enters twice");
  await until("the failed request is told", async () => t.wrong.length > 0);
  t.wrong.length = 0;
});

test("record, from a camera to its opening and its proof", async (t) => {
  const page = await t.open(`${everyone}/cameras/square`);
  await page.locator("a", { hasText: "10 September 2026, 21:00" }).click();
  await page.waitForURL("**/record/entry/*");
  await shows(page, "main", "publishes what");
  const [proof] = await Promise.all([page.waitForEvent("download"), page.locator("a", { hasText: "Proof" }).click()]);
  check(/^entry-\d+\.proof$/.test(proof.suggestedFilename()), proof.suggestedFilename());
});
