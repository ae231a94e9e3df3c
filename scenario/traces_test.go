package scenario

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"

	"polity/camera/standin"
	"polity/camera/stream"
	"polity/camera/wire"
)

// TestNothingButScenesLeavesTheCamera records everything that the edge and the hub
// write to disk and that passes between them and to a page while people walk by, and
// looks in it for pictures, for the camera's video, and for marks.
func TestNothingButScenesLeavesTheCamera(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.employ()
	line := newTap(t, w.lineAt)
	w.via = line.at
	c := serve(t, standin.Config{Film: square(), User: "polity", Password: password})
	w.watch = []watched{{"square", c.URL(), password}}
	w.allow("square")
	w.draw("square", crossing())
	w.startHub()
	w.startEdge()
	view := w.look()
	w.shows(75)
	w.eventually("a crowd is an event with a picture", later, func() bool {
		return pictureAddress.MatchString(w.get(w.hubAt, "/cameras/square"))
	})
	var http bytes.Buffer
	page := w.get(w.hubAt, "/cameras/square")
	for _, path := range []string{"/", "/cameras/square", "/cameras/square/place.jpg", pictureAddress.FindString(page), "/cameras/square/counts.csv", "/cameras.geojson", "/system", "/metrics"} {
		http.WriteString(w.get(w.hubAt, path))
	}
	http.WriteString(w.state())
	http.WriteString(w.get(w.edgeAt, "/metrics"))
	view.end()
	if status := w.edge.interrupt(soon); status != 0 {
		t.Errorf("the edge ended with %d", status)
	}
	w.eventually("what it stored last waits or has come", soon, func() bool { return !w.edge.running() })
	if status := w.hub.interrupt(soon); status != 0 {
		t.Errorf("the hub ended with %d", status)
	}
	view.mu.Lock()
	defer view.mu.Unlock()

	s := newSearch(t)
	disk := w.disk(t)
	for name, b := range disk {
		s.search(name, b)
	}
	onDisk := maps.Clone(s.found)
	s.search("the line to the hub", line.sent())
	s.search("the line to the edge", line.received())
	onLine := maps.Clone(s.found)
	s.search("pages", http.Bytes())
	s.search(feed, view.said.Bytes())
	for _, p := range view.drawn {
		s.judged(feed, p)
	}
	s.report(t)
	t.Logf("searched %d files and %d KB of the line; found %v", len(disk), len(line.sent())>>10, s.found)
	if onDisk["place"] == 0 || onDisk["picture"] == 0 || onLine["place"] <= onDisk["place"] || s.found["picture"] <= onLine["picture"] || s.found[feed] < 10 {
		t.Errorf("found %v on disk, %v with the line, %v in all: too little to say anything", onDisk, onLine, s.found)
	}
	noMarks(t, view.seen, disk, line.sent())
}

var pictureAddress = regexp.MustCompile(`/cameras/square/events/[0-9-]+[^"]*`)

// noMarks: marks pass while somebody looks, and lie nowhere.
func noMarks(t *testing.T, seen []*wire.Marks, disk map[string][]byte, line []byte) {
	t.Helper()
	passed := 0
	for _, m := range seen {
		// As messages, whenever they were taken; and as the live feed writes them.
		body := wire.Append(nil, m)[9:]
		var text strings.Builder
		for i, k := range m.Marks {
			fmt.Fprintf(&text, "%s%d,%d,%d", map[bool]string{true: ","}[i > 0], k.Class, k.Column, k.Row)
		}
		if bytes.Contains(line, body) {
			passed++
		}
		for name, b := range disk {
			if bytes.Contains(b, body) || bytes.Contains(b, []byte(text.String())) {
				t.Errorf("%s holds the marks of %v", name, m.At)
				return
			}
		}
	}
	if passed < 20 {
		t.Errorf("%d of %d marks are recognised on the line: too few to say that none are on disk", passed, len(seen))
	}
}

// disk is all that the programs have written, by path.
func (w *town) disk(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, dir := range []string{"edge", "hub", "tmp", "register"} {
		err := filepath.WalkDir(w.path(dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			all[strings.TrimPrefix(path, w.dir)] = b
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, log := range []string{"edge.log", "hub.log"} {
		b, err := os.ReadFile(w.path(log))
		if err != nil {
			t.Fatal(err)
		}
		all[log] = b
	}
	return all
}

// tap passes connections on and keeps what went through.
type tap struct {
	at, to   string
	listener net.Listener

	mu   sync.Mutex
	up   [][]byte // by connection
	down [][]byte
}

func newTap(t *testing.T, to string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{at: l.Addr().String(), to: to, listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(c)
		}
	}()
	return p
}

func (p *tap) pass(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer to.Close()
	p.mu.Lock()
	n := len(p.up)
	p.up, p.down = append(p.up, nil), append(p.down, nil)
	p.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.copy(to, from, &p.up, n)
		to.Close()
	}()
	p.copy(from, to, &p.down, n)
	from.Close()
	<-done
}

func (p *tap) copy(to io.Writer, from io.Reader, keep *[][]byte, n int) {
	buf := make([]byte, 64<<10)
	for {
		k, err := from.Read(buf)
		p.mu.Lock()
		(*keep)[n] = append((*keep)[n], buf[:k]...)
		p.mu.Unlock()
		if _, werr := to.Write(buf[:k]); err != nil || werr != nil {
			return
		}
	}
}

func (p *tap) sent() []byte     { return p.all(&p.up) }
func (p *tap) received() []byte { return p.all(&p.down) }

func (p *tap) all(of *[][]byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []byte
	for _, b := range *of {
		all = append(all, unpack(b)...)
	}
	return all
}

// unpack undoes the framing and compression (S2) that NATS servers agree on between
// each other, from wherever it begins.
func unpack(b []byte) []byte {
	magic := []byte("\xff\x06\x00\x00S2sTwO")
	head, _, ok := bytes.Cut(b, magic)
	if !ok {
		return b
	}
	plain, err := io.ReadAll(s2.NewReader(bytes.NewReader(b[len(head):])))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		plain = append(plain, b...) // not what it looked like: search it as it is
	}
	return append(bytes.Clone(head), plain...)
}

// search looks for pictures and video in anything.
type search struct {
	t       *testing.T
	judge   *judge
	needles map[[8]byte][][]byte // pieces of the camera's video and of its frames
	found   map[string]int
	wrong   map[string]int
	example map[string]string
	seen    map[string]bool // pictures judged already
	tiles   *tiles
}

const needle = 24 // bytes of each piece

func newSearch(t *testing.T) *search {
	t.Helper()
	s := &search{
		t: t, judge: theJudge(t), needles: map[[8]byte][][]byte{}, found: map[string]int{}, wrong: map[string]int{},
		example: map[string]string{}, seen: map[string]bool{},
	}
	s.tiles = newTiles(s.judge)
	film, err := stream.OpenFilm(t.Context(), square())
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	for {
		u, err := film.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, nal := range u.NALs {
			for at := 0; at+needle <= len(nal); at += 500 {
				s.needle(nal[at : at+needle])
			}
		}
	}
	for k, list := range s.judge.movers {
		for _, m := range list {
			for i := 0; i < len(m.pixels); i += 50 {
				if at := 3 * m.pixels[i]; at+needle <= len(s.judge.frames[k]) {
					s.needle(s.judge.frames[k][at : at+needle])
				}
			}
		}
	}
	return s
}

// needle adds a piece to look for unless it is as plain as others may be.
func (s *search) needle(b []byte) {
	values := map[byte]bool{}
	for _, v := range b {
		values[v] = true
	}
	if len(values) < needle/2 {
		return
	}
	s.needles[[8]byte(b)] = append(s.needles[[8]byte(b)], b)
}

func (s *search) bad(what, where string) {
	if s.wrong[what]++; s.wrong[what] == 1 {
		s.example[what] = where
	}
}

func (s *search) report(t *testing.T) {
	t.Helper()
	for what, n := range s.wrong {
		t.Errorf("%s: %d times, first %s", what, n, s.example[what])
	}
}

// pieces looks for the camera's own video and frames.
func (s *search) pieces(name string, b []byte) {
	for i := 0; i+needle <= len(b); i++ {
		for _, piece := range s.needles[[8]byte(b[i:i+8])] {
			if bytes.Equal(b[i:i+needle], piece) {
				s.bad("the camera's own video or frame", fmt.Sprintf("%s at %d", name, i))
			}
		}
	}
}

// search goes through b, and through what is written in base64 in it.
func (s *search) search(name string, b []byte) {
	s.pieces(name, b)
	for _, magic := range []string{"\x89PNG\r\n", "GIF8", "WEBPVP8", "II*\x00", "ftyp"} {
		if i := bytes.Index(b, []byte(magic)); i >= 0 {
			s.bad("a picture or film of another form", fmt.Sprintf("%s at %d: %q", name, i, magic))
		}
	}
	start := []byte{0xff, 0xd8, 0xff}
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], start)
		if i < 0 {
			break
		}
		at += i
		s.picture(name, b, at)
	}
	if name == feed {
		return // its places are judged as messages
	}
	for _, m := range base64Picture.FindAll(b, -1) {
		if plain, err := base64.StdEncoding.DecodeString(string(m)); err == nil {
			s.picture(name+" in base64", plain, 0)
		}
	}
}

const feed = "the live feed"

// judged looks at a place of the live feed.
func (s *search) judged(name string, p *wire.Place) {
	img, err := jpeg.Decode(bytes.NewReader(p.Atlas))
	if err != nil {
		s.bad("a place that cannot be decoded", name)
		return
	}
	if s.found[name]++; s.tiles.place(p, img) != "" {
		s.bad("a picture that is no scene", name+": "+s.tiles.place(p, img))
	}
}

// base64Picture begins as every JPEG does.
var base64Picture = regexp.MustCompile(`/9j/[A-Za-z0-9+/]+=*`)

// picture judges a JPEG that begins at an offset, if it is one that can be decoded.
func (s *search) picture(name string, b []byte, at int) {
	img, err := jpeg.Decode(bytes.NewReader(b[at:]))
	if err != nil {
		return
	}
	length := bytes.Index(b[at:], []byte{0xff, 0xd9}) + 2
	key := string(b[at : at+length])
	if s.seen[key] {
		return
	}
	s.seen[key] = true
	where := fmt.Sprintf("%s at %d", name, at)
	kind, verdict := "place", ""
	if p, ok := s.message(b, at, at+length).(*wire.Place); ok {
		verdict = s.tiles.place(p, img)
	} else {
		kind, verdict = "picture", s.tiles.whole(img)
	}
	if s.found[kind]++; verdict != "" {
		s.bad("a picture that is no scene", where+": "+verdict)
	}
}

// message finds the camera message that ends with a picture, whatever it lies in.
func (s *search) message(b []byte, at, end int) wire.Message {
	for from := at - 4; from >= max(0, at-20000); from-- {
		if b[from] != byte(wire.KindPlace) && b[from] != byte(wire.KindEvent) {
			continue
		}
		if m, err := wire.Parse(b[from:end]); err == nil {
			return m
		}
	}
	return nil
}
