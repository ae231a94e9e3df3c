package segment

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"sync"

	"polity/city"
)

// Guard signs for a process that is trusted with one camera only: headers of that camera
// in order, and one trailer for the last of them. It may be used by many
// goroutines.
type Guard struct {
	Domain string
	Camera city.Slug
	By     Signer

	mu       sync.Mutex
	sequence uint64   // of the last header
	open     [32]byte // its header hash; zeros: it has its trailer
}

// Public implements Signer.
func (g *Guard) Public() ed25519.PublicKey { return g.By.Public() }

// Sign implements Signer. It refuses whatever else it is given, with an error of kind
// Forbidden.
func (g *Guard) Sign(message []byte) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b, ok := bytes.CutPrefix(message, []byte(signLabel)); ok {
		return g.header(message, b)
	}
	b, ok := bytes.CutPrefix(message, []byte(trailerLabel))
	switch {
	case !ok || len(b) != TrailerSize-ed25519.SignatureSize || string(b[:8]) != trailerMark:
		return nil, city.Errorf(city.Forbidden, "camera %s: it is for headers and trailers of segments only that the recorder signs", g.Camera)
	case g.open == [32]byte{} || [32]byte(b[12:44]) != g.open:
		return nil, city.Errorf(city.Forbidden, "camera %s: a trailer of another segment than the one that is open", g.Camera)
	}
	signature, err := g.By.Sign(message)
	if err == nil {
		g.open = [32]byte{}
	}
	return signature, err
}

func (g *Guard) header(message, b []byte) ([]byte, error) {
	if len(b) < prefix || string(b[:8]) != headerMark || binary.BigEndian.Uint16(b[8:]) != Version || int(binary.BigEndian.Uint16(b[10:])) != len(b)-prefix+ed25519.SignatureSize {
		return nil, city.Errorf(city.Forbidden, "camera %s: what was to be signed is no header of a segment", g.Camera)
	}
	var h Header
	if err := h.parse(b[prefix:]); err != nil {
		return nil, city.Errorf(city.Forbidden, "camera %s: %w", g.Camera, err)
	}
	switch {
	case h.Camera != g.Camera || h.Domain != g.Domain:
		return nil, city.Errorf(city.Forbidden, "camera %s: a segment of camera %s of %s was to be signed", g.Camera, h.Camera, h.Domain)
	case h.Sequence < g.sequence:
		return nil, city.Errorf(city.Forbidden, "camera %s: segment %d was to be signed after %d", g.Camera, h.Sequence, g.sequence)
	case h.Recorder != [32]byte(g.By.Public()):
		return nil, city.Errorf(city.Forbidden, "camera %s: a segment of another recorder was to be signed", g.Camera)
	}
	signature, err := g.By.Sign(message)
	if err == nil {
		g.sequence = h.Sequence
		g.open = (&Header{raw: append(bytes.Clone(b), signature...)}).Hash()
	}
	return signature, err
}
