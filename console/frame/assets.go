package frame

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"

	"polity/city"
)

// bundled is what go generate left: files compressed by gzip, and a list of which
// file an entry became. It is empty when nothing was built.
type bundled struct {
	files fs.FS
	named map[string]string
}

func openBundle(files fs.FS) (*bundled, error) {
	b := &bundled{files: files, named: map[string]string{}}
	list, err := fs.ReadFile(files, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	return b, json.Unmarshal(list, &b.named)
}

// Asset is where a page finds an entry of the bundle; its name holds the hash of its content.
func (f *Frame) Asset(entry string) string { return "/assets/" + f.bundle.named[entry] }

// ServeAsset answers with the file of the bundle that the address names as {file}.
func (f *Frame) ServeAsset(w http.ResponseWriter, r *Request) error {
	return f.serveAsset(w, r, r.PathValue("file"), forever)
}

// ServeWorker answers with an entry of the bundle at an address beside the page that it works
// for: a worker serves only what lies below its own address. That address stays while what
// stands there changes, so that a browser asks each time.
func (f *Frame) ServeWorker(w http.ResponseWriter, r *Request, entry string) error {
	return f.serveAsset(w, r, f.bundle.named[entry], "no-cache")
}

const forever = "public, max-age=31536000, immutable"

func (f *Frame) serveAsset(w http.ResponseWriter, r *Request, name, cache string) error {
	packed, err := fs.ReadFile(f.bundle.files, name+".gz")
	if err != nil {
		return city.Errorf(city.NotFound, "%s", f.Say("error.asset"))
	}
	return servePacked(w, r, path.Ext(name), cache, packed)
}

// ServePacked answers with something that never changes under its name.
func ServePacked(w http.ResponseWriter, r *Request, ext string, packed []byte) error {
	return servePacked(w, r, ext, forever, packed)
}

func servePacked(w http.ResponseWriter, r *Request, ext, cache string, packed []byte) error {
	h := w.Header()
	h.Set("Content-Type", typeOf(ext))
	h.Set("Cache-Control", cache)
	h.Set("Vary", "Accept-Encoding")
	if TakesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(packed)))
		_, err := w.Write(packed)
		return Gone(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, z) //nolint:gosec // our own files
	return Gone(err)
}

func typeOf(ext string) string {
	switch ext {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".geojson":
		return "application/geo+json"
	}
	return mime.TypeByExtension(ext)
}
