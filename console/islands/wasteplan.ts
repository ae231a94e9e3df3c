// The planner's page: a stop is dragged to another tour, on the map or in the lists, and the
// server says what that would cost before anything is moved. The form does the same by keyboard.
import { make } from "./dom.ts";
import { fetchParts } from "./refresh.ts";

const far = 6; // pixels from which on a press is a drag

interface Drag {
  stop: string;
  from: string;
  words: string;
  x: number;
  y: number;
  ghost: HTMLElement | null;
  over: Element | null;
}

let drag: Drag | null = null;
let bar: HTMLElement | null = null; // where to drop, however far a tour's list is

function lay(): void {
  bar = make("div", { class: "drop-bar", "aria-hidden": "true" });
  for (const tour of document.querySelectorAll<HTMLElement>(".waste-plan-tours > [data-truck]")) {
    const truck = tour.dataset.truck ?? "";
    if (truck !== drag?.from) bar.append(make("div", { "data-truck": truck }, truck || (tour.querySelector("summary b")?.textContent ?? "")));
  }
  document.body.append(bar);
}

async function show(address: URL): Promise<void> {
  (document.activeElement as HTMLElement | null)?.blur(); // a part under somebody's fingers is not replaced
  if (!(await fetchParts(["plan-now"], address.href))) return location.assign(address);
  document.getElementById("asked")?.focus();
}

async function go(address: URL): Promise<void> {
  history.pushState(null, "", address);
  await show(address);
}

function tourAt(x: number, y: number): Element | null {
  return document.elementFromPoint(x, y)?.closest("[data-truck]") ?? null;
}

function mark(over: Element | null): void {
  if (!drag || drag.over === over) return;
  drag.over?.classList.remove("over");
  drag.over = over;
  if (over && over.getAttribute("data-truck") !== drag.from) over.classList.add("over");
}

function end(): void {
  mark(null);
  drag?.ghost?.remove();
  bar?.remove();
  drag = bar = null;
  document.documentElement.classList.remove("dragging");
}

function press(e: PointerEvent): void {
  const target = e.target as Element;
  const stop = target.closest("[data-stop]");
  if (!stop || e.button !== 0 || target.closest("a, button, select, input")) return;
  if (e.pointerType === "touch" && !(stop instanceof SVGElement)) return; // a finger on a list scrolls it
  drag = {
    stop: stop.getAttribute("data-stop") ?? "",
    from: stop.closest("[data-truck]")?.getAttribute("data-truck") ?? "",
    words: stop.querySelector("title, th")?.textContent ?? "",
    x: e.clientX, y: e.clientY, ghost: null, over: null,
  };
}

function move(e: PointerEvent): void {
  if (!drag) return;
  if (!drag.ghost) {
    if (Math.hypot(e.clientX - drag.x, e.clientY - drag.y) < far) return;
    drag.ghost = make("div", { class: "drag-ghost" }, drag.words);
    document.body.append(drag.ghost);
    lay();
    document.documentElement.classList.add("dragging");
    getSelection()?.removeAllRanges();
  }
  e.preventDefault();
  drag.ghost.style.transform = `translate(${e.clientX + 12}px, ${e.clientY + 12}px)`;
  mark(tourAt(e.clientX, e.clientY));
}

function drop(e: PointerEvent): void {
  if (!drag) return;
  const { stop, from, ghost } = drag;
  const to = ghost ? tourAt(e.clientX, e.clientY)?.getAttribute("data-truck") : null;
  end();
  if (to === null || to === undefined || to === from) return;
  const address = new URL(location.href);
  address.hash = "";
  address.searchParams.delete("said");
  address.searchParams.set("container", stop);
  address.searchParams.set("truck", to);
  void go(address);
}

const root = document.querySelector<HTMLElement>("[data-island='wasteplan']");
if (root) {
  root.addEventListener("pointerdown", press);
  addEventListener("pointermove", move, { passive: false });
  addEventListener("pointerup", drop);
  addEventListener("pointercancel", end);
  addEventListener("keydown", (e) => {
    if (e.key === "Escape") end();
  });
  addEventListener("popstate", () => void show(new URL(location.href)));
  root.addEventListener("click", (e) => {
    const link = (e.target as Element).closest<HTMLAnchorElement>("a[data-go]");
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    void go(new URL(link.href));
  });
  root.addEventListener("submit", (e) => {
    const form = e.target as HTMLFormElement;
    if (form.method !== "get") return;
    e.preventDefault();
    const address = new URL(form.action);
    address.hash = "";
    address.search = new URLSearchParams([...new FormData(form)].map(([k, v]) => [k, String(v)])).toString();
    void go(address);
  });
}
