package witness

import (
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
)

// maxProof is how many hashes a consistency proof has at most (C2SP tlog-witness).
const maxProof = 63

// maxRequest bounds the body of add-checkpoint, in bytes.
const maxRequest = MaxCheckpoint + 8<<10

// request is the body of add-checkpoint.
type request struct {
	old    int64
	proof  tlog.TreeProof
	signed []byte // the checkpoint with its signatures
}

// parseRequest reads foreign bytes. Errors are of kind Invalid.
func parseRequest(body []byte) (request, error) {
	var r request
	head, signed, ok := strings.Cut(string(body), "\n\n")
	if !ok {
		return r, city.Errorf(city.Invalid, "the empty line before the checkpoint is missing")
	}
	lines := strings.Split(head, "\n")
	text, ok := strings.CutPrefix(lines[0], "old ")
	if !ok {
		return r, city.Errorf(city.Invalid, "the first line has to be: old SIZE")
	}
	var err error
	if r.old, err = checkpoint.ParseSize(text); err != nil {
		return r, city.Errorf(city.Invalid, "old: %w", err)
	}
	if len(lines)-1 > maxProof {
		return r, city.Errorf(city.Invalid, "a proof has at most %d hashes", maxProof)
	}
	for _, l := range lines[1:] {
		h, err := checkpoint.ParseHash(l)
		if err != nil {
			return r, city.Errorf(city.Invalid, "proof: %w", err)
		}
		r.proof = append(r.proof, h)
	}
	if len(signed) > MaxCheckpoint {
		return r, city.Errorf(city.Invalid, "a checkpoint has at most %d bytes", MaxCheckpoint)
	}
	r.signed = []byte(signed)
	return r, nil
}
