package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"polity/camera/detect"
	"polity/camera/detect/model"
	"polity/cmd/polity-native/onnx"
	"polity/internal/parts"
)

// detectWorker finds people and vehicles for all cameras of a machine. It answers
// on stdin and stdout, or, given a listening socket, everyone who connects; then it
// ends when stdin does.
func detectWorker(args []string) error {
	flags := flag.NewFlagSet("detect", flag.ContinueOnError)
	library := flags.String("library", "", "ONNX Runtime's shared library (default: where set-up put it)")
	listen := flags.Int("listen", -1, "descriptor of a listening unix socket")
	parallel := flags.Int("parallel", 1, "how many pictures to look at at once, a core each")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), detectHelp)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if *library == "" {
		path, err := parts.Find("libonnxruntime.so.1")
		if err != nil {
			return err
		}
		*library = path
	}
	// The library computes outside Go's scheduler. With more threads than what is left
	// needs, its monitor would watch each computation at 20 us intervals.
	runtime.GOMAXPROCS((*parallel + goShare - 1) / goShare)
	loaded, err := onnx.Open(*library)
	if err != nil {
		return err
	}
	session, err := loaded.Session(onnx.Network{Model: model.ONNX, Input: model.Input, Outputs: model.Outputs})
	if err != nil {
		return err
	}
	server := detect.NewServer(nanodet{session}, sha256.Sum256(model.ONNX), *parallel)
	if *listen < 0 {
		return server.Serve(os.Stdin, os.Stdout)
	}
	return serveSocket(server, *listen)
}

// goShare is how many computations at once one thread of Go serves: it takes about a
// twentieth of their time.
const goShare = 8

const detectHelp = `polity-native detect answers what is in pictures, on stdin and stdout or on a socket.

Example, as polity starts it with a listening socket as descriptor 3:
  polity-native detect --listen 3 --library /usr/lib/polity/libonnxruntime.so.1

`

// serveSocket accepts connections until stdin ends: then whoever started us is
// gone. It calls accept itself, because the sandbox allows that and reading and
// writing, and nothing else that one can do to a socket.
func serveSocket(server *detect.Server, listen int) error {
	if err := syscall.SetNonblock(listen, false); err != nil {
		return fmt.Errorf("descriptor %d: %w", listen, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	go func() {
		for {
			fd, _, err := syscall.Accept4(listen, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
			switch {
			case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.ECONNABORTED):
				continue
			case err != nil:
				ended <- fmt.Errorf("accept a camera: %w", err)
				return
			}
			go func() {
				camera := os.NewFile(uintptr(fd), "camera")
				defer camera.Close()
				if err := server.Serve(camera, camera); err != nil {
					fmt.Fprintf(os.Stderr, "polity-native detect: a camera's connection ended: %v\n", err)
				}
			}()
		}
	}()
	return <-ended
}

// nanodet runs the network of package model.
type nanodet struct{ session *onnx.Session }

// Run implements detect.Network.
func (n nanodet) Run(picture []byte, size detect.Size, use func([][]float32) error) error {
	shape := []int64{1, 6, int64(size.Height / 2), int64(size.Width / 2)}
	return n.session.Run(picture, shape, func(tensors []onnx.Tensor) error {
		values := make([][]float32, len(tensors))
		for i, t := range tensors {
			values[i] = t.Values
		}
		return use(values)
	})
}
