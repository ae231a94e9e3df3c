package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"polity/camera/link/linktest"
	"polity/internal/sandbox"
	"polity/internal/testport"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	linktest.Main() // scripts run edges whose cameras are scripted
	testscript.Main(m, map[string]func(){"polity": main, "polity-get": get})
}

// get writes the page at the address of its argument. With a file behind it, it posts
// that as JSON.
func get() {
	r, err := ask(os.Args[1:])
	if err == nil {
		defer r.Body.Close()
		_, err = io.Copy(os.Stdout, r.Body)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func ask(args []string) (*http.Response, error) {
	if len(args) == 1 {
		return http.Get(args[0])
	}
	f, err := os.Open(args[1])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return http.Post(args[0], "application/json", f)
}

// TestScripts plays testdata/script: the commands as people use them.
func TestScripts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile("../../deploy/polity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"onloopback": onLoopback},
		Setup: func(env *testscript.Env) error {
			env.Setenv("STANDIN", self)
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			for _, name := range []string{"PORT1", "PORT2", "PORT3"} {
				_, port, err := net.SplitHostPort(testport.Address(t))
				if err != nil {
					return err
				}
				env.Setenv(name, port)
			}
			return os.WriteFile(env.WorkDir+"/sample.yaml", sample, 0o600)
		},
	})
}
