package console

import (
	"bytes"
	"compress/gzip"
	"embed"
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

//go:embed all:dist
var built embed.FS

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

// address is where a page finds an entry; its name holds the hash of its content.
func (b *bundled) address(entry string) string { return "/assets/" + b.named[entry] }

func (c *Console) asset(w http.ResponseWriter, r *request) error {
	name := r.PathValue("file")
	packed, err := fs.ReadFile(c.bundle.files, name+".gz")
	if err != nil {
		return city.Errorf(city.NotFound, "%s", c.say.Say("error.asset"))
	}
	return servePacked(w, r, path.Ext(name), packed)
}

// servePacked answers with something that never changes under its name.
func servePacked(w http.ResponseWriter, r *request, ext string, packed []byte) error {
	h := w.Header()
	h.Set("Content-Type", typeOf(ext))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(packed)))
		_, err := w.Write(packed)
		return gone(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, z) //nolint:gosec // our own files
	return gone(err)
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
