// Package summary counts what a city opened, refused, kept and destroyed from the entries
// of its public log alone, so that whoever reads the same log comes to the same numbers
// (formats/record.md).
package summary
