// Package log appends to the public log and serves it: C2SP tlog-tiles on disk, in the layout of
// transparency-dev/tessera, which signs the checkpoints and has a quorum of witnesses
// cosign them before anyone is shown them (formats/ledger.md). An entry is on disk, in its
// place, before its append is acknowledged; the same entry stands in it once. While the disk
// is full or gone the log refuses entries, says so, and goes on by itself afterwards.
package log
