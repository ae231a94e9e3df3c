package mirror_test

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // the protocol's
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is as much of S3 as is used: objects of one bucket, in memory.
type server struct {
	mu      sync.Mutex
	objects map[string][]byte
	puts    int
	refuse  func(puts int) bool // whether this Put fails
}

func newServer(t *testing.T) (*server, string) {
	t.Helper()
	s := &server{objects: map[string][]byte{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=polity/") {
		s.fail(w, http.StatusForbidden, "AccessDenied")
		return
	}
	key, ok := strings.CutPrefix(r.URL.Path, "/recordings/")
	switch {
	case !ok:
		s.fail(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodGet && key == "":
		s.list(w, r.URL.Query().Get("prefix"))
	case r.Method == http.MethodPut:
		s.put(w, r, key)
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		s.fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func (s *server) fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, code)
}

func (s *server) put(w http.ResponseWriter, r *http.Request, key string) {
	s.puts++
	body, err := io.ReadAll(r.Body)
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") && err == nil {
		body, err = unchunk(body)
	}
	sum := md5.Sum(body) //nolint:gosec // the protocol's
	switch {
	case err != nil || s.refuse != nil && s.refuse(s.puts):
		s.fail(w, http.StatusBadRequest, "IncompleteBody")
	case r.Header.Get("Content-Md5") != base64.StdEncoding.EncodeToString(sum[:]):
		s.fail(w, http.StatusBadRequest, "BadDigest")
	default:
		s.objects[key] = body
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sum))
	}
}

// unchunk takes the signed chunks of AWS's streaming form apart.
func unchunk(b []byte) (out []byte, err error) {
	r := bufio.NewReader(bytes.NewReader(b))
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 64)
		if err != nil || n == 0 {
			return out, err
		}
		part := make([]byte, n+2)
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
		out = append(out, part[:n]...)
	}
}

func (s *server) list(w http.ResponseWriter, prefix string) {
	type object struct {
		Key          string
		Size         int
		LastModified string
		ETag         string
	}
	var answer struct {
		XMLName     xml.Name `xml:"ListBucketResult"`
		IsTruncated bool
		Contents    []object
	}
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(key, prefix) {
			answer.Contents = append(answer.Contents, object{key, len(s.objects[key]), time.Now().UTC().Format(time.RFC3339), `"x"`})
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	if err := xml.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}
