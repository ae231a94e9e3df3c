package webpush

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := b64.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExampleOfRFC8291 is section 5 and appendix A of the RFC.
func TestExampleOfRFC8291(t *testing.T) {
	sender, err := ecdh.P256().NewPrivateKey(bytesOf(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	to := Keys{
		P256DH: bytesOf(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
		Auth:   bytesOf(t, "BTBZMqHH6r4Tts7J_aSIgg"),
	}
	got, err := encrypt(to, []byte("When I grow up, I want to be a watermelon"), 0, sender, bytesOf(t, "DGv6ra1nlYgDCS1FRnbzlw"))
	if err != nil {
		t.Fatal(err)
	}
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if b64.EncodeToString(got) != want {
		t.Errorf("got  %s\nwant %s", b64.EncodeToString(got), want)
	}
}

// verify checks a JWS of ES256.
func verify(token string, public []byte) bool {
	at := strings.LastIndexByte(token, '.')
	signature, err := b64.DecodeString(token[at+1:])
	if err != nil || len(signature) != 64 {
		return false
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(token[:at]))
	return ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

// TestExampleOfRFC8292 is section 2.4 of the RFC: what is signed is made byte for byte,
// and the check by which our own signatures are judged takes the RFC's.
func TestExampleOfRFC8292(t *testing.T) {
	const token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA"
	const key = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
	if !verify(token, bytesOf(t, key)) {
		t.Fatal("the RFC's own signature does not pass the check")
	}
	s, err := OpenSigner(filepath.Join(t.TempDir(), "push.key"), "mailto:push@example.com")
	if err != nil {
		t.Fatal(err)
	}
	endpoint, _ := url.Parse("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV")
	header, err := s.Authorization(endpoint, time.Unix(1453523768, 0).Add(-validFor))
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(header, "vapid t=")
	mine, k, ok2 := strings.Cut(rest, ", k=")
	if !ok || !ok2 || k != s.Public() {
		t.Fatalf("the header is %s", header)
	}
	if mine[:strings.LastIndexByte(mine, '.')] != token[:strings.LastIndexByte(token, '.')] {
		t.Errorf("signed is %s", mine)
	}
	if !verify(mine, bytesOf(t, k)) || verify(mine, bytesOf(t, key)) {
		t.Error("the signature is not that of the key")
	}
}

// open is Encrypt's other side, for tests.
func open(t *testing.T, receiver *ecdh.PrivateKey, auth, body []byte) string {
	t.Helper()
	text, err := Decrypt(receiver, auth, body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachMessageIsEncryptedAnew(t *testing.T) {
	receiver, err := ecdh.P256().GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	to := Keys{receiver.PublicKey().Bytes(), []byte("0123456789abcdef")}
	for _, plain := range []string{"", "short", strings.Repeat("x", 511), strings.Repeat("x", 512), strings.Repeat("x", MaxPlain)} {
		one, err1 := Encrypt(to, []byte(plain))
		two, err2 := Encrypt(to, []byte(plain))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if string(one) == string(two) || len(one) > recordSize {
			t.Errorf("%d bytes: twice the same, or %d bytes", len(plain), len(one))
		}
		if got := open(t, receiver, to.Auth, one); got != plain {
			t.Errorf("%q became %q", plain, got)
		}
	}
	short, _ := Encrypt(to, []byte("Flood"))
	long, _ := Encrypt(to, []byte("Crowding at the square"))
	if len(short) != len(long) {
		t.Error("the length tells which message it is")
	}
	if _, err := Encrypt(to, make([]byte, MaxPlain+1)); err == nil {
		t.Error("a message that is too long is taken")
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "push.key")
	one, err := OpenSigner(path, "")
	if err != nil {
		t.Fatal(err)
	}
	two, err := OpenSigner(path, "")
	if err != nil || one.Public() != two.Public() {
		t.Fatalf("another key after a restart: %v", err)
	}
	for name, break_ := range brokenKeys(path) {
		if err := break_(); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSigner(path, ""); err == nil || strings.Contains(err.Error(), "no such file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClaimsAreJSON(t *testing.T) {
	s, err := OpenSigner(filepath.Join(t.TempDir(), "push.key"), `https://city.example/"contact"`)
	if err != nil {
		t.Fatal(err)
	}
	endpoint, _ := url.Parse("https://push.example.net:8443/x")
	header, err := s.Authorization(endpoint, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(bytesOf(t, strings.Split(header, ".")[1]), &claims); err != nil || claims["aud"] != "https://push.example.net:8443" {
		t.Errorf("%v, %v", claims, err)
	}
}
