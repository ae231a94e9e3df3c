import { make } from "./dom.ts";
import { say, type Key } from "./texts.ts";

// A crew's page as it is drawn anew: folds stay as they are, and focus and scroll, too.
export function redraw(root: HTMLElement, shown: HTMLElement | null, next: HTMLElement): HTMLElement {
  if (shown?.isEqualNode(next)) return shown;
  const folds = [...(shown?.querySelectorAll("details") ?? [])].map((d) => d.open);
  next.querySelectorAll("details").forEach((d, i) => (d.open = folds[i] ?? d.open));
  const focused = shown?.contains(document.activeElement) ? document.activeElement?.textContent : null;
  if (shown) shown.replaceWith(next);
  else root.append(next);
  if (focused) ([...next.querySelectorAll<HTMLElement>("button, a, summary")].find((b) => b.textContent === focused) ?? next.querySelector<HTMLElement>("button"))?.focus({ preventScroll: true });
  return next;
}

let pressing: Promise<void> | null = null;

/** Waits while a finger or the mouse is down: a button that is drawn anew under it would lose its press. */
export async function released(): Promise<void> {
  await pressing;
}

addEventListener("pointerdown", () => {
  pressing ??= new Promise((done) => {
    const over = new AbortController();
    const end = (): void => {
      if (over.signal.aborted) return;
      over.abort();
      pressing = null;
      done();
    };
    const { signal } = over;
    for (const up of ["pointerup", "pointercancel"]) addEventListener(up, () => setTimeout(end, 100), { signal, capture: true }); // a finger's click comes after it
    addEventListener("click", end, { signal });
    setTimeout(end, 3000); // whatever becomes of it, the page goes on
  });
}, { capture: true });

export function dialog(title: Key, form: HTMLFormElement): void {
  const d = make("dialog", { class: "crew-dialog", "aria-labelledby": "dialog-title" }, make("h2", { id: "dialog-title" }, say(title)), form);
  form.append(make("button", { type: "button", onclick: () => d.close() }, say("crew.back")));
  form.addEventListener("submit", () => d.close());
  d.addEventListener("close", () => d.remove());
  document.body.append(d);
  d.showModal();
}
