// Every page in every dress: it says what it should, keeps nobody out, loads nothing of
// others, fits, and throws no errors.
import type { Page } from "playwright-core";
import { barriers, becomes, check, everyone, focused, own, same, shows, tell, test, type Trial, until } from "./runner.ts";

interface PageCase {
  name: string;
  at: string;
  says: string; // words that have to stand there without scripts too
  status?: number;
  ready?: (page: Page) => Promise<void>;
}

const mapReady = async (page: Page) => {
  await page.waitForSelector(".map[data-ready]", { state: "attached" });
};
const sceneReady = async (page: Page) => {
  await page.waitForSelector(".scene-canvas:not([hidden])", { state: "attached" });
  await until("marks in words", async () => /\d+ people/.test((await page.textContent(".scene-caption")) ?? ""));
};

const pages: PageCase[] = [
  { name: "map", at: `${own}/`, says: "221 cameras of others", ready: mapReady },
  { name: "cameras", at: `${own}/cameras`, says: "Railway Square, north side" },
  { name: "camera", at: `${own}/cameras/square`, says: "People are never shown", ready: sceneReady },
  { name: "camera-then", at: `${own}/cameras/square?at=2026-11-24T08:20&show=line:north-path`, says: "to the right" },
  { name: "camera-public", at: `${everyone}/cameras/square`, says: "Published by quarters of an hour" },
  { name: "editor", at: `${own}/cameras/square/edit`, says: "Zones and lines" },
  { name: "system", at: `${own}/system`, says: "Everything works" },
  { name: "services", at: `${own}/services`, says: "Services" },
  { name: "data", at: `${everyone}/data`, says: "data sets that anybody may take" },
  { name: "data-set", at: `${everyone}/data/counts-square`, says: "turned aside for two hours" },
  { name: "data-set-empty", at: `${everyone}/data/air-quality-observed`, says: "No file is published yet" },
  { name: "api", at: `${everyone}/api`, says: "plain JSON, GeoJSON and CSV" },
  { name: "check", at: `${everyone}/check`, says: "You need not trust" },
  { name: "not-found", at: `${everyone}/nothing`, says: "There is no page at this address", status: 404 },
  { name: "forbidden", at: `${everyone}/system`, says: "Whoever has the right signs in first", status: 403 },
];

/** The page in light and dark, at the width that it has; a wide one too. */
async function looksRight(t: Trial, page: Page, c: PageCase, width: string): Promise<void> {
  await c.ready?.(page);
  await shows(page, "main", c.says);
  same(await page.locator("h1").count(), 1, "level-one headings");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    await fits(page);
    await t.shot(page, `${c.name}-${width}-${colorScheme}`);
  }
}

async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(over <= 0, `the page is ${over} pixels too wide`);
}

for (const c of pages) {
  const allowed = c.status ? /status of 40[34]/ : undefined;
  test(`${c.name}, light and dark`, async (t) => {
    const page = await t.open(c.at, {}, allowed);
    await looksRight(t, page, c, "1280");
    if (!["camera", "map", "system"].includes(c.name)) return;
    await page.setViewportSize({ width: 1920, height: 1080 });
    await fits(page);
    await t.shot(page, `${c.name}-1920`);
  }, c.name === "map" ? "webgl" : "");
  test(`${c.name}, 360 pixels`, async (t) => {
    const page = await t.open(c.at, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true }, allowed);
    await looksRight(t, page, c, "360");
  }, c.name === "map" ? "webgl" : "");
  test(`${c.name}, without scripts`, async (t) => {
    const page = await t.open(c.at, { javaScriptEnabled: false }, allowed);
    await shows(page, "main", c.says);
    check(!t.requests.some((r) => r.includes("/live")), "a page without scripts asked for a live feed");
    await t.shot(page, `${c.name}-noscript`);
  });
}

test("printed", async (t) => {
  const page = await t.open(`${own}/cameras/square`, { viewport: { width: 794, height: 1123 } });
  await sceneReady(page);
  await page.emulateMedia({ media: "print" });
  same(await page.locator(".head").isVisible(), false, "the head is printed");
  check(await page.locator(".scene-place").isVisible(), "the place is not printed");
  check(await page.locator("#counts-table table").isVisible(), "the table of counts is not printed");
  await t.shot(page, "camera-print");
});

test("states of an empty city", async (t) => {
  await tell("empty");
  for (const path of ["/", "/cameras", "/system"]) {
    const page = await t.open(own + path);
    check(/No camera is registered yet|No edge has connected yet/.test((await page.textContent("main")) ?? ""), `${path} does not say what would be here`);
    same((await barriers(page)).join("\n"), "", `axe on ${path}`);
    await t.shot(page, `empty${path.replaceAll("/", "-")}`);
  }
});

test("states of a troubled city", async (t) => {
  await tell("unseen");
  await tell("state", { condition: "4" });
  let page = await t.open(`${own}/system`);
  await shows(page, "main", "Wrong password");
  await shows(page, "main", "Correct them in the edge's configuration");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "system-troubled");
  page = await t.open(`${own}/cameras/garden`);
  await shows(page, "main", "There is no picture of the place");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "camera-unseen");
  await tell("waiting", { n: "412" });
  page = await t.open(`${own}/cameras/square`);
  await shows(page, "#banner", "412 observations");
  await t.shot(page, "camera-catching-up");
});

test("the theme switch is kept, with and without scripts", async (t) => {
  for (const javaScriptEnabled of [true, false]) {
    const page = await t.open(`${own}/cameras`, { colorScheme: "light", javaScriptEnabled });
    const theme = () => page.getAttribute("html", "data-theme");
    for (const [name, want] of [["Dark", "dark"], ["Auto", null]] as const) {
      await page.getByRole("button", { name }).click();
      await becomes(theme, want, `theme after a click on ${name}`);
      await page.goto(`${own}/services`);
      same(await theme(), want, `theme of the next page after a click on ${name}`);
    }
  }
});

test("the policy holds against what somebody slips into a page", async (t) => {
  const page = await t.open(`${own}/cameras`, {}, /Content Security Policy|violates the following/);
  const refused = await page.evaluate(async () => {
    const found: string[] = [];
    document.addEventListener("securitypolicyviolation", (e) => found.push(e.effectiveDirective));
    const script = document.createElement("script");
    script.textContent = "window.slipped = true";
    const image = new Image();
    image.src = "https://192.0.2.1/x.png";
    const link = document.createElement("a");
    link.setAttribute("onclick", "window.slipped = true");
    const style = document.createElement("style");
    style.textContent = "body { color: red }";
    const frame = document.createElement("iframe");
    frame.src = "https://192.0.2.1/";
    document.body.append(script, image, link, style, frame);
    link.click();
    await fetch("https://192.0.2.1/").catch(() => {});
    for (let n = 0; n < 600 && new Set(found).size < 6; n++) await new Promise((r) => setTimeout(r, 100));
    return [...new Set(found), String("slipped" in window)].sort().join(" ");
  });
  same(refused, "connect-src false frame-src img-src script-src-attr script-src-elem style-src-elem", "what was refused, and whether a script ran");
  t.wrong.length = 0; // the requests were refused before they left
});

test("keyboard alone", async (t) => {
  const page = await t.open(`${own}/cameras`);
  await page.keyboard.press("Tab");
  await focused(page, ".skip"); // the first stop
  await page.keyboard.press("Enter");
  await focused(page, "#main");
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.textContent === "Railway Square, north side")) break;
  }
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/cameras\/square$/);
});

test("the system page keeps itself up to date", async (t) => {
  const page = await t.open(`${own}/system`);
  await shows(page, "#system", "Everything works");
  await tell("state", { condition: "3" });
  await until("the trouble on the page", async () => (await page.textContent("#system"))?.includes("No picture"));
});
