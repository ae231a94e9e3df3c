// Package entry holds what may stand in the public log: a closed list of types, each
// without a single member for free text (formats/ledger.md). Values are words of a
// list, registered names, numbers, hashes, keys, times. Check refuses everything else,
// so that no personal data can enter.
package entry
