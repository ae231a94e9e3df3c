// Package transfer writes the whole content of a store into a file, puts such a file
// into another store, and compares the two (docs/formats/city-data.md). The same
// content is the same file, whichever backend it comes from.
package transfer
