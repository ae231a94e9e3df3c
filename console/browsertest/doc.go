// Package browsertest tries the pages in a real Chromium against the small city of
// package consoletest: every page in light, dark, at 360 px and without scripts, the
// scene pixel by pixel, lost lines, the editor, and what the browser may load.
//
// The scripts in specs/ drive the browser by playwright-core; this package serves
// the pages, runs them and reports each as a test. To look at the pages by hand:
//
//	go test ./console/browsertest -run TestServe -serve 127.0.0.1:8099 -timeout 0
package browsertest
