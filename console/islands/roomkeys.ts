// Single letters as keys can be turned off, so that speech input and slips of a hand do
// nothing (WCAG 2.2, success criterion 2.1.4).
const store = "polity.keys";

export function keysAreOn(): boolean {
  try {
    return localStorage.getItem(store) !== "off";
  } catch {
    return true; // a browser that keeps nothing
  }
}

export function setKeys(on: boolean): void {
  try {
    if (on) localStorage.removeItem(store);
    else localStorage.setItem(store, "off");
  } catch {
    // Kept for this page only.
  }
}

/** Whether somebody writes there, so that a letter is a letter. */
export function typing(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea, [contenteditable]") !== null;
}
