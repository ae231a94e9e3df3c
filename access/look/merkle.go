package look

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// root is the Merkle tree hash of RFC 9162, section 2.1.1.
func root(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	}
	k := 1 // the greatest power of two that is less than their number
	for 2*k < len(leaves) {
		k *= 2
	}
	return Hash(tlog.NodeHash(tlog.Hash(root(leaves[:k])), tlog.Hash(root(leaves[k:]))))
}

func leaf(d *Detail) Hash {
	line := encode(d)
	return Hash(tlog.RecordHash(line[:len(line)-1]))
}
