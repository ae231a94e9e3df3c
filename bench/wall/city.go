package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"polity/console"
	"polity/console/bundle"
	"polity/console/consoletest"
)

// served is the shipped pages over a city made of software.
type served struct {
	address string
	pages   *console.Console
	server  *http.Server
	folder  string
}

func serveCity(ctx context.Context, scenes int) (*served, error) {
	folder, err := os.MkdirTemp("", "polity-wall-")
	if err != nil {
		return nil, err
	}
	h := &served{folder: folder}
	if err := h.start(ctx, scenes); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *served) start(ctx context.Context, scenes int) error {
	if err := bundle.Write("console", h.folder); err != nil {
		return err
	}
	city, err := consoletest.New(consoletest.Config{})
	if err != nil {
		return err
	}
	city.AddStreets(scenes)
	h.pages, err = console.New(console.Config{City: city, Access: consoletest.Everything(), Looks: &consoletest.Looks{}, Bundle: os.DirFS(h.folder)})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h.address = "http://" + l.Addr().String()
	h.server = &http.Server{Handler: h.pages, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = h.server.Serve(l) }() // ends when it is closed
	return nil
}

// close ends the feeds and removes what was bundled.
func (h *served) close() {
	if h.pages != nil {
		h.pages.Close()
	}
	if h.server != nil {
		_ = h.server.Close()
	}
	if err := os.RemoveAll(h.folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
