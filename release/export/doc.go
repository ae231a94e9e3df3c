// Package export makes film that may leave the officer's machine out of sealed segments
// that a case opened: everything is masked but what was marked, before anything is
// encoded (formats/bundle.md, "Masking"). Decoding and encoding are ffmpeg's, in a
// sandbox with two pipes and no file. There is never sound.
package export
