// Package log appends to the public log and serves it: C2SP tlog-tiles on disk by
// transparency-dev/tessera, whose checkpoints a quorum of witnesses cosigns before
// anyone is shown them (formats/ledger.md). An entry is on disk, in its place, before
// its append is acknowledged; the same entry stands in it once.
package log
