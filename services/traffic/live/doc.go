// Package live is the traffic service as it runs in a city: supervisor of signal controllers
// over RSMP, it decides every second what each junction should show, inside what its own guard
// and the controller's allow. A person can give a junction back to its plan at any time; so
// does the service where detectors cannot be believed, and whenever it is gone.
package live
