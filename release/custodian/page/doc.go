// Package page is a body's device as pages on the machine itself, for people who do not
// use terminals: loopback only, no script, nothing loaded from anywhere.
package page
