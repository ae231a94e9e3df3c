// How the list and the map of the control room tell each other.

/** The alerts that the list shows; detail: Alert[]. */
export const alertsShown = "polity:alerts";
/** The alert that the list has chosen; detail: Alert or null. */
export const alertChosen = "polity:alert";
/** Somebody chose an alert on the map; detail: its key. */
export const chooseAlert = "polity:choose-alert";
/** The map has come and wants to know what is shown. */
export const alertsWanted = "polity:alerts-wanted";
