package size_test

import (
	"testing"

	"polity/internal/size"
)

func TestBytes(t *testing.T) {
	for text, want := range map[string]size.Bytes{
		"500MB": 500_000_000, "20GiB": 20 << 30, "1.5 KiB": 1536, "0B": 0, "7kB": 7000, "1TB": 1e12, " 3 MiB ": 3 << 20,
	} {
		var got size.Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
		var again size.Bytes
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q is written %q and read as %d", text, got, again)
		}
	}
	for _, text := range []string{"", "20", "GB", "-1GB", "NaNGB", "1e30TB", "twenty GB", "1 GB more"} {
		var got size.Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}
