package edge

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/recording/share"
)

// maxProofs bounds the files that are looked at: 90 days of 50 classes of both bodies.
const maxProofs = 9000

// epochKeys are the epoch keys of a folder of proofs (docs/formats/ledger.md), *.proof. A
// key counts only if a rostered device of its body signed it, and it stands in the public
// log under a checkpoint that a quorum of witnesses cosigned. Of two for one body, class and
// day the one that was logged first counts. It may be used by many goroutines.
type epochKeys struct {
	dir     string
	rosters *rosters

	mu   sync.Mutex
	seen map[string]int64 // files by name, with the time of their last change
	keys map[keyName]loggedKey
}

type keyName struct {
	body  share.Body
	class city.Slug
	day   string
}

type loggedKey struct {
	share.EpochKey

	index int64 // in the log
}

func newEpochKeys(dir string, r *rosters) *epochKeys {
	return &epochKeys{dir: dir, rosters: r, seen: map[string]int64{}, keys: map[keyName]loggedKey{}}
}

// Key implements share.KeySource.
func (k *epochKeys) Key(_ context.Context, body share.Body, class city.Slug, day string) (share.EpochKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, ok := k.keys[keyName{body, class, day}]
	if !ok {
		return share.EpochKey{}, city.Errorf(city.NotFound, "no proof of such a key is in %s", k.dir)
	}
	return found.EpochKey, nil
}

// refresh reads files that are new or changed. What is wrong with a file is told, and
// does not stop the others.
func (k *epochKeys) refresh(wrong func(file string, err error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.readNew(wrong)
}

// readNew is refresh under the lock.
func (k *epochKeys) readNew(wrong func(file string, err error)) error {
	files, err := os.ReadDir(k.dir)
	if err != nil {
		return fmt.Errorf("proofs of epoch keys: %w", err)
	}
	if len(files) > maxProofs {
		return city.Errorf(city.TooLarge, "%s has %d files; %d are looked at: remove those of days past", k.dir, len(files), maxProofs)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || !strings.HasSuffix(f.Name(), ".proof") || k.seen[f.Name()] == info.ModTime().UnixNano() {
			continue
		}
		k.seen[f.Name()] = info.ModTime().UnixNano()
		if err := k.read(f.Name(), info.Size()); err != nil {
			wrong(f.Name(), err)
		}
	}
	return nil
}

// renew reads all files anew, under a roster that came: keys of devices that it does not
// have count no more.
func (k *epochKeys) renew(wrong func(file string, err error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.seen)
	clear(k.keys)
	return k.readNew(wrong)
}

// read takes one file's key. The lock is held.
func (k *epochKeys) read(name string, size int64) error {
	if size > proof.MaxSize {
		return city.Errorf(city.TooLarge, "a proof has %d bytes at most", proof.MaxSize)
	}
	text, err := os.ReadFile(filepath.Join(k.dir, name))
	if err != nil {
		return err
	}
	key, err := k.check(text)
	if err != nil {
		return err
	}
	id := keyName{key.Body, key.Class, key.Day}
	if before, ok := k.keys[id]; ok && before.index <= key.index {
		if before.ID != key.ID {
			return city.Errorf(city.Conflict, "another key of %s for %s, class %s, was logged before it; that one counts", key.Body, key.Day, key.Class)
		}
		return nil
	}
	k.keys[id] = key
	return nil
}

// check checks a proof: the entry's signature by a device of the newest roster, its
// inclusion under a checkpoint that a quorum of that roster or an earlier one cosigned.
func (k *epochKeys) check(text []byte) (key loggedKey, err error) {
	p, err := proof.ParseInclusion(text)
	if err != nil {
		return key, err
	}
	chain := k.rosters.all()
	newest := &chain[len(chain)-1].Roster
	e, _, err := p.Check(newest)
	for i := len(chain) - 2; i >= 0 && err != nil; i-- {
		var other error
		if e, _, other = p.Check(&chain[i].Roster); other == nil {
			err = nil
		}
	}
	if err != nil {
		return key, err
	}
	logged, ok := e.(*entry.EpochKey)
	if !ok {
		return key, city.Errorf(city.Invalid, "it proves another entry than an epoch key")
	}
	if err := entry.Verify(logged, newest); err != nil {
		return key, err
	}
	key.index = p.Index
	key.EpochKey, err = share.NewEpochKey(share.Body(logged.Body), logged.Class, string(logged.Day), logged.Key)
	return key, err
}

// isNews says whether a key is one that is not known, or was logged before the one that is.
func (k *epochKeys) isNews(key loggedKey) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, ok := k.keys[keyName{key.Body, key.Class, key.Day}]
	return !ok || key.index < before.index
}
