// Whoever signs out leaves no work orders on the telephone. What they told and the hub
// does not have yet stays, for their next sign-in.
import { forgetPage } from "./crewoffline.ts";
import { forgetOrders } from "./crewstore.ts";

export function forgetOnSignOut(): void {
  const form = document.querySelector<HTMLFormElement>("form[action='/sign-out']");
  form?.addEventListener("submit", async (e) => {
    e.preventDefault();
    const forgotten = Promise.allSettled([forgetPage(), forgetOrders()]);
    await Promise.race([forgotten, new Promise((done) => setTimeout(done, 2000))]); // signing out waits for nothing long
    form.submit();
  });
}
