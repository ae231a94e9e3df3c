// Package decode turns compressed video into frames: access units of a camera
// ([Decoder]) or a whole film file ([Film]).
//
// The work is done by ffmpeg as a subprocess that has nothing but pipes (and, for
// a film, that one file to read); see polity/internal/sandbox. Hostile video may
// kill that process, never ours: all that comes back is parsed as foreign bytes,
// within bounds.
package decode
