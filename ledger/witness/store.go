package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"polity/city"
	"polity/internal/durable"
)

// Store keeps the newest checkpoint of each log that was cosigned. Save returns nil only
// when the checkpoint survives a loss of power; after an error the old one or the new
// one is there, whole.
type Store interface {
	// Load returns the copies that there are, none for a log that is new.
	Load(origin string) ([][]byte, error)
	Save(origin string, signed []byte) error
	// Keep stores proof of a fork under a name that it makes, once.
	Keep(origin string, size int64, proof []byte) error
}

// Hash names a log in addresses and files: SHA-256 of its origin in hexadecimal (C2SP
// tlog-witness).
func Hash(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

// maxForks bounds how many proofs of forks are kept.
const maxForks = 100

// folders is a Store in one folder or in two. What is in the second is written first.
type folders struct {
	names []string
	lock  *os.File
}

// openFolders makes the folders, and holds the first one for this process alone.
func openFolders(names ...string) (*folders, error) {
	for _, n := range names {
		if err := os.MkdirAll(n, 0o700); err != nil {
			return nil, fmt.Errorf("folder of the witness: %w", err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(names[0], "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("folder of the witness: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(city.Errorf(city.Conflict, "another witness runs on %s; two would sign two truths", names[0]), lock.Close())
	}
	return &folders{names, lock}, nil
}

// Close lets another process have the folders.
func (f *folders) Close() error {
	// Closing is not enough: a program that is just being started holds a copy of the
	// descriptor, and the lock with it, until it runs.
	return errors.Join(syscall.Flock(int(f.lock.Fd()), syscall.LOCK_UN), f.lock.Close())
}

func (f *folders) path(folder, origin string) string {
	return filepath.Join(folder, Hash(origin)+".checkpoint")
}

func (f *folders) Load(origin string) (copies [][]byte, err error) {
	for _, folder := range f.names {
		file, err := os.Open(f.path(folder, origin))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(file, MaxCheckpoint+1))
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		copies = append(copies, data)
	}
	return copies, nil
}

func (f *folders) Save(origin string, signed []byte) error {
	for _, folder := range slices.Backward(f.names) {
		if err := durable.WriteFile(f.path(folder, origin), signed, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (f *folders) Keep(origin string, size int64, proof []byte) error {
	name := filepath.Join(f.names[0], fmt.Sprintf("%s-%d.fork", Hash(origin), size))
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	if kept, _ := filepath.Glob(filepath.Join(f.names[0], "*.fork")); len(kept) >= maxForks {
		return nil
	}
	return durable.WriteFile(name, proof, 0o600)
}
