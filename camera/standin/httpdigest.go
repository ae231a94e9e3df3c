package standin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
)

// digestField finds one value of an Authorization header.
var digestField = regexp.MustCompile(`(\w+)="?([^",]*)"?`)

// admitHTTP asks for HTTP digest authentication with SHA-256 (RFC 7616) and checks
// the answer. It keeps no nonces: a stand-in guards nothing.
func (o *onvifServer) admitHTTP(w http.ResponseWriter, r *http.Request) bool {
	got := map[string]string{}
	for _, m := range digestField.FindAllStringSubmatch(r.Header.Get("Authorization"), 20) {
		got[m[1]] = m[2]
	}
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	want := hash(hash(o.camera.cfg.User+":standin:"+o.camera.password()) + ":" + got["nonce"] + ":" + got["nc"] + ":" + got["cnonce"] + ":auth:" +
		hash(r.Method+":"+r.URL.RequestURI()))
	if got["username"] == o.camera.cfg.User && subtle.ConstantTimeCompare([]byte(want), []byte(got["response"])) == 1 {
		return true
	}
	nonce := make([]byte, 8)
	_, _ = rand.Read(nonce) // never fails
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Digest realm="standin", nonce="%x", algorithm=MD5-sess, qop="auth"`, nonce))
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Digest qop="auth, auth-int", realm="standin", nonce="%x", algorithm=SHA-256, opaque="o"`, nonce))
	w.WriteHeader(http.StatusUnauthorized)
	return false
}
