package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"polity/access"
)

// copyFiles is the folder as a crash at this moment would leave it.
func copyFiles(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	list, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(e.Name()) == ".db-shm" {
			continue // made anew
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestACrashBetweenAnyTwoStepsLosesNothing goes on from the files of each step: the notice
// comes, every time with the same id.
func TestACrashBetweenAnyTwoStepsLosesNothing(t *testing.T) {
	h := newHook(t)
	v := newTown(t, to(h, "duty"))
	v.open()
	v.round()
	h.answers(http.StatusServiceUnavailable) // nothing leaves before the copies are made
	copies := map[string]string{"before": copyFiles(t, v.dir)}
	v.n.step = func(name string) { copies[name] = copyFiles(t, v.dir) }
	v.tell(v.alert("a:1"), v.alert("a:2", priority(1)))
	v.n.step = func(string) {}
	v.close()
	h.answers(0)
	if len(copies) != 4 {
		t.Fatalf("copies of %d steps", len(copies))
	}
	ids := map[string]string{}
	for step, dir := range copies {
		h.mu.Lock()
		h.got = nil
		h.mu.Unlock()
		v.dir = dir
		v.open()
		v.round()
		v.round()
		v.sent()
		if got := h.keys(); got != "opened:a:2 opened:a:1" && !(step == "queued" && got == "opened:a:2 opened:a:1 opened:a:2 opened:a:1") {
			t.Errorf("behind the step %s comes %s", step, got)
		}
		for _, m := range h.all() {
			if before := ids[m.Data.Key]; before != "" && before != m.ID {
				t.Errorf("behind the step %s %s has another id", step, m.Data.Key)
			}
			ids[m.Data.Key] = m.ID
		}
		v.close()
	}
}

// TestACrashWhileAChannelIsNew does not make old alerts news.
func TestACrashWhileAChannelIsNew(t *testing.T) {
	h := newHook(t)
	v := newTown(t, to(h, "duty"))
	v.source.set(v.alert("a:old"))
	v.open()
	dir := copyFiles(t, v.dir) // the channel is in the book, what was open before it is not
	v.close()
	v.dir = dir
	v.open()
	v.round()
	v.sent()
	if got := h.keys(); got != "" {
		t.Errorf("heard %s", got)
	}
}

const (
	childFolder = "NOTICE_TEST_FOLDER"
	childURL    = "NOTICE_TEST_URL"
	childAlerts = 300
)

// TestChild is the program that TestKillsLoseNothing kills.
func TestChild(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		t.Skip("this is the program that TestKillsLoseNothing starts")
	}
	s := &source{open: map[string]Alert{}}
	raise := func(i int) {
		s.set(Alert{Key: fmt.Sprintf("a:%d", i), Desk: access.Water, Kind: "flood", Title: "Flooding", Priority: 1, At: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), Open: true, New: true})
	}
	file := filepath.Join(dir, "raised") // one byte an alert
	raised, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	before, err := raised.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for i := range int(before.Size()) {
		raise(i)
	}
	n, err := Open(t.Context(), Config{
		Hosts: []string{"127.0.0.1"}, Retries: []time.Duration{10 * time.Millisecond},
		Channels: []Channel{{Name: "duty", PerMinute: 600, Rule: Rule{When: []Reason{Opened}}, Webhook: &Webhook{URL: os.Getenv(childURL), SecretFile: filepath.Join(dir, "secret")}}},
	}, Deps{Folder: dir, Source: s, Words: say{}})
	if err != nil {
		t.Fatal(err)
	}
	go n.Run(t.Context())
	for {
		n.mu.Lock()
		ready := n.whole
		n.mu.Unlock()
		if ready {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for i := int(before.Size()); i < childAlerts; i++ {
		if _, err := raised.Write([]byte{'x'}); err != nil {
			t.Fatal(err)
		}
		raise(i)
		time.Sleep(5 * time.Millisecond)
	}
	<-t.Context().Done()
}

// TestKillsLoseNothing ends a program with SIGKILL at random moments until the receiver
// has every alert.
func TestKillsLoseNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(secretText), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got, ids := map[string]int{}, map[string]string{}
	changed := false
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m Message
		if json.Unmarshal(body, &m) != nil || m.Data.Key == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got[m.Data.Key]++
		changed = changed || ids[m.Data.Key] != "" && ids[m.Data.Key] != m.ID
		ids[m.Data.Key] = m.ID
	}))
	defer receiver.Close()
	// The channel is no news when the alerts come.
	n, err := Open(t.Context(), Config{Hosts: []string{"127.0.0.1"}, Channels: []Channel{{Name: "duty", Webhook: &Webhook{URL: receiver.URL, SecretFile: filepath.Join(dir, "secret")}}}}, Deps{Folder: dir, Source: &source{}, Words: say{}})
	if err != nil {
		t.Fatal(err)
	}
	_ = n.take(nil)
	n.round(t.Context())
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	kills, before, grown := 0, 0, time.Duration(0)
	for end := time.Now().Add(4 * time.Minute); ; kills++ {
		mu.Lock()
		have := len(got)
		mu.Unlock()
		if have == before && kills > 0 { // the machine is slow, or busy
			grown = grown*3/2 + 100*time.Millisecond
		}
		before = have
		if have == childAlerts && kills >= 5 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after %d kills %d of %d alerts were told", kills, have, childAlerts)
		}
		life, stop := context.WithTimeout(t.Context(), 250*time.Millisecond+rand.N(400*time.Millisecond)+grown)
		child := exec.CommandContext(life, os.Args[0], "-test.run=^TestChild$", "-test.timeout=4m") // killed at the end of life
		child.Env = append(os.Environ(), childFolder+"="+dir, childURL+"="+receiver.URL)
		text, err := child.CombinedOutput()
		if life.Err() == nil && err != nil {
			t.Fatalf("the program ended by itself: %v: %s", err, text)
		}
		stop()
	}
	mu.Lock()
	defer mu.Unlock()
	twice := 0
	for _, times := range got {
		twice += times - 1
	}
	t.Logf("%d kills, %d alerts told, %d came again with the same id", kills, len(got), twice)
	if twice > kills*childAlerts/10 {
		t.Errorf("%d came again in %d kills", twice, kills)
	}
	if changed {
		t.Error("an alert came again with another id")
	}
}

func TestADeadReceiverDelaysNoOther(t *testing.T) {
	dead, slow, live := newHook(t), newHook(t), newHook(t)
	dead.answers(http.StatusInternalServerError)
	slow.block = make(chan struct{})
	v := newTown(t, to(dead, "dead"), to(slow, "slow"), to(live, "live"))
	v.open()
	for i := range 5 {
		v.tell(v.alert(fmt.Sprintf("a:%d", i)))
	}
	v.until("the live one has all", func() bool { return len(live.all()) == 5 })
	v.until("the dead one's are dead letters", func() bool { return v.n.Counts().Dead == 5 })
	for _, s := range v.n.Channels() {
		switch s.Name {
		case "dead":
			if s.Dead != 5 || s.Failing != 1 || s.Reason == "" || s.LastFailure == nil || s.LastSuccess != nil {
				t.Errorf("%+v", s)
			}
		case "slow":
			if s.Waiting != 5 {
				t.Errorf("%+v", s)
			}
		case "live":
			if s.LastSuccess == nil || s.Failing != 0 {
				t.Errorf("%+v", s)
			}
		}
	}
	list, err := v.n.Dead(t.Context(), "dead", 0, 2)
	if err != nil || len(list.Letters) != 2 || list.Next == 0 || list.Letters[0].Receiver != "dead" {
		t.Fatalf("%+v, %v", list, err)
	}
	dead.answers(0)
	if put, err := v.n.ReplayChannel(t.Context(), "dead"); put != 5 || err != nil {
		t.Fatal(put, err)
	}
	v.until("the dead one has all", func() bool { return len(dead.all()) == 5 })
	close(slow.block)
	v.sent()
}

func TestForeignFilesAreRefused(t *testing.T) {
	h := newHook(t)
	v := newTown(t, to(h, "duty"))
	if err := os.WriteFile(filepath.Join(v.dir, "notices.db"), []byte("this is no database, it is a letter to somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), v.cfg, Deps{Folder: v.dir, Source: v.source, Words: say{}}); err == nil {
		t.Fatal("it is taken")
	}
	v = newTown(t, to(h, "duty"))
	v.open()
	if _, err := v.n.book.db.ExecContext(t.Context(), "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	v.close()
	if _, err := Open(t.Context(), v.cfg, Deps{Folder: v.dir, Source: v.source, Words: say{}}); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a newer file: %v", err)
	}
	for _, name := range []string{"notices.db", "notices-queue.db", "push.key"} {
		info, err := os.Stat(filepath.Join(v.dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
