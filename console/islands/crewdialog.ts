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

export function dialog(title: Key, form: HTMLFormElement): void {
  const d = make("dialog", { class: "crew-dialog", "aria-labelledby": "dialog-title" }, make("h2", { id: "dialog-title" }, say(title)), form);
  form.append(make("button", { type: "button", onclick: () => d.close() }, say("crew.back")));
  form.addEventListener("submit", () => d.close());
  d.addEventListener("close", () => d.remove());
  document.body.append(d);
  d.showModal();
}
