// Package witness cosigns what a public log says of itself, for any organisation that
// wants to: C2SP tlog-witness v1.0.0 with cosignature/v1 (formats/witness.md). A witness
// remembers the newest checkpoint of each log that it cosigned, and cosigns only what
// provably continues it. What it remembers is on disk before it answers.
package witness
