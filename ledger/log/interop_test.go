package log_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/ledger/log/logtest"
)

// client is somebody else's: it knows golang.org/x/mod's code and the C2SP
// specifications, the log's address and its key.
type client struct {
	t    *testing.T
	base string
	key  note.Verifier
}

func (c client) get(path string) []byte {
	c.t.Helper()
	answer, err := http.Get(c.base + path) //nolint:noctx,gosec // the test's own server
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %s, %v", path, answer.Status, err)
	}
	return data
}

func (c client) tree() tlog.Tree {
	c.t.Helper()
	n, err := note.Open(c.get("/checkpoint"), note.VerifierList(c.key))
	if err != nil {
		c.t.Fatal(err)
	}
	lines := strings.Split(n.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || lines[0] != c.key.Name() {
		c.t.Fatalf("checkpoint %q", n.Text)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil {
		c.t.Fatal(err)
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(root)}
}

// tileOf writes a tile's path as C2SP tlog-tiles says.
func tileOf(level string, n int64, width int) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	if width != 256 {
		s += fmt.Sprintf(".p/%d", width)
	}
	return "/tile/" + level + "/" + s
}

func (c client) Height() int { return 8 }

func (c client) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		all = append(all, c.get(tileOf(strconv.Itoa(t.L), t.N, t.W)))
	}
	return all, nil
}

func (client) SaveTiles([]tlog.Tile, [][]byte) {}

func TestAnIndependentClientReadsTheLog(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	handler, err := l.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/log", handler))
	t.Cleanup(server.Close)
	key, err := note.NewVerifier(town.Log.Public)
	if err != nil {
		t.Fatal(err)
	}
	c := client{t, server.URL + "/log", key}

	for i := range 300 {
		if i == 299 {
			public(t, l, 299)
			break
		}
		if _, err := l.Append(t.Context(), decision(i)); err != nil {
			t.Fatal(err)
		}
	}
	older := c.tree()
	for i := 299; i < 310; i++ {
		add(t, l, decision(i), int64(i))
	}
	public(t, l, 310)
	tree := c.tree()
	if older.N != 299 || tree.N != 310 {
		t.Fatalf("sizes are %d and %d", older.N, tree.N)
	}
	reader := tlog.TileHashReader(tree, c)

	bundle := c.get(tileOf("entries", 1, 310-256))
	var record []byte
	for range 300 - 256 + 1 { // entry 300
		n := int(bundle[0])<<8 | int(bundle[1])
		record, bundle = bundle[2:2+n], bundle[2+n:]
	}
	inclusion, err := tlog.ProveRecord(tree.N, 300, reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckRecord(inclusion, tree.N, tree.Hash, 300, tlog.RecordHash(record)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(string(record), `"type":"decision"`) {
		t.Errorf("entry 300 is %q", record)
	}
	growth, err := tlog.ProveTree(tree.N, older.N, reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckTree(growth, tree.N, tree.Hash, older.N, older.Hash); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheLogIsServed(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	for _, w := range town.Witnesses {
		w.SetDown(true)
	}
	add(t, l, decision(2), 1) // on disk, and not public
	handler, err := l.Handler()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		return w
	}
	for path, want := range map[string]int{
		"/checkpoint": 200, "/tile/entries/000.p/1": 200, "/tile/0/000.p/1": 200,
		"/tile/entries/000.p/2": 404, "/tile/0/000.p/2": 404, "/tile/0/000": 404, "/tile/0/001": 404,
		"/.state/treeState": 404, "/tile/../.state/treeState": 404, "/tile/0/../../checkpoint": 404, "/tile": 404, "/tile/": 404, "/": 404,
		"/tile/0/000.p/01": 404, "/tile/0/000.p/0": 404, "/tile/0/000.p/256": 404, "/tile/00/000.p/1": 404, "/tile/6/000.p/1": 404, "/tile/0/x000/000.p/1": 404,
		"/tile/5/x999/x999/x999/x999/999": 404, "/tile/entries/x999/x999/x999/x999/999": 404,
	} {
		if got := ask(http.MethodGet, path); got.Code != want {
			t.Errorf("%s: %d, want %d", path, got.Code, want)
		}
	}
	if got := ask(http.MethodPost, "/checkpoint"); got.Code != http.StatusMethodNotAllowed {
		t.Errorf("a POST: %d", got.Code)
	}
	if got := ask(http.MethodGet, "/checkpoint").Header().Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the checkpoint may be kept: %q", got)
	}
}
