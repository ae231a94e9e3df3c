// Package mapping says, in a strict YAML file, what a device's message means: which
// device sent it, which entity it is about, and which of its numbers are which
// attributes. It computes only; nothing is stored here. The form of the file is
// written down in docs/formats/ingest.md.
//
// What a mapping can bring into the city's data is closed: numbers, truth values and
// words of a list that the mapping itself names. No free text of a device gets in.
package mapping
