// An operator's shift in a real browser against a real hub, from the first administrator's
// code to the handover. Each step is a line of JSON on standard output.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { POLITY_MODULES: modules, POLITY_HUB: hub, POLITY_CODE: code, POLITY_CHROMIUM: executablePath, POLITY_SHOTS: shots } = process.env;
const { chromium } = createRequire(modules + "/")("playwright-core");
const axe = readFileSync(`${modules}/axe-core/axe.min.js`, "utf8");
const patience = 60_000; // a busy machine is slow, not wrong

let browser;
const wrong = [];

/** Somebody with a browser and an authenticator of their own. */
async function person(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  page.on("console", (m) => m.type() === "error" && !/status of (401|403|404|409|429)/.test(m.text()) && wrong.push(`console: ${m.text()}`));
  page.on("pageerror", (e) => wrong.push(`script: ${e.message}`));
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  return { context, page, cdp, authenticatorId };
}

function check(ok, what) {
  if (!ok) throw new Error(what);
}

/** Waits until something holds; while one page gives way to another, nothing does. */
async function until(what, holds) {
  for (const end = Date.now() + patience; ; await new Promise((r) => setTimeout(r, 60))) {
    try {
      if (await holds()) return;
    } catch (why) {
      if (!/context was destroyed|Cannot find context|was detached/.test(String(why))) throw why;
    }
    check(Date.now() < end, `${what}: not within ${patience / 1000} s`);
  }
}

/** Waits until an element says some words. */
const says = (page, selector, words) => until(`${selector} says “${words}”`, async () => ((await page.textContent(selector)) ?? "").includes(words));

async function step(name, run) {
  const began = Date.now();
  try {
    await run();
    process.stdout.write(JSON.stringify({ Name: name, MS: Date.now() - began }) + "\n");
  } catch (e) {
    process.stdout.write(JSON.stringify({ Name: name, MS: Date.now() - began, Error: String(e?.stack ?? e) }) + "\n");
    throw e;
  }
}

/** What axe finds that keeps somebody out, light and dark, wide and narrow. */
async function barriers(page, path) {
  for (const [width, colorScheme] of [[1280, "light"], [360, "dark"]]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    if (path) await page.goto(hub + path);
    await page.evaluate(axe);
    const found = await page.evaluate(async () => (await window.axe.run({ resultTypes: ["violations"] })).violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 200)}`));
    check(found.length === 0, `${page.url()} ${colorScheme}: ${found.join("; ")}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
    check(!wide, `${page.url()} scrolls sideways at ${width} px`);
    if (shots) await page.screenshot({ path: `${shots}/shift-${(path ?? new URL(page.url()).pathname).replace(/\W+/g, "_")}-${width}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

async function enrol(who, theCode, name) {
  await who.page.goto(hub + "/enrol");
  await who.page.fill("#code", theCode);
  if (name) await who.page.fill("#name", name);
  await who.page.keyboard.press("Enter");
  await who.page.waitForURL(hub + "/account");
}

async function invite(who, name, roles, areas = []) {
  await who.page.goto(hub + "/people");
  await who.page.fill("#name", name);
  for (const r of roles) await who.page.check(`#invite ~ form input[name=role][value=${r}]`);
  for (const a of areas) await who.page.check(`#invite ~ form input[name=area][value=${a}]`);
  await who.page.click("#invite ~ form button.primary");
}

async function secret(who) {
  return (await who.page.textContent("code.secret")).trim();
}

async function agreed(second) {
  await second.page.goto(hub + "/people");
  await second.page.click("button[value=agree]");
  return secret(second);
}

/** A situation that a sensor reports, as any program of the city would. */
async function alert(id, severity = "critical") {
  const answer = await fetch(`${hub.replace("localhost", "127.0.0.1")}/ngsi-ld/v1/entities`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      id: `urn:ngsi-ld:Alert:${id}`, type: "Alert",
      category: { type: "Property", value: "naturalDisaster" }, subCategory: { type: "Property", value: "flood" }, severity: { type: "Property", value: severity },
      dateIssued: { type: "Property", value: new Date().toISOString() }, location: { type: "GeoProperty", value: { type: "Point", coordinates: [24.9414, 60.171] } },
    }),
  });
  check(answer.status === 201, `an alert: ${answer.status} ${await answer.text()}`);
}

browser = await chromium.launch({ executablePath, chromiumSandbox: false, args: ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"] });
try {
  const [ada, bo, aino, eero] = [await person(), await person(), await person(), await person()];
  let theirs;

  await step("the sign-in page says that nobody is enrolled, and keeps nobody out", async () => {
    await ada.page.goto(hub + "/sign-in");
    await says(ada.page, "main", "Nobody can sign in yet");
    await barriers(ada.page, "/sign-in");
    await barriers(ada.page, "/enrol");
  });
  await step("a wrong code is refused in words", async () => {
    await ada.page.goto(hub + "/enrol");
    await ada.page.fill("#code", "AAAAA-AAAAA-AAAAA");
    await ada.page.fill("#name", "Mallory");
    await ada.page.keyboard.press("Enter");
    await ada.page.waitForFunction(() => document.querySelector("[role=alert]").textContent.includes("does not work"));
  });
  await step("the first administrator enrols with the code from the terminal", () => enrol(ada, code, "Ada"));
  await step("the code works once", async () => {
    await bo.page.goto(hub + "/enrol");
    await bo.page.fill("#code", code);
    await bo.page.fill("#name", "Mallory");
    await bo.page.keyboard.press("Enter");
    await bo.page.waitForFunction(() => document.querySelector("[role=alert]").textContent.includes("does not work"));
  });
  await step("who signed out signs in again with the passkey", async () => {
    await ada.page.click("form[action='/sign-out'] button");
    await ada.page.waitForURL(hub + "/");
    await ada.page.goto(hub + "/people");
    await says(ada.page, "main", "Sign in"); // the page of people is shown to nobody else
    await ada.page.click("main a.button");
    await ada.page.click("form[data-island=passkey] button");
    await ada.page.waitForURL(hub + "/people");
  });
  await step("alone, an administrator gives nobody the right to look", async () => {
    await invite(ada, "Mallory", ["safety-operator"], ["city"]);
    await says(ada.page, "main", "second"); // it is refused
  });
  await step("a second administrator is invited and enrols", async () => {
    await invite(ada, "Bo", ["it"]);
    await enrol(bo, await secret(ada), "");
  });
  await step("an operator is invited by one and agreed to by another", async () => {
    await invite(ada, "Aino", ["safety-operator"], ["city"]);
    await says(ada.page, "[role=status]", "second person"); // it waits
    check((await ada.page.locator("button[value=agree]").count()) === 0, "who proposes may agree");
    theirs = await agreed(bo);
    await enrol(aino, theirs, "");
    await invite(ada, "Eero", ["safety-operator"], ["city"]);
    await enrol(eero, await agreed(bo), "");
  });
  await step("pages about people and oneself keep nobody out", async () => {
    await barriers(ada.page, "/people");
    await barriers(aino.page, "/account");
  });
  await step("who administers sees no scene", async () => {
    await ada.page.goto(hub + "/cameras/square");
    check((await ada.page.locator(".purpose").count()) === 0, "a purpose is asked for");
    const live = await ada.page.request.get(hub + "/live?cameras=square");
    check(live.status() === 403, `live: ${live.status()}`);
  });
  await step("an operator looks for a purpose, and it is written down", async () => {
    await aino.page.goto(hub + "/cameras/square");
    check((await aino.page.evaluate(async () => (await fetch("/live?cameras=square")).status)) === 403, "the scene is shown without a purpose");
    await aino.page.click(".purpose button[value=incident]");
    await aino.page.waitForURL(hub + "/cameras/square");
    const status = await aino.page.evaluate(async () => {
      const stop = new AbortController();
      const answer = await fetch("/live?cameras=square", { signal: stop.signal });
      stop.abort();
      return answer.status;
    });
    check(status === 200, `live with a purpose: ${status}`);
  });
  await room(aino, eero);
  await step("a revoked sign-in is over at once", async () => {
    await ada.page.goto(hub + "/people");
    await ada.page.click("a:text-is('Aino')");
    await ada.page.click("button[value=sessions]");
    await until("she is no longer signed in", async () => {
      await aino.page.goto(hub + "/account");
      return (await aino.page.textContent("main")).includes("Sign in");
    });
  });
  check(wrong.length === 0, wrong.join("\n"));
} finally {
  await browser.close();
}

/** The control room, by keyboard. */
async function room(aino, eero) {
  const rows = (page) => page.locator(".room-list tbody tr[data-key]");
  await step("an alert comes by itself", async () => {
    await aino.page.goto(hub + "/room");
    await until("the line", async () => /^Live since/.test((await aino.page.textContent(".room-line")) ?? ""));
    await alert("underpass-1");
    await until("the alert", async () => (await rows(aino.page).count()) === 1);
    await barriers(aino.page);
  });
  await step("it is acknowledged, noted and closed by keyboard, and a colleague sees it", async () => {
    await eero.page.goto(hub + "/room");
    await until("the colleague's alert", async () => (await rows(eero.page).count()) === 1);
    const page = aino.page;
    await page.keyboard.press("j");
    await page.keyboard.press("a");
    await until("acknowledged there", async () => /Acknowledged/.test((await rows(eero.page).first().textContent()) ?? ""));
    await page.keyboard.press("n");
    await page.keyboard.type("The pump is on its way.");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await until("the note", async () => /The pump is on its way/.test((await page.textContent("#detail")) ?? ""));
    await page.keyboard.press("c");
    await page.locator("dialog").getByRole("button", { name: "Useful" }).focus();
    await page.keyboard.press("Enter");
    await until("closed there", async () => (await rows(eero.page).count()) === 0);
  });
  await step("the shift is handed over in writing, and the colleague has read it", async () => {
    await alert("underpass-2", "medium");
    await aino.page.goto(hub + "/room/handover");
    await aino.page.selectOption("#handover-to", { label: "Eero" });
    await aino.page.fill("#handover-text", "The underpass was closed at two. The pump is there.");
    await aino.page.click("button[value=write]");
    await says(aino.page, ".handovers", "The pump is there.");
    await eero.page.goto(hub + "/room/handover");
    await says(eero.page, "main", "The pump is there.");
    await barriers(eero.page);
    await eero.page.click("button[value=read]");
    await eero.page.waitForSelector("button[value=read]", { state: "detached" });
    await aino.page.goto(hub + "/room/handover");
    await says(aino.page, ".handovers", "Eero");
  });
  await step("the wall shows the cameras for the purpose that was stated", async () => {
    await aino.page.goto(hub + "/room/wall");
    check((await aino.page.locator(".purpose").count()) === 0, "it asks for a purpose again");
    await barriers(aino.page);
  });
}
