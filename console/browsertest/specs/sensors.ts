// The sensors' pages in every dress, their charts, their filters, and what they say when
// something is wrong.
import type { Page } from "playwright-core";
import { barriers, check, everyone, same, shows, tell, test, type Trial, until } from "./runner.ts";

const underpass = "/sensors/water/urn:ngsi-ld:FloodMonitoring:underpass-1";

const pages: { name: string; at: string; says: string; chart: boolean }[] = [
  { name: "sensors", at: "/sensors", says: "The water stands at 0.41 m", chart: false },
  { name: "sensors-kind", at: "/sensors/bay", says: "Eteläesplanadi 8", chart: false },
  { name: "sensor-water", at: underpass, says: "Critical alarm", chart: true },
  { name: "sensor-silent", at: "/sensors/water/urn:ngsi-ld:FloodMonitoring:underpass-2", says: "Nobody knows how it is now", chart: true },
  { name: "sensor-air", at: "/sensors/air/urn:ngsi-ld:AirQualityObserved:station-1", says: "of the hour", chart: true },
  { name: "sensor-rain", at: "/sensors/weather/urn:ngsi-ld:WeatherObserved:gauge-2?range=week", says: "in the last 7 days", chart: true },
  { name: "sensor-noise", at: "/sensors/noise/urn:ngsi-ld:NoiseLevelObserved:meter-1?range=month", says: "63.4 dB", chart: true },
  { name: "sensor-garage", at: "/sensors/garage/urn:ngsi-ld:OffStreetParking:garage-1", says: "How full by the hour", chart: true },
  { name: "sensor-bay", at: "/sensors/bay/urn:ngsi-ld:ParkingSpot:bay-02", says: "There is nothing to draw", chart: false },
];

async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(over <= 0, `the page is ${over} pixels too wide`);
}

async function looksRight(t: Trial, page: Page, name: string, says: string, chart: boolean, width: string): Promise<void> {
  if (chart) await page.waitForSelector("#series .uplot canvas", { state: "attached" });
  await shows(page, "main", says);
  same(await page.locator("h1").count(), 1, "level-one headings");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    await fits(page);
    await t.shot(page, `${name}-${width}-${colorScheme}`);
  }
}

for (const { name, at, says, chart } of pages) {
  test(`${name}, light and dark`, async (t) => {
    await looksRight(t, await t.open(everyone + at), name, says, chart, "1280");
  });
  test(`${name}, 360 pixels`, async (t) => {
    const page = await t.open(everyone + at, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true });
    await looksRight(t, page, name, says, chart, "360");
  });
  test(`${name}, without scripts`, async (t) => {
    const page = await t.open(everyone + at, { javaScriptEnabled: false });
    await shows(page, "main", says);
  });
}

test("a sensor's page keeps itself up to date", async (t) => {
  const page = await t.open(everyone + underpass);
  await shows(page, "#now", "Critical alarm");
  await tell("sensors", { level: "0.02" });
  await until("the alarm is over on the page", async () => !(await page.textContent("#now"))?.includes("Critical alarm"));
  await shows(page, "#now", "0.02 m");
});

test("the list of sensors keeps itself up to date", async (t) => {
  const page = await t.open(`${everyone}/sensors`);
  await tell("sensors", { level: "0.02" });
  await until("no alarm in the list", async () => (await page.textContent("#sensors"))?.includes("0 alarms go on"));
});

test("a chart is another thing's and another time's by its address", async (t) => {
  const page = await t.open(`${everyone}/sensors/weather/urn:ngsi-ld:WeatherObserved:gauge-2`);
  await page.getByRole("link", { name: "Temperature" }).click();
  await page.waitForURL(/show=temperature/);
  await page.getByRole("link", { name: "7 days" }).click();
  await page.waitForURL(/show=temperature.*range=week|range=week.*show=temperature/);
  await shows(page, "#series", "°C in the last 7 days");
  await page.goBack();
  await shows(page, "#series", "°C in the last 24 hours");
  await page.locator("#series-table summary").click();
  await page.locator("#series-table table").waitFor();
});

test("sensors are searched and filtered with the keyboard", async (t) => {
  const page = await t.open(`${everyone}/sensors`);
  await page.getByLabel("Name").fill("kallio");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=kallio/);
  await shows(page, "#sensor-lists", "Kallio, background");
  check(!(await page.textContent("#sensor-lists"))?.includes("Kluuvi"), "the search finds everything");
  await page.goto(`${everyone}/sensors/bay?state=unknown`);
  same(await page.locator("#sensor-lists tbody tr").count(), 1, "silent bays");
});

test("states of sensors that are not there", async (t) => {
  await tell("sensors", { empty: "1" });
  const page = await t.open(`${everyone}/sensors`);
  await shows(page, "main", "No sensor has said anything yet");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "sensors-empty");
  await tell("sensors", { away: "1" });
  const away = await t.open(`${everyone}/sensors`, {}, /status of 503/);
  await shows(away, "main", "cannot be reached now");
  same((await barriers(away)).join("\n"), "", "axe");
  await t.shot(away, "sensors-away");
});

test("sensors on the map", async (t) => {
  const page = await t.open(`${everyone}/?sensor=urn:ngsi-ld:FloodMonitoring:underpass-1`);
  await page.waitForSelector(".map[data-ready]", { state: "attached" });
  await page.waitForSelector(".map-popup");
  await shows(page, ".map-popup", "Underpass, Mannerheimintie");
  await shows(page, "#map-sensors", "1 alarm goes on");
  await t.shot(page, "map-sensor");
  await page.locator(".map-popup a").click();
  await page.waitForURL(/\/sensors\/water\//);
}, "webgl");
