package main

import (
	"bytes"
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
	"time"

	"polity/bench/harness"
	"polity/bench/harness/cityhub"
)

// instances of an answer about the past: the suite asks for pages of histories of
// forty.
const instances = 30

// settings of the hub apart from those that every benchmark's has.
var settings = fmt.Sprintf(`  ngsi_ld:
    instances: %d
    contexts: {fetch: true, hosts: ["127.0.0.1"]}
    notify: {hosts: ["127.0.0.1"]}
    sources: {hosts: ["127.0.0.1"]}
`, instances)

// robotTime bounds a group.
const robotTime = 40 * time.Minute

// runGroup runs one group with a hub of its own in dir, or one for each of its
// folders.
func runGroup(ctx context.Context, r *harness.Run, g group, suite, dir string) ([]testCase, error) {
	if !g.apart {
		return runFolders(ctx, r, g, suite, dir)
	}
	folders, err := withCases(filepath.Join(suite, "TP", "NGSI-LD"), g.folders)
	if err != nil {
		return nil, err
	}
	var out []testCase
	for i, f := range folders {
		one := g
		one.folders = []string{f}
		got, err := runFolders(ctx, r, one, suite, filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, got...)
	}
	return out, nil
}

// withCases lists the folders below some that hold cases themselves.
func withCases(root string, below []string) ([]string, error) {
	var out []string
	for _, b := range below {
		err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(b)), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) != ".robot" {
				return err
			}
			rel, err := filepath.Rel(root, filepath.Dir(name))
			if err == nil && !slices.Contains(out, rel) {
				out = append(out, rel)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func runFolders(ctx context.Context, r *harness.Run, g group, suite, dir string) ([]testCase, error) {
	python, err := filepath.Abs(filepath.Join(".cache", "venv", "conformance-ngsi-ld", "bin", "python"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(python); err != nil {
		return nil, errors.New("robot framework is not set up: run 'setup/setup bench conformance-ngsi-ld'")
	}
	contexts, stopContexts, err := serveContexts(suite)
	if err != nil {
		return nil, err
	}
	defer stopContexts()
	ports, err := cityhub.FreePorts(5)
	if err != nil {
		return nil, err
	}
	p := place{hub: ports[0], contexts: contexts, notify: ports[1], source: ports[2], served: ports[3], mqttOther: ports[4]}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	edited := filepath.Join(dir, "suite")
	if err := copySuite(suite, edited, p); err != nil {
		return nil, fmt.Errorf("copy the suite: %w", err)
	}
	if g.mqtt {
		stop, err := startBroker(p.mqttOther)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	path, err := noDocker(filepath.Join(dir, "path"))
	if err != nil {
		return nil, err
	}
	hub, err := cityhub.Start(ctx, filepath.Join(dir, "hub"), p.hub, settings)
	if err != nil {
		return nil, err
	}
	defer hub.Stop()
	args := []string{"-m", "robot", "--outputdir", dir, "--log", "NONE", "--report", "NONE", "--console", "quiet"}
	if test := r.Text("TEST"); test != "" {
		args = append(args, "--test", test, "--runemptysuite")
	}
	for _, f := range g.folders {
		args = append(args, filepath.Join("TP", "NGSI-LD", filepath.FromSlash(f)))
	}
	limited, cancel := context.WithTimeout(ctx, robotTime)
	defer cancel()
	cmd := exec.CommandContext(limited, python, args...) //nolint:gosec // our own list
	cmd.Dir = edited
	cmd.Env = append(os.Environ(), "PATH="+path)
	if g.stubs {
		cmd.Env = append(cmd.Env, "PYTHONPATH="+filepath.Join(edited, "libraries", "robotframework-httpctrl", "src"))
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	var failed *exec.ExitError
	if err != nil && (!errors.As(err, &failed) || failed.ExitCode() > 250) {
		return nil, fmt.Errorf("robot: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return readOutput(filepath.Join(dir, "output.xml"), r.Text("TEST") != "")
}
