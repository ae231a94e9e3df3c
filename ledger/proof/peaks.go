package proof

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Peaks are the full subtrees of a growing tree, the largest first (RFC 6962, 2.1): all
// that its root needs. The zero value is the empty tree.
type Peaks struct {
	n    int64
	list []tlog.Hash
}

// N is the size of the tree.
func (p *Peaks) N() int64 { return p.n }

// Add adds a leaf by its hash.
func (p *Peaks) Add(h tlog.Hash) {
	p.list = append(p.list, h)
	p.n++
	for n := p.n; n%2 == 0; n /= 2 {
		last := len(p.list) - 1
		p.list[last-1] = tlog.NodeHash(p.list[last-1], p.list[last])
		p.list = p.list[:last]
	}
}

// Clone returns a tree that grows by itself from here on.
func (p *Peaks) Clone() Peaks { return Peaks{p.n, slices.Clone(p.list)} }

// Root is the hash of the tree.
func (p *Peaks) Root() tlog.Hash {
	if len(p.list) == 0 {
		h, _ := tlog.TreeHash(0, nil) //nolint:errcheck // an empty tree reads nothing
		return h
	}
	h := p.list[len(p.list)-1]
	for i := len(p.list) - 2; i >= 0; i-- {
		h = tlog.NodeHash(p.list[i], h)
	}
	return h
}
