// Package realtime decodes and encodes GTFS-Realtime 2.0 (gtfs.org), the protocol
// buffers in which vehicles' delays and positions and alerts come.
//
// Only what is about service passes the decoder. The description of a vehicle (its id,
// its label, its license plate) and how full it is are passed over byte by byte: they
// exist in no type of this package, so that nothing behind it can keep or show them.
package realtime
