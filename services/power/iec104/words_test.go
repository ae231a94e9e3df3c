package iec104

import (
	"strings"
	"testing"
)

func TestFramesInWords(t *testing.T) {
	for text, want := range map[string]string{
		"68 04 07 00 00 00": "U  start transfer",
		"68 04 01 00 0a 00": "S  acknowledges all before 5",
		"68 0e 02 01 06 00 64 01 06 00 01 00 00 00 00 14":       "I  129/3 station 1 C_IC_NA_1, activation\n     qualifier 20",
		"68 0e 00 00 00 00 2e 01 06 00 01 00 ea 03 00 06":       "I  0/0 station 1 C_DC_NA_1, activation\n     object 1002: execute on (closed)",
		"68 0e 00 00 00 00 2d 01 47 03 01 00 e9 03 00 81":       "I  0/0 station 1 C_SC_NA_1, activation confirmed, refused\n     object 1001: select on",
		"68 10 00 00 00 00 0b 01 02 00 01 00 07 00 00 fe ff 20": "I  0/0 station 1 M_ME_NB_1, background\n     object 7: -2, substituted",
		"68 0e 00 00 00 00 7d 01 06 00 01 00 00 00 00 14":       "I  0/0 station 1 type 125, activation\n     not in the subset that is read here",
	} {
		raw := unhex(t, text)
		f, err := decodeFrame(raw[2:])
		if err != nil {
			t.Fatal(err)
		}
		lines, err := f.Describe()
		if got := strings.Join(lines, "\n"); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	short := Frame{Kind: Information, Data: []byte{0x64}}
	if _, err := short.Describe(); err == nil {
		t.Error("a message of one byte was described")
	}
}
