package detect

import (
	"bufio"
	"errors"
	"io"
)

// Network computes the outputs that [Read] takes, for an input as the protocol
// carries it. It may be called from several goroutines at once. The outputs hold
// until use returns.
type Network interface {
	Run(picture []byte, size Size, use func(outputs [][]float32) error) error
}

// Server answers the requests of many cameras with one network.
type Server struct {
	network Network
	hash    [32]byte
	turns   chan struct{}
}

// NewServer returns a server that runs the network at most parallel times at once;
// hash is the SHA-256 of its file.
func NewServer(network Network, hash [32]byte, parallel int) *Server {
	return &Server{network: network, hash: hash, turns: make(chan struct{}, max(1, parallel))}
}

// Serve answers the requests of one camera until it closes the connection. Cameras
// that ask at the same time take turns.
func (s *Server) Serve(r io.Reader, w io.Writer) error {
	if _, err := w.Write(appendGreeting(nil, s.hash)); err != nil {
		return err
	}
	var picture, answer []byte
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		q, err := readRequest(in, picture)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		picture = q.picture
		boxes, err := s.find(q)
		answer = answer[:0]
		if err != nil { // a network that fails on one picture may do the next
			answer = appendFailure(answer, q.number)
		} else {
			answer = appendAnswer(answer, q.number, boxes)
		}
		if _, err := w.Write(answer); err != nil {
			return err
		}
	}
}

func (s *Server) find(q request) (boxes []Box, err error) {
	s.turns <- struct{}{}
	defer func() { <-s.turns }()
	err = s.network.Run(q.picture, q.size, func(outputs [][]float32) error {
		boxes, err = Read(outputs, q.size, q.threshold)
		return err
	})
	return boxes, err
}
