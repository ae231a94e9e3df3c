// Package frame is a decoded picture on its way through a camera's process. It is
// raw: nothing outside camera/ may import this package, and a frame is never
// written to a disk or a connection.
package frame

import (
	"fmt"
	"time"
)

// Frame is planar YUV 4:2:0 in 8 bits, BT.601 limited range, as decoders of
// H.264 and H.265 give it. A plane has no padding: its stride is its width.
type Frame struct {
	Width, Height int
	Y             []byte // Width x Height
	U, V          []byte // ChromaWidth x ChromaHeight each

	// Taken is when the picture was taken by our own clock: arrival time smoothed
	// by the stream's timestamps. It never goes backwards within a stream.
	Taken time.Time
	// Stream counts from 1 and grows by one whenever the source starts anew or
	// changes resolution: nothing about time or place holds across it.
	Stream int
}

// New allocates a frame. It panics on a size below 16 x 16 or above 8192 x 8192,
// which no source lets through.
func New(width, height int) *Frame {
	if width < 16 || height < 16 || width > 8192 || height > 8192 {
		panic(fmt.Sprintf("frame of %d x %d", width, height))
	}
	luma, chroma := width*height, ((width+1)/2)*((height+1)/2)
	buf := make([]byte, luma+2*chroma)
	return &Frame{
		Width: width, Height: height,
		Y: buf[:luma:luma], U: buf[luma : luma+chroma : luma+chroma], V: buf[luma+chroma:],
	}
}

// ChromaWidth and ChromaHeight are the size of the U and V planes.
func (f *Frame) ChromaWidth() int { return (f.Width + 1) / 2 }

// ChromaHeight is the height of the U and V planes.
func (f *Frame) ChromaHeight() int { return (f.Height + 1) / 2 }
