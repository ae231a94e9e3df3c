// On every page: the switch between light and dark, parts that keep themselves up to
// date, and what is forgotten at sign-out.
import { forgetOnSignOut } from "./crewforget.ts";
import { keepFresh } from "./refresh.ts";

document.documentElement.classList.add("scripted");
themeSwitch();
keepFresh();
forgetOnSignOut();

function themeSwitch(): void {
  const form = document.querySelector<HTMLFormElement>("[data-island='theme']");
  form?.addEventListener("submit", (event) => {
    const pressed = (event as SubmitEvent).submitter as HTMLButtonElement | null;
    if (!pressed) return;
    event.preventDefault();
    choose(pressed.value);
    for (const b of form.querySelectorAll("button")) b.setAttribute("aria-pressed", String(b === pressed));
  });
}

function choose(theme: string): void {
  const root = document.documentElement;
  if (theme === "light" || theme === "dark") {
    root.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  } else {
    delete root.dataset.theme;
    document.cookie = "theme=; path=/; max-age=0; samesite=lax";
  }
}
