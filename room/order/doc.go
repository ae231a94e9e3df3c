// Package order is the book of work orders: what a desk of the control room, or a
// service's decision, asks a crew to do in the street (docs/formats/orders.md).
//
// [Book] keeps orders in one SQLite file and commits before it answers. Every change
// is decided by an [access.Decider], carries the client's key, so that a telephone may
// repeat what a bad line swallowed, and is refused when the state does not allow it.
// Whoever may not see an order is told what they are told of one that does not exist.
//
// [Masked] is the check of photos: everything outside the crew's frame must be a
// mosaic. [Positions] holds where crews are, in memory alone.
package order
