package log_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"polity/city"
	"polity/internal/attack"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/ledger/roster/rostertest"
)

// changed lists the files of after that differ from before, in the order in which an
// append writes them: entries, hashes, the tree's state, the checkpoint.
func changed(t *testing.T, before, after string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(after, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(after, path)
		if err != nil {
			return err
		}
		old, _ := os.ReadFile(filepath.Join(before, name)) //nolint:errcheck,gosec // a new file has no old one
		now, err := os.ReadFile(path)                      //nolint:gosec // the test's folder
		if string(old) != string(now) {
			list = append(list, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rank := func(name string) int {
		return slices.IndexFunc([]string{"tile/entries", "tile", ".state", "checkpoint"}, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	slices.SortStableFunc(list, func(a, b string) int { return rank(a) - rank(b) })
	return list
}

func snapshot(t *testing.T, dir string) string {
	t.Helper()
	for try := 0; ; try++ {
		to := filepath.Join(t.TempDir(), "snapshot")
		err := os.CopyFS(to, os.DirFS(dir))
		if err == nil {
			return to
		}
		if try == 10 || !errors.Is(err, fs.ErrNotExist) { // a file was renamed or swept meanwhile
			t.Fatal(err)
		}
	}
}

// TestAttackCrashAppend stops an append after each file that it writes, and goes
// on with the same entry or with another.
func TestAttackCrashAppend(t *testing.T) {
	attack.Tell(t, "crash-append",
		"An append is cut off after each file that it writes, at the borders of tiles, and goes on with the same entry or another.",
		"Every acknowledged entry is there once and at its place, the whole log verifies, and the witnesses go on cosigning.")
	for _, before := range []int{0, 1, 254, 255, 256} {
		for _, same := range []bool{true, false} {
			crashAfterEach(t, before, same)
		}
	}
}

func crashAfterEach(t *testing.T, before int, same bool) {
	for step := 0; ; step++ {
		town := logtest.New(t, t.TempDir())
		l := open(t, town.Config)
		var list []entry.Entry
		for i := range before {
			list = append(list, decision(i))
		}
		if _, err := l.AppendAll(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		public(t, l, int64(before))
		from := snapshot(t, town.Config.Dir)
		add(t, l, decision(before), int64(before))
		public(t, l, int64(before)+1)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		files := changed(t, from, town.Config.Dir)
		if len(files) < 4 {
			t.Fatalf("an append changed only %v", files)
		}
		if step > len(files) {
			return
		}
		for _, name := range files[:step] {
			data, err := os.ReadFile(filepath.Join(town.Config.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(from, name)
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// The witnesses saw the append only if its state was on the disk before.
		reached := slices.ContainsFunc(files[:step], func(f string) bool { return strings.HasSuffix(f, "treeState") })
		if !reached {
			fresh := logtest.New(t, from)
			town.Witnesses, town.Config = fresh.Witnesses, fresh.Config
		}
		town.Config.Dir = from
		goOn(t, town, before, same, reached, fmt.Sprintf("%d entries, step %d of %v", before, step, files))
	}
}

func goOn(t *testing.T, town *logtest.Town, before int, same, reached bool, where string) {
	t.Helper()
	l, err := log.Open(town.Config)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	next, want := before, int64(before)
	if !same {
		next++
		if reached {
			want++
		}
	}
	add(t, l, decision(next), want)
	public(t, l, want+1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != want+1 {
		t.Errorf("%s: %+v", where, r)
	}
	unique(t, town)
}

func TestHalfWrittenFilesGo(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	left := []string{"checkpoint123456", ".state/treeState99", "tile/entries/000.p/21839283923", "tile/0/000839283923", "tile/0/000.p/2839283923"}
	for _, name := range left {
		if err := os.WriteFile(filepath.Join(town.Config.Dir, filepath.FromSlash(name)), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l = open(t, town.Config)
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(town.Config.Dir, filepath.FromSlash(name))); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	add(t, l, decision(2), 1)
	public(t, l, 2)
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != 2 {
		t.Errorf("report %+v", r)
	}
}

const childDir = "POLITY_TEST_LOG_DIR"

// TestChild is the process that TestKilledWhileAppending kills: it appends numbers from
// one on and says each that is acknowledged.
func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		t.Skip("this is a part of TestKilledWhileAppending")
	}
	c := rostertest.New("town")
	config := log.Config{Dir: dir, Signer: c.Log.Signer(), Roster: c.Roster, Batch: 1, Publish: 100e6}
	for i, url := range strings.Fields(os.Getenv("POLITY_TEST_WITNESSES")) {
		config.Witnesses = append(config.Witnesses, log.Witness{Name: slugOf(i), URL: url})
	}
	l, err := log.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	first, err := strconv.Atoi(os.Getenv("POLITY_TEST_FIRST"))
	if err != nil {
		t.Fatal(err)
	}
	for n := first; n < first+100_000; n++ {
		index, err := l.Append(context.Background(), decision(n))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("ack %d %d\n", n, index)
	}
}

func slugOf(i int) city.Slug { return city.Slug(fmt.Sprintf("witness-%d", i+1)) }

// TestKilledWhileAppending kills a process that appends, again and again: what it
// acknowledged is there, once, at its index.
func TestKilledWhileAppending(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	var urls []string
	for _, w := range town.Config.Witnesses {
		urls = append(urls, w.URL)
	}
	acked := map[int]int64{}
	next := 0
	for kill := range 6 {
		program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v") //nolint:gosec // this test's own program
		program.Env = append(os.Environ(), childDir+"="+town.Config.Dir, "POLITY_TEST_WITNESSES="+strings.Join(urls, " "), fmt.Sprint("POLITY_TEST_FIRST=", next))
		out, err := program.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for count := 0; lines.Scan(); {
			var n int
			var index int64
			if _, err := fmt.Sscanf(lines.Text(), "ack %d %d", &n, &index); err != nil {
				if strings.Contains(lines.Text(), "log_test.go") || strings.Contains(lines.Text(), "crash_test.go") {
					t.Fatal(lines.Text())
				}
				continue
			}
			acked[n], next = index, n // the next one begins with one that is known
			if count++; count == 7+13*kill {
				if err := program.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := program.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
	}
	l := open(t, town.Config)
	seen := map[int64]bool{}
	for n, index := range acked {
		if again, err := l.Append(t.Context(), decision(n)); err != nil || again != index {
			t.Errorf("entry %d was acknowledged at %d and is at %d, %v", n, index, again, err)
		}
		if seen[index] {
			t.Errorf("index %d was given twice", index)
		}
		seen[index] = true
	}
	s, err := l.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	public(t, l, s.Size)
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != s.Size {
		t.Errorf("report %+v", r)
	}
	unique(t, town)
}
