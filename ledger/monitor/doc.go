// Package monitor reads all of a city's public log as it grows, checks it, compares it
// with what other monitors and witnesses saw, and tells people what is wrong
// (formats/witness.md). It trusts nobody but a roster that somebody got by hand.
package monitor
