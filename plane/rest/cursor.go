package rest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
)

// cursor is where a page ended. It is of one question only: Of is a digest of it.
type cursor struct {
	Of      string `json:"q"`
	After   string `json:"a,omitempty"` // id of an entity
	Dataset string `json:"d,omitempty"`
	Start   int64  `json:"t,omitempty"` // ms
	Length  int64  `json:"l,omitempty"` // ms
}

// question is what a cursor is of: the path and the parameters that choose, not those
// that say how to answer.
func (r *request) question() string {
	q, _ := parse(r.URL.RawQuery) // it was read before
	for _, name := range []string{"cursor", "limit", "format"} {
		q.Del(name)
	}
	sum := sha256.Sum256([]byte(r.URL.EscapedPath() + "?" + q.Encode()))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

func (c cursor) String() string {
	text, _ := json.Marshal(c) //nolint:errchkjson // texts and numbers
	return base64.RawURLEncoding.EncodeToString(text)
}

// resume reads the cursor of a request; nil if there is none.
func (r *request) resume() (*cursor, error) {
	given := r.values.words["cursor"]
	if given == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	c := &cursor{}
	text, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil || json.Unmarshal(text, c) != nil || c.Of != r.question() {
		return nil, bad("the cursor is not one of this question; begin without a cursor, or repeat the parameters with which it came")
	}
	return c, nil
}

// next is the address of the page behind a cursor, and puts it into the header Link.
func (r *request) next(c cursor) string {
	c.Of = r.question()
	q, _ := parse(r.URL.RawQuery) // it was read before
	q.Set("cursor", c.String())
	u := url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: q.Encode()}
	r.w.Header().Set("Link", "<"+u.RequestURI()+`>; rel="next"`)
	return c.String()
}
