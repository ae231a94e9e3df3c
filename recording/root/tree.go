// Package root sums up an hour of one camera's segments in one hash for the public log,
// and proves that a segment was among them (RFC 6962, 2.1; docs/formats/segment.md).
package root

import (
	"crypto/sha256"
	"math/bits"

	"polity/city"
)

// Hash is a hash of the tree or a leaf's content.
type Hash = [32]byte

func leaf(h Hash) Hash { return sha256.Sum256(append([]byte{0}, h[:]...)) }

func node(left, right Hash) Hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// split is the largest power of two below n, for n of at least 2.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

// Of returns the root of the tree over segment hashes in order. That of none is SHA-256
// of nothing.
func Of(segments []Hash) Hash {
	switch n := len(segments); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaf(segments[0])
	default:
		k := split(n)
		return node(Of(segments[:k]), Of(segments[k:]))
	}
}

// Proof returns what proves that the i-th of the segments is under their root: the
// hashes beside its way up. i is within the segments.
func Proof(segments []Hash, i int) []Hash {
	n := len(segments)
	if n < 2 {
		return nil
	}
	k := split(n)
	if i < k {
		return append(Proof(segments[:k], i), Of(segments[k:]))
	}
	return append(Proof(segments[k:], i-k), Of(segments[:k]))
}

// Verify checks a proof that a segment is the i-th of n under a root. The error is of
// kind Invalid.
func Verify(root Hash, n, i int, segment Hash, proof []Hash) error {
	if i < 0 || i >= n {
		return city.Errorf(city.Invalid, "segment %d of %d in its hour: there is no such one", i, n)
	}
	got, rest, ok := climb(leaf(segment), n, i, proof)
	if !ok || len(rest) > 0 || got != root {
		return city.Errorf(city.Invalid, "the segment is not the one that the public log has as number %d of its hour", i)
	}
	return nil
}

func climb(h Hash, n, i int, proof []Hash) (Hash, []Hash, bool) {
	if n == 1 {
		return h, proof, true
	}
	k, ok := split(n), false
	if i < k {
		h, proof, ok = climb(h, k, i, proof)
	} else {
		h, proof, ok = climb(h, n-k, i-k, proof)
	}
	if !ok || len(proof) == 0 {
		return h, nil, false
	}
	if i < k {
		return node(h, proof[0]), proof[1:], true
	}
	return node(proof[0], h), proof[1:], true
}
