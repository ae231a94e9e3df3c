// Package bundle writes and checks what a court keeps of a lawful opening: masked film,
// what proves where it came from, and the record of how it was made, under one
// signature (formats/bundle.md). Checking needs nobody: no hub, no network, no key.
package bundle
