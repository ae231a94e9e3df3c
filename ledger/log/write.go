package log

import (
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
)

// flight is an entry on its way to the disk.
type flight struct {
	data  []byte
	key   short
	done  chan struct{}
	index int64
	err   error
}

// short is the first half of a leaf hash: no two entries that anyone can make share it.
type short [16]byte

func shorten(h tlog.Hash) short { return short(h[:16]) }

// add queues bytes for the disk, unless they are on it or on their way.
func (l *Log) add(data []byte) (*flight, error) {
	key := shorten(tlog.RecordHash(data))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, city.Errorf(city.Unavailable, "the log is closed")
	}
	if index, ok := l.known[key]; ok && l.sure {
		f := &flight{done: make(chan struct{}), index: index}
		close(f.done)
		return f, nil
	}
	if f, ok := l.flights[key]; ok {
		return f, nil
	}
	f := &flight{data: data, key: key, done: make(chan struct{})}
	l.flights[key] = f
	l.queue = append(l.queue, f)
	ring(l.queued)
	return f, nil
}

// ring wakes the one who waits on c, now or when he looks next.
func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// writeAll writes what is queued, until the log is closed and nothing is.
func (l *Log) writeAll() {
	for {
		select {
		case <-l.queued:
			l.gather()
		case <-l.closing:
		}
		for l.writeSome() {
		}
		select {
		case <-l.closing:
			return
		default:
		}
	}
}

// gather waits for more entries, so that they share the disk's time.
func (l *Log) gather() {
	end := time.NewTimer(l.cfg.Batch)
	defer end.Stop()
	for {
		l.mu.Lock()
		enough := len(l.queue) >= batchSize
		l.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-l.queued:
		case <-end.C:
			return
		case <-l.closing:
			return
		}
	}
}

// writeSome writes the next entries that are queued, and says whether there were any.
func (l *Log) writeSome() bool {
	l.mu.Lock()
	batch := l.queue[:min(len(l.queue), batchSize)]
	l.queue = l.queue[len(batch):]
	l.mu.Unlock()
	if len(batch) == 0 {
		return false
	}
	l.folder.mu.Lock()
	batch, from, err := l.write(batch)
	l.folder.mu.Unlock()
	l.mu.Lock()
	l.failure = err
	for i, f := range batch {
		if err != nil {
			f.err = city.Errorf(city.Unavailable, "the log could not write the entry: %w; nothing is lost, append it again once the disk is well", err)
		} else {
			f.index = from + int64(i)
			l.known[f.key] = f.index
		}
		delete(l.flights, f.key)
		close(f.done)
	}
	l.mu.Unlock()
	ring(l.grown)
	return true
}

// write puts entries on the disk, from an index on. Those that turn out to stand there
// already are done and not among what it returns.
func (l *Log) write(batch []*flight) ([]*flight, int64, error) {
	root, known, err := l.folder.open()
	l.ready(known, err)
	if err != nil {
		return batch, 0, err
	}
	defer root.Close() //nolint:errcheck // it is a folder
	batch = l.landed(batch)
	from := l.folder.tree.size()
	list := make([][]byte, len(batch))
	for i, f := range batch {
		list[i] = f.data
	}
	if len(list) > 0 {
		err = l.folder.append(root, list)
	}
	l.size.Store(l.folder.tree.size())
	return batch, from, err
}

// landed ends those flights whose entries are known by now, such as of a write that came
// through though it seemed to have failed, and returns the others.
func (l *Log) landed(batch []*flight) (rest []*flight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range batch {
		index, ok := l.known[f.key]
		if !ok {
			rest = append(rest, f)
			continue
		}
		f.index = index
		delete(l.flights, f.key)
		close(f.done)
	}
	return rest
}

// ready notes whether the folder could be opened, and what it turned out to hold. The
// folder's mu is held: nothing is appended before what is in it is known.
func (l *Log) ready(known map[short]int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away, l.sure = err, l.folder.settled
	if known != nil {
		l.known = known
	}
}

// unwell says what is wrong with the log's disk; nil: nothing that is known.
func (l *Log) unwell() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away != nil {
		return l.away
	}
	if l.failure != nil {
		return city.Errorf(city.Unavailable, "the last entry could not be written: %w", l.failure)
	}
	return nil
}
