// Cases for footage: the list, where each case stands, and the draft that stays in the
// browser.
import type { BrowserContextOptions, Page } from "playwright-core";
import { barriers, becomes, check, focused, own, same, shows, tell, test, until, type Trial } from "./runner.ts";

declare const Buffer: { from(text: string): never };

const phone: BrowserContextOptions = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };

/** The address of the case with a code. */
async function caseWith(page: Page, code: string): Promise<string> {
  await page.goto(`${own}/cases`);
  return own + (await page.locator(".cases a", { hasText: code }).getAttribute("href"));
}

const pages: { name: string; says: string; at: (page: Page) => Promise<string> }[] = [
  { name: "cases", says: "5 cases.", at: async () => `${own}/cases` },
  { name: "case-asked", says: "take it to the ombudsman on a stick", at: (page) => caseWith(page, "lusab-babad") },
  { name: "case-refused", says: "The ombudsman refused: it asks for too much.", at: (page) => caseWith(page, "zasod-mimup") },
  { name: "case-opened", says: "polity case play kosin-dabub", at: (page) => caseWith(page, "kosin-dabub") },
];

async function looksRight(t: Trial, page: Page, name: string): Promise<void> {
  same(await page.locator("h1").count(), 1, "level-one headings");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `${name}-${colorScheme}`);
  }
}

for (const { name, says, at } of pages) {
  for (const [width, options] of [["1280", {}], ["360", phone]] as const) {
    test(`cases, ${name}, ${width} pixels`, async (t) => {
      const page = await t.open(`${own}/check`, options);
      await page.goto(await at(page));
      await shows(page, "main", says);
      await looksRight(t, page, `${name}-${width}`);
    });
  }
  test(`cases, ${name}, without scripts`, async (t) => {
    const page = await t.open(`${own}/check`, { javaScriptEnabled: false });
    await page.goto(await at(page));
    check((await page.innerText("main")).replace(/\s+/g, " ").includes(says), `the page does not say “${says}”`);
  });
}

test("cases: an answer is brought with the keyboard and no scripts; what is none is refused", async (t) => {
  const page = await t.open(`${own}/check`, { javaScriptEnabled: false }, /status of 400/);
  await page.goto(await caseWith(page, "lusab-babad"));
  await page.getByLabel("Answer of the court or the ombudsman").setInputFiles({ name: "holiday.zip", mimeType: "application/zip", buffer: Buffer.from("PK") });
  await page.getByRole("button", { name: "Bring it in" }).press("Enter");
  await shows(page, "[role=alert]", "does not begin with its mark");
  await page.getByLabel("Answer of the court or the ombudsman").setInputFiles({ name: "ombudsman.answer", mimeType: "application/octet-stream", buffer: Buffer.from("POLREL") });
  await page.getByRole("button", { name: "Bring it in" }).press("Enter");
  await page.waitForURL(/\/cases\/[^/]+$/);
  await shows(page, ".title", "May be opened");
});

test("cases: a page that is open learns of an answer", async (t) => {
  const page = await t.open(`${own}/check`);
  const at = await caseWith(page, "lusab-babad");
  await page.goto(at);
  await shows(page, "#case-steps", "No answer has come yet.");
  const form = await page.context().newPage();
  await form.goto(at);
  await form.getByLabel("Answer of the court or the ombudsman").setInputFiles({ name: "a", mimeType: "application/octet-stream", buffer: Buffer.from("POLREL") });
  await form.getByRole("button", { name: "Bring it in" }).click();
  await page.bringToFront();
  await shows(page, "#case-next", "polity case open lusab-babad");
});

/** The page that drafts a case; without its map, which takes a machine without graphics long. */
async function newCase(t: Trial, options: BrowserContextOptions = {}, behind = "", map = false): Promise<Page> {
  const page = await t.open(`${own}/check`, options, /casemap/);
  if (!map) await page.route("**/assets/casemap.*", (route) => route.abort());
  await page.goto(`${own}/cases/new${behind}`);
  await page.waitForSelector(".casenew[data-ready]");
  return page;
}

for (const [width, options] of [["1280", {}], ["360", phone]] as const) {
  test(`cases, new, ${width} pixels`, async (t) => {
    const page = await newCase(t, options, "", true);
    await page.waitForSelector("[data-island='casemap'][data-ready]");
    await page.locator(".casenew-camera input").first().check();
    await shows(page, ".case-row", "Recorded throughout the chosen time.");
    await looksRight(t, page, `casenew-${width}`);
  }, "webgl");
}

test("cases, new, without scripts: says what to do instead", async (t) => {
  const page = await t.open(`${own}/cases/new`, { javaScriptEnabled: false });
  check((await page.innerText("main")).includes("write case.json by hand"), "the page does not say how to go on");
  same(await page.locator("#save").isDisabled(), true, "the button does nothing");
});

test("cases, new: a draft by keyboard alone; its references reach nobody", async (t) => {
  const page = await newCase(t);
  const sent: string[] = [];
  page.on("request", (r) => sent.push(`${r.url()} ${r.postData() ?? ""} ${JSON.stringify(r.headers())}`));
  const press = async (...keys: string[]) => {
    for (const k of keys) await page.keyboard.press(k);
  };
  await page.locator("#find").focus();
  await press("Tab");
  for (let i = 0; i < 3 && !(await page.evaluate(() => document.activeElement?.matches("input[type=checkbox]"))); i++) await press("Tab");
  await press("Space");
  await shows(page, "#chosen", "1 camera chosen");
  await page.locator("#save").focus();
  await press("Enter");
  await shows(page, "#problems", "3 things are missing or wrong");
  await focused(page, "#problems");
  await t.shot(page, "casenew-problems");
  await press("Tab", "Enter");
  await focused(page, "#purpose"); // where the first problem is put right
  await page.locator("#purpose").selectOption("missing-person");
  await page.locator("#order").fill("HEL 2026-012345");
  await page.locator("#case").fill("POL 2026/77");
  await shows(page, "#preview", "Order HEL 2026-012345, case POL 2026/77.");
  const waits = page.waitForEvent("download");
  await page.locator("#save").focus();
  await press("Enter");
  const file = await waits;
  same(file.suggestedFilename(), "case.json", "the file's name");
  const stream = await file.createReadStream();
  let text = "";
  for await (const piece of stream as unknown as AsyncIterable<{ toString(): string }>) text += piece.toString();
  const draft = JSON.parse(text) as Record<string, unknown>;
  same(Object.keys(draft).sort().join(), "cameras,case,details_public_on,expires,format,from,hub,order,purpose,to", "members");
  same(draft.format, "polity-draft/1", "format");
  same(draft.hub, own, "hub");
  same(draft.order, "HEL 2026-012345", "order");
  same(draft.from, "2026-11-24T11:00:00Z", "from: the last full hour, of the city's zone whatever the browser's");
  same(draft.to, "2026-11-24T12:00:00Z", "to");
  await shows(page, "#saved", "polity case new case.json");
  await page.reload();
  await page.waitForSelector(".casenew[data-ready]");
  await shows(page, "#chosen", "1 camera chosen"); // the scope stands behind the address's #
  same(await page.locator("#order").inputValue(), "", "the reference is kept nowhere");
  const leaks = sent.filter((s) => /012345|2026(?:\/|%2F)77|HEL(?: |\+|%20)|POL(?: |\+|%20)/i.test(s));
  same(leaks.join("\n"), "", "requests with a reference");
  check(sent.some((s) => s.includes("/cases/recorded.json")), "nothing was asked at all: the test shows nothing");
});

test("cases, new: gaps are named, and what has no footage is warned of", async (t) => {
  await tell("streets", { n: "3" });
  const page = await newCase(t, {}, "#from=2026-11-24T10:00&to=2026-11-24T13:00");
  await page.locator(".casenew-camera", { hasText: "Railway Square" }).locator("input").check();
  await shows(page, ".case-row", "Not recorded: Tue 24 Nov, 11:10 to Tue 24 Nov, 11:25.");
  await shows(page, "#preview", "Parts of the chosen time are missing: Railway Square");
  await page.locator(".casenew-camera", { hasText: "street" }).locator("input").first().check();
  await shows(page, "#timeline", "This camera does not record");
  await page.locator("#from").fill("2026-11-20T10:00");
  await page.locator("#to").fill("2026-11-20T11:00");
  await page.locator("#to").blur();
  await shows(page, "#preview", "Nothing of the chosen time is recorded");
  await page.locator("#to").fill("2026-11-28T11:00");
  await page.locator("#to").blur();
  await shows(page, "#preview", "The time has 193 hours; one request may ask for 168.");
  await t.shot(page, "casenew-warnings");
  same((await barriers(page)).join("\n"), "", "axe");
});

test("cases, new: bodies are given no longer than the footage is kept, unless somebody says so", async (t) => {
  const page = await newCase(t, {}, "#from=2026-11-22T12:00&to=2026-11-22T13:00");
  await becomes(() => page.locator("#expires").inputValue(), "2026-11-26T14:00", "two days, while no footage is known");
  await page.locator(".casenew-camera input").first().check();
  await until("the field follows", async () => (await page.locator("#expires").inputValue()) === "2026-11-25T12:00");
  check(!(await page.textContent("#preview"))?.includes("is destroyed on"), "the page warns of what it chose itself");
  await page.locator("#expires").fill("2026-11-27T12:00");
  await shows(page, "#preview", "The first of the footage is destroyed on Wed 25 Nov, 12:00");
});

test("cases, new: more than 64 cameras are warned of", async (t) => {
  await tell("streets", { n: "70" });
  const page = await newCase(t);
  await page.evaluate(() => {
    const boxes = [...document.querySelectorAll<HTMLInputElement>("#cameras input")].slice(0, 65);
    for (const b of boxes) b.checked = true;
    boxes[0]!.dispatchEvent(new Event("change"));
  });
  await shows(page, "#preview", "65 cameras are chosen; one request may ask for 64.");
});

test("cases, new: times between winter and summer", async (t) => {
  const page = await newCase(t, {}, "#from=2026-10-25T03:30&to=2026-10-25T04:30");
  await page.locator(".casenew-camera input").first().check();
  await shows(page, "#preview", "(2 hours)"); // clocks were put back: 03:30 was first at 00:30 UTC
  await page.locator("#from").fill("2026-03-29T03:30"); // there was none
  await page.locator("#from").blur();
  await page.locator("#save").click();
  await shows(page, "#problems", "the clocks are put forward then");
});

test("cases, new: map, pointer and list are in step", async (t) => {
  const page = await newCase(t, {}, "", true);
  await page.waitForSelector("[data-island='casemap'][data-ready]");
  const box = page.locator(".casenew-camera", { hasText: "Railway Square" }).locator("input");
  await box.check();
  await page.locator("#timeline").scrollIntoViewIfNeeded();
  await page.waitForSelector(".case-line .case-all");
  const line = (await page.locator(".case-line").first().boundingBox())!;
  await page.mouse.move(line.x + line.width * 0.5, line.y + 10);
  await page.mouse.down();
  await page.mouse.move(line.x + line.width * 0.75, line.y + 10, { steps: 4 });
  await page.mouse.up();
  await shows(page, "#preview", "(18 hours)"); // a quarter of three days
  await page.locator("[data-island='casemap']").scrollIntoViewIfNeeded();
  const map = (await page.locator("[data-island='casemap']").boundingBox())!;
  const at = await page.evaluate(() => {
    const data = JSON.parse(document.getElementById("casenew-data")!.textContent!) as { map: { cameras: { name: string; at: [number, number] }[]; bounds: number[] } };
    return { camera: data.map.cameras.find((c) => c.name === "square")!.at, bounds: data.map.bounds };
  });
  // The view holds the bounds; the camera is found by trying around where it must be.
  const y = (lat: number) => Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360));
  const [west, south, east, north] = at.bounds as [number, number, number, number];
  const scale = Math.min(map.width / ((east - west) * (Math.PI / 180)), map.height / (y(north) - y(south)));
  const px = map.x + map.width / 2 + (at.camera[0] - (west + east) / 2) * (Math.PI / 180) * scale;
  const py = map.y + map.height / 2 - (y(at.camera[1]) - (y(north) + y(south)) / 2) * scale;
  await until("a click on the map leaves the camera", async () => {
    if (!(await box.isChecked())) return true;
    await page.mouse.click(px, py);
    await new Promise((r) => setTimeout(r, 300));
    return !(await box.isChecked());
  });
}, "webgl");
