package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/city"
)

// TestEveryFlippedBitAndEveryCutIsFound damages the ZIP file.
func TestEveryFlippedBitAndEveryCutIsFound(t *testing.T) {
	w := newWorld(t)
	good, err := os.ReadFile(w.write())
	w.must(err)
	path := filepath.Join(t.TempDir(), "damaged.zip")
	check := func(what string, at int, b []byte) {
		t.Helper()
		w.must(os.WriteFile(path, b, 0o600))
		if r := w.verify(path); r.Right() {
			t.Fatalf("%s at %d: it holds", what, at)
		}
	}
	for at := 0; at < len(good); at += 701 {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		check("a flipped bit", at, bad)
		check("a cut", at, good[:at])
	}
	for at := len(good) - 1500; at < len(good); at += 7 { // the table at its end
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		check("a flipped bit", at, bad)
	}
	check("a byte more", len(good), append(bytes.Clone(good), 0))
	check("something before it", 0, append([]byte("#!/bin/sh\n"), good...))
}

// TestForeignZipFiles has another program pack what is no bundle.
func TestForeignZipFiles(t *testing.T) {
	packed := func(method uint16, files ...string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, name := range files {
			f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
			if err == nil {
				_, err = f.Write(make([]byte, 1<<20))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	head := func(name string, size uint32) []byte {
		b := (&packedMember{name: name}).bytes()
		binary.LittleEndian.PutUint32(b[18:], size)
		binary.LittleEndian.PutUint32(b[22:], size)
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":               {nil, "cut off"},
		"a picture":           {[]byte("\x89PNG\r\n\x1a\n and more"), "no bundle"},
		"a bomb":              {packed(zip.Deflate, sumsName), "not as Polity writes it"},
		"another order":       {head(recordName, 0), "it was packed by another program"},
		"a path":              {append(append(head(sumsName, 0), head(sigName, 0)...), head("../../etc/passwd", 0)...), "no name of a file in a bundle"},
		"an absolute path":    {append(append(head(sumsName, 0), head(sigName, 0)...), head("/etc/passwd", 0)...), "no name of a file in a bundle"},
		"a backslash":         {append(append(head(sumsName, 0), head(sigName, 0)...), head(`clips\a.mp4`, 0)...), "no name of a file in a bundle"},
		"a long name":         {append(append(head(sumsName, 0), head(sigName, 0)...), head("clips/"+strings.Repeat("a", 200), 0)...), "a name of 206 bytes"},
		"twice":               {append(append(append(head(sumsName, 0), head(sigName, 0)...), head(recordName, 0)...), head(recordName, 0)...), "stands twice"},
		"more than there is":  {head(sumsName, 1<<31), "cut off"},
		"a central directory": {append(head(sumsName, 0), 0x50, 0x4b, 1, 2, 3), "table of files does not fit"},
	} {
		path := filepath.Join(t.TempDir(), "foreign.zip")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), path, Options{})
		if err != nil || r.Right() || !strings.Contains(r.text(), c.want) {
			t.Errorf("%s: %v\n%s", name, err, r.text())
		}
	}
	if _, err := Verify(t.Context(), filepath.Join(t.TempDir(), "nowhere.zip"), Options{}); city.KindOf(err) != city.NotFound {
		t.Errorf("a file that is not there: %v", err)
	}
}

type packedMember struct{ name string }

func (p *packedMember) bytes() []byte { return (&packed{name: p.name}).local() }

func TestForeignFolders(t *testing.T) {
	for want, change := range map[string]func(w *world, dir string){
		"no name of a file": func(w *world, dir string) { w.must(os.WriteFile(filepath.Join(dir, "readme.txt"), nil, 0o600)) },
		"does not name it: it was put in": func(w *world, dir string) {
			w.must(os.WriteFile(filepath.Join(dir, "clips", "bridge.mp4"), nil, 0o600))
		},
		"is missing in the bundle": func(w *world, dir string) { w.must(os.Remove(filepath.Join(dir, "proofs", "court.proof"))) },
		"is no file and no folder": func(w *world, dir string) {
			w.must(os.Symlink("/etc/passwd", filepath.Join(dir, "clips", "bridge.mp4")))
		},
		"no folder that belongs there": func(w *world, dir string) { w.must(os.MkdirAll(filepath.Join(dir, "clips", "more"), 0o700)) },
		"it was changed or damaged": func(w *world, dir string) {
			w.must(os.WriteFile(filepath.Join(dir, "report.html"), []byte("hello"), 0o600))
		},
		"stands twice or out of order": func(w *world, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, sumsName)) //nolint:gosec // the test's folder
			w.must(err)
			w.must(os.WriteFile(filepath.Join(dir, sumsName), append(b, b...), 0o600)) //nolint:gosec // the test's folder
		},
		"not the signature of device": func(w *world, dir string) { w.must(os.WriteFile(filepath.Join(dir, sigName), make([]byte, 64), 0o600)) },
	} {
		w := newWorld(t)
		w.write()
		change(w, w.parts.Dir)
		if r := w.verify(w.parts.Dir); r.Right() || !strings.Contains(r.text(), want) {
			t.Errorf("want %q:\n%s", want, r.text())
		}
	}
}
