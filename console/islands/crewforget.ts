// Whoever signs out leaves no work orders and no tour on the telephone. What they told and
// the hub does not have yet stays, for their next sign-in.
import { crewBox } from "./crewstore.ts";
import { drivePage, forgetPage, ordersPage } from "./keptpage.ts";
import { driveBox } from "./wastedriverstore.ts";

export function forgetOnSignOut(): void {
  const form = document.querySelector<HTMLFormElement>("form[action='/sign-out']");
  form?.addEventListener("submit", async (e) => {
    e.preventDefault();
    const forgotten = Promise.allSettled([forgetPage(ordersPage), crewBox.forgetNewest(), forgetPage(drivePage), driveBox.forgetNewest()]);
    await Promise.race([forgotten, new Promise((done) => setTimeout(done, 2000))]); // signing out waits for nothing long
    form.submit();
  });
}
