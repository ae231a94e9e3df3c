// Package roster says whose keys count: the two bodies and their devices, the log, its
// witnesses, the offices that may ask, the classes of retention. Three of five root
// keys sign a roster, and the root of the one before signs the next
// (formats/roster.md).
package roster
