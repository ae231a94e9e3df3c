package rest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Media types.
const (
	JSON    = "application/json"
	GeoJSON = "application/geo+json" // RFC 7946
	CSV     = "text/csv"             // RFC 4180
	details = "application/problem+json"
)

var formats = map[string]string{"json": JSON, "geojson": GeoJSON, "csv": CSV}

// negotiate picks the media type of the answer (RFC 9110, 12.5.1).
func (r *request) negotiate() (string, error) {
	if f := r.values.words["format"]; f != "" {
		return formats[f], nil
	}
	offers := r.route.media
	header := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" || len(offers) == 0 {
		return slices.Concat(offers, []string{""})[0], nil
	}
	best, found := 0.0, ""
	for _, offer := range offers {
		if q := quality(header, offer); q > best {
			best, found = q, offer
		}
	}
	if found == "" {
		return "", refuse(http.StatusNotAcceptable, "none of %.200q can be given here; there is %s", header, strings.Join(offers, ", "))
	}
	return found, nil
}

// quality is how much a header wants a media type: the most precise range counts.
func quality(header, offer string) float64 {
	kind, _, _ := strings.Cut(offer, "/")
	best, precise := 0.0, -1
	for part := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(part, ";")
		how := slices.Index([]string{"*/*", kind + "/*", offer}, strings.ToLower(strings.TrimSpace(name)))
		if how < 0 || how < precise {
			continue
		}
		precise, best = how, weight(rest)
	}
	return best
}

func weight(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		if text, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(p)), "q="); ok {
			q, err := strconv.ParseFloat(text, 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}

// maxAnswer bounds an answer before compression.
const maxAnswer = 32 << 20

// digest is what entity tags are made of.
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:12])
}

// answer writes a body with its entity tag, or that the reader has it already. The tag
// names the content, then what it is written as: one of JSON is a precondition of
// changes.
func (r *request) answer(status int, body []byte, of string) error {
	if len(body) > maxAnswer {
		return refuse(http.StatusRequestEntityTooLarge, "the answer would have more than %d MiB; ask for fewer with limit, or for less time", maxAnswer>>20)
	}
	h := r.w.Header()
	tag, packed := of, takesGzip(r.Request) && len(body) > 1400
	switch r.accept {
	case GeoJSON:
		tag += "-geojson"
	case CSV:
		tag += "-csv"
		h.Set("Content-Disposition", `inline; filename="`+r.route.file+`.csv"`)
	}
	if packed {
		tag += "-gzip"
	}
	h.Set("ETag", `"`+tag+`"`)
	if status == http.StatusOK && listed(r.Header.Get("If-None-Match"), tag) {
		r.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	media := r.accept
	if media == CSV {
		media += "; charset=utf-8; header=present"
	}
	h.Set("Content-Type", media)
	if packed {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(body); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		h.Set("Content-Encoding", "gzip")
		body = b.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	r.w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = r.w.Write(body) // a reader that left needs no answer
	}
	return nil
}

// listed says whether a list of entity tags holds one, compared weakly.
func listed(header, tag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for part := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(part), "W/") == `"`+tag+`"` {
			return true
		}
	}
	return false
}

func takesGzip(r *http.Request) bool {
	header := strings.Join(r.Header.Values("Accept-Encoding"), ",")
	for part := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(part, ";")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "gzip" || name == "*" {
			return weight(rest) > 0
		}
	}
	return false
}

// fail answers with a problem.
func (r *request) fail(err error) {
	if r.Context().Err() != nil {
		err = refuse(http.StatusServiceUnavailable, "the answer took longer than %v to find; ask for less: a type, a box, a shorter time", Patience)
	}
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		r.s.log.Error("a request of the API failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	body, _ := json.Marshal(p) //nolint:errchkjson // texts and a number
	h := r.w.Header()
	h.Del("ETag")
	h.Del("Link")
	h.Del("Content-Disposition")
	h.Set("Content-Type", details)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	r.w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = r.w.Write(body)
	}
}
