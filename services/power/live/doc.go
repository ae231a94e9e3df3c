// Package live is the power service as it runs in a city: it sees where switches stand,
// gathers what meters and residents say, infers what failed, and proposes how to give power
// back. Switches move by IEC 60870-5-104, selected first, once a person agreed.
package live
