// Package spine carries messages between edges and the hub: an embedded NATS
// server in each, edges as leaf nodes with a store of their own.
//
// What may pass is a closed list of channels, and every body is checked by the
// function that Check gives for them, on the way out as well as on the way in. An
// edge can speak only under its own name: the hub's permissions allow it nothing
// else. The hub can ask an edge only for what is on the list; it cannot change
// what an edge has stored.
//
// Observations and events are on the edge's disk, synced, before Keep returns
// (JetStream with SyncAlways), and stay there until the hub has committed them and
// longer. Live channels are not stored anywhere.
package spine
