package order_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"polity/room/order"
)

// writerArg makes this binary a program that makes and accepts orders in the file of its
// second argument, and says what was acknowledged, until it is killed.
const writerArg = "write-until-killed"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == writerArg {
		writeUntilKilled(os.Args[2])
	}
	os.Exit(m.Run())
}

func writeUntilKilled(path string) {
	ctx := context.Background()
	b, err := order.Open(ctx, order.Config{Path: path, Decider: rules{}, Roster: roster()})
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		draft := leak()
		draft.Assigned = toAnna
		o, err := b.Make(ctx, water, fmt.Sprintf("make-%d-%010d", os.Getpid(), n), draft)
		if err != nil {
			panic(err)
		}
		fmt.Println(o.ID, order.Given)
		if _, err := b.Do(ctx, anna, fmt.Sprintf("take-%d-%010d", os.Getpid(), n), o.ID, order.Step{To: order.Accepted}); err != nil {
			panic(err)
		}
		fmt.Println(o.ID, order.Accepted)
	}
}

func TestWhatWasAcknowledgedSurvivesKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.db")
	state := map[string]order.State{}
	for round := range 3 {
		cmd := exec.Command(os.Args[0], writerArg, path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			id, s, _ := strings.Cut(strings.TrimSpace(line), " ")
			state[id] = order.State(s)
			if n == 11+6*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
	}
	b, _ := open(t, path)
	for id, s := range state {
		o, err := b.Get(t.Context(), water, id)
		if err != nil || (o.State != s && o.State != order.Accepted) {
			t.Errorf("%s was acknowledged as %s and is %s, %v", id, s, o.State, err)
		}
		accepted := len(o.Timeline) - 2
		if want := map[order.State]int{order.Given: 0, order.Accepted: 1}[o.State]; accepted != want {
			t.Errorf("%s is %s with %d entries of acceptance", id, o.State, accepted)
		}
	}
	if len(state) < 15 {
		t.Errorf("only %d orders were acknowledged", len(state))
	}
}
