package onvif

import (
	"crypto/md5" //nolint:gosec // what cameras offer: RFC 7616
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// digest is HTTP digest authentication (RFC 7616) with quality of protection
// "auth" or none.
type digest struct {
	mu                             sync.Mutex
	realm, nonce, opaque, alg, qop string
	count                          int
	known                          bool
}

// take reads a camera's challenges and keeps the strongest that it can answer.
func (d *digest) take(challenges []string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = false
	for _, c := range challenges {
		scheme, rest, _ := strings.Cut(strings.TrimSpace(c), " ")
		if !strings.EqualFold(scheme, "Digest") {
			continue
		}
		p := parameters(rest)
		alg := strings.ToUpper(p["algorithm"])
		if alg == "" {
			alg = "MD5"
		}
		if (alg != "MD5" && alg != "SHA-256") || d.known && alg == "MD5" {
			continue
		}
		qop := ""
		for q := range strings.SplitSeq(p["qop"], ",") {
			if strings.TrimSpace(q) == "auth" {
				qop = "auth"
			}
		}
		if p["qop"] != "" && qop == "" {
			continue
		}
		d.realm, d.nonce, d.opaque, d.alg, d.qop = p["realm"], p["nonce"], p["opaque"], alg, qop
		d.known, d.count = true, 0
	}
	return d.known
}

// answer adds the proof to a request, once a challenge is known.
func (d *digest) answer(req *http.Request, user, password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.known {
		return
	}
	d.count++
	fresh := make([]byte, 8)
	_, _ = rand.Read(fresh) // never fails
	client, count := hex.EncodeToString(fresh), fmt.Sprintf("%08x", d.count)
	uri := req.URL.RequestURI()
	sum := func(s string) string {
		create := md5.New
		if d.alg == "SHA-256" {
			create = sha256.New
		}
		h := create()
		h.Write([]byte(s))
		return hex.EncodeToString(h.Sum(nil))
	}
	secret, what := sum(user+":"+d.realm+":"+password), sum(req.Method+":"+uri)
	proof := sum(secret + ":" + d.nonce + ":" + what)
	if d.qop != "" {
		proof = sum(secret + ":" + d.nonce + ":" + count + ":" + client + ":" + d.qop + ":" + what)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	header := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=%s`,
		quote(user), quote(d.realm), quote(d.nonce), quote(uri), proof, d.alg)
	if d.qop != "" {
		header += fmt.Sprintf(`, qop=%s, nc=%s, cnonce="%s"`, d.qop, count, client)
	}
	if d.opaque != "" {
		header += fmt.Sprintf(`, opaque="%s"`, quote(d.opaque))
	}
	req.Header.Set("Authorization", header)
}

// parameters reads name=value pairs, quoted or not, separated by commas.
func parameters(s string) map[string]string {
	out := map[string]string{}
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, ", \t") {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		var value string
		if rest = strings.TrimLeft(rest, " "); strings.HasPrefix(rest, `"`) {
			value, rest = quoted(rest[1:])
		} else if i := strings.IndexByte(rest, ','); i >= 0 {
			value, rest = rest[:i], rest[i:]
		} else {
			value, rest = rest, ""
		}
		out[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		s = rest
	}
	return out
}

// quoted reads up to the closing quote.
func quoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
