// Package ingest takes devices' messages into the city's data: a mapping says what a
// message means (ingest/mapping), its entity, its observations and what is known of the
// device (ingest/twin) are stored in one commit, values of homes only as sums
// (ingest/sums). ingest/mqtt and ingest/push bring messages, ingest/csv reads files.
//
// A message that cannot be taken is refused with a reason, counted, and the last one of
// each device is kept for the operator. Nothing that a device sends stops the intake.
package ingest
