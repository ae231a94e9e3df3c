// Package decode turns compressed video into frames: access units of a camera
// ([Decoder]) or a whole film file ([Film]).
//
// The work is done by ffmpeg as a subprocess that has nothing but pipes (and, for
// a film, that one file to read); see polity/internal/sandbox. Hostile video may
// kill that process, never ours: all that comes back is parsed as foreign bytes,
// within bounds.
//
// A live camera, from its address to frames:
//
//	src, err := source.New(source.Config{Address: "rtsp://camera/stream"})
//	dec := decode.New(decode.Config{Rate: 5})
//	go dec.Run(ctx)           // an error means that no decoder can be started here
//	go src.Run(ctx, dec.Push)
//	for {
//		f, err := dec.Next(ctx)
//		...
//		dec.Release(f)
//	}
//
// The program calls sandbox.Stage first thing in main, and one that holds frames
// sandbox.Harden and sandbox.CheckSwap.
package decode
