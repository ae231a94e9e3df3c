// Package proof checks the public log without its keeper: that an entry stands in it,
// that it only grew, and that a whole copy of it is right from the first entry to the
// checkpoint. Files that people hand over are those of formats/ledger.md.
package proof
