// Command release measures how long it takes from both approvals to a picture on the
// officer's machine, and how fast a bundle is made.
package main

import (
	"context"
	"fmt"
	"os"

	"polity/bench/harness"
	"polity/internal/sandbox"
)

func main() {
	sandbox.Stage()
	harness.Main(harness.Bench{
		Name: "release",
		About: `Makes a city with its log, both bodies' devices and sealed footage (1280 x 720 at 25 pictures a
second, H.264 by ffmpeg at MBITS, segments of 6 s), asks for it, and has both bodies approve.
Then it takes the time on the officer's machine, whose hub answers over HTTP on loopback:

approved_to_first_picture_ms  from both approvals at the hub until the first picture of every
                              camera is decoded: passphrase (scrypt as age has it), answers and
                              proofs fetched and checked, the opening handed to the log, first
                              segments fetched, checked, decrypted and served by the page, ffmpeg
passphrase_ms                 of that: scrypt, and nothing else
first_picture_cpu_ms          processor time within it, download of the rest and hub included
first_of_one_ms               the same until the first picture of any camera
plain_first_picture_ms        baseline: the same pictures as plain MP4 over HTTP, ffmpeg
fetch_mib_per_s               until all ciphertext is on disk, checked to the byte
check_s                       each file read again, each key put together and held to its header
export_mib_per_s              of sealed footage, masked but for one moving mark, and written as a
                              bundle that was checked
plain_export_mib_per_s        baseline: ffmpeg alone decodes and encodes the same plain MP4`,
		Variables: []harness.Variable{
			{Name: "CAMERAS", Default: "8", Help: "cameras, 1 to 64"},
			{Name: "MINUTES", Default: "60", Help: "minutes of each camera, 1 to 600"},
			{Name: "MBITS", Default: "2", Help: "rate of each camera in Mbit/s"},
			{Name: "EXPORT_SECONDS", Default: "60", Help: "seconds of one camera to export"},
			{Name: "DIR", Default: "", Help: "folder to write into, twice the size of the footage; none: the system's folder for temporary files"},
		},
		Quick: "all but two minutes of two cameras, and all but 12 s of the export",
		Run:   run,
	})
}

// size is how much footage there is.
type size struct {
	cameras, minutes, export int
	mbits                    float64
}

func sizeOf(r *harness.Run) (s size, err error) {
	read := func(name string, low, high float64) float64 {
		v, e := r.Number(name)
		if e == nil && !(v >= low && v <= high) {
			e = fmt.Errorf("%s=%g: from %g to %g", name, v, low, high)
		}
		if err == nil {
			err = e
		}
		return v
	}
	s = size{
		cameras: int(read("CAMERAS", 1, 64)), minutes: int(read("MINUTES", 1, 600)), mbits: read("MBITS", 0.2, 50), export: int(read("EXPORT_SECONDS", 6, 3600)),
	}
	if r.Quick {
		s.cameras, s.minutes, s.export = min(s.cameras, 2), min(s.minutes, 2), min(s.export, 12)
	}
	s.export = min(s.export, s.minutes*60)
	return s, err
}

func run(ctx context.Context, r *harness.Run) (f harness.Figures, err error) {
	s, err := sizeOf(r)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(r.Text("DIR"), "polity-bench-release-")
	if err != nil {
		return nil, err
	}
	b := &bench{ctx: ctx, dir: dir, size: s, say: r.Say}
	defer func() {
		b.close()
		err = cleaned(err, os.RemoveAll(dir))
	}()
	defer func() { // what is shared with tests ends by Fatal
		if p := recover(); p != nil {
			failed, ok := p.(failure)
			if !ok {
				panic(p)
			}
			err = failed.error
		}
	}()
	if err := b.prepare(); err != nil {
		return nil, err
	}
	return b.measure()
}

func cleaned(err, left error) error {
	if err != nil {
		return err
	}
	return left
}
