// What the parts of the page that drafts a case tell each other.

/** Told with the names of the cameras that are chosen. */
export const camerasChosen = "polity:case-cameras";
/** Asks for a camera, by name, to be chosen or left. */
export const toggleCamera = "polity:case-toggle";
/** Told with the name of the camera that somebody is at in the list; "" for none. */
export const cameraAt = "polity:case-at";
/** Asks for camerasChosen to be told again. */
export const chosenWanted = "polity:case-wanted";
