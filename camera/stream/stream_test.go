package stream_test

import (
	"bytes"
	"testing"

	"polity/camera/stream"
)

func TestAWipedUnitKeepsItsParameterSets(t *testing.T) {
	u := &stream.Unit{Codec: stream.H264, NALs: [][]byte{{0x67, 1, 2}, {0x68, 3}, {0x65, 4, 5}}}
	c := u.Clone()
	u.Wipe()
	if !bytes.Equal(u.NALs[0], []byte{0x67, 1, 2}) || !bytes.Equal(u.NALs[1], []byte{0x68, 3}) {
		t.Errorf("parameter sets are %v", u.NALs[:2])
	}
	if !bytes.Equal(u.NALs[2], make([]byte, 3)) {
		t.Errorf("the picture is still there: %v", u.NALs[2])
	}
	if !bytes.Equal(c.NALs[2], []byte{0x65, 4, 5}) || c.Size() != u.Size() {
		t.Errorf("the copy is %v", c.NALs)
	}
	if c.NALs[0] = append(c.NALs[0], 9); c.NALs[1][0] != 0x68 {
		t.Error("parts of a copy share room")
	}
	j := &stream.Unit{Codec: stream.MJPEG, NALs: [][]byte{{0xff, 0xd8, 1}}}
	if j.Wipe(); j.NALs[0][2] != 0 {
		t.Error("a JPEG picture is still there")
	}
}
