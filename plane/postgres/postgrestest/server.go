// Package postgrestest runs a PostgreSQL server of a test's own: on a socket in a
// folder of its own, without TCP.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Server is a server whose user postgres needs no password.
type Server struct {
	folder  string // socket, data and log
	bin     string
	owner   *syscall.Credential // nil: who runs the test
	process *os.Process
	ended   chan struct{}
	next    atomic.Int64
}

// template is the database that new ones are copied from: it has PostGIS.
const template = "with_postgis"

var (
	shared struct {
		sync.Once
		server *Server
		err    error
	}
	errMissing = errors.New("PostgreSQL 15 or later with PostGIS is not installed (Debian: postgresql-15 postgresql-15-postgis-3; setup/setup test gets them)")
)

// Main runs tests that use Shared, from TestMain, and ends its server.
func Main(m *testing.M) {
	result := m.Run()
	if shared.server != nil {
		if err := shared.server.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			result = max(result, 1)
		}
	}
	os.Exit(result)
}

// Shared returns one server for all tests of a package whose TestMain is Main.
// It skips the test where the programs are missing.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Do(func() { shared.server, shared.err = start("") })
	check(t, shared.err)
	return shared.server
}

// Start returns a server of the test's own, which ends with it. Its data lie in
// folder if that is given.
func Start(t testing.TB, folder string) *Server {
	t.Helper()
	s, err := start(folder)
	check(t, err)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Open is Start for programs that are no tests; Close ends the server.
func Open(folder string) (*Server, error) { return start(folder) }

// Close ends a server that Open returned.
func (s *Server) Close() error { return s.stop() }

func check(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Database makes a fresh database and returns its address.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	address, err := s.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// NewDatabase is Database for programs that are no tests.
func (s *Server) NewDatabase(ctx context.Context) (address string, err error) {
	name := fmt.Sprintf("city_%d", s.next.Add(1))
	return s.Address(name), s.exec(ctx, "postgres", "CREATE DATABASE "+name+" TEMPLATE "+template)
}

// Address returns the address of a database of the server.
func (s *Server) Address(name string) string {
	return (&url.URL{Scheme: "postgres", Path: "/" + name, RawQuery: url.Values{"host": {s.folder}, "user": {"postgres"}}.Encode()}).String()
}

// Exec runs a statement in the database at an address.
func Exec(t testing.TB, address, statement string) {
	t.Helper()
	if err := execAt(t.Context(), address, statement); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the server and all its processes at once, as when its machine stops.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	// A backend that is left lives until it sees that its postmaster is gone, and keeps the
	// next one from starting; kill them too. A postmaster that stands still makes no more.
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", s.process.Pid, s.process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Kill(); err != nil {
		t.Fatal(err)
	}
	var left []int
	for child := range bytes.FieldsSeq(children) {
		if pid, err := strconv.Atoi(string(child)); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended itself by now
			left = append(left, pid)
		}
	}
	<-s.ended
	for deadline := time.Now().Add(30 * time.Second); slices.ContainsFunc(left, holds); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a killed server's processes do not end")
		}
	}
}

// holds reports whether a process may still hold its server's shared memory: one that has
// ended does not, whether or not somebody asked how.
func holds(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, found := bytes.Cut(stat, []byte(") "))
	return err == nil && found && !bytes.HasPrefix(state, []byte("Z")) && !bytes.HasPrefix(state, []byte("X"))
}

// Revive starts the server again if it has ended by itself, as one does that found no room
// to recover in.
func (s *Server) Revive(t testing.TB) {
	t.Helper()
	select {
	case <-s.ended:
		s.Run(t)
	default:
	}
}

// Run starts the server again after Kill or Stop.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the server, breaking off what is under way.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.end(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

// find returns the folder of the newest server's programs.
func find() (string, error) {
	list, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	slices.SortFunc(list, func(a, b string) int { return version(b) - version(a) })
	for _, path := range list {
		if _, err := os.Stat(fmt.Sprintf("/usr/share/postgresql/%d/extension/postgis.control", version(path))); err == nil && version(path) >= 15 {
			return filepath.Dir(path), nil
		}
	}
	return "", errMissing
}

func start(folder string) (s *Server, err error) {
	s = &Server{folder: folder}
	if s.bin, err = find(); err != nil {
		return nil, err
	}
	if s.folder == "" {
		// Short, for the path of a socket has at most 107 bytes.
		if s.folder, err = os.MkdirTemp("/tmp", "polity-postgres-"); err != nil {
			return nil, err
		}
	} else if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.own(); err != nil {
		return nil, err
	}
	init := exec.Command(filepath.Join(s.bin, "initdb"), "--pgdata", s.data(), "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions") //nolint:gosec // the programs found above
	init.SysProcAttr, init.Dir = &syscall.SysProcAttr{Credential: s.owner}, s.folder
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.prepare()
}

// own gives the folder to an unprivileged user if root runs the test, for
// PostgreSQL refuses to run as root.
func (s *Server) own() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("root runs the tests, and there is no user postgres to run the server: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.folder, int(uid), int(gid))
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

func (s *Server) prepare() error {
	if err := s.run(); err != nil {
		return err
	}
	ctx, cancel := patience()
	defer cancel()
	return errors.Join(
		s.exec(ctx, "postgres", "CREATE DATABASE "+template),
		s.exec(ctx, template, "CREATE EXTENSION postgis"),
		s.exec(ctx, "postgres", "ALTER DATABASE "+template+" WITH IS_TEMPLATE true"),
	)
}

func (s *Server) stop() error {
	err := s.end(syscall.SIGQUIT)
	return errors.Join(err, os.RemoveAll(s.folder))
}

func (s *Server) end(signal os.Signal) error {
	if s.process == nil {
		return nil
	}
	err := s.process.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		err = errors.Join(errors.New("the server did not end"), s.process.Kill())
		<-s.ended
	}
	return err
}
