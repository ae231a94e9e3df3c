package casefile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/root"
	"polity/recording/share"
	"polity/release/token"
)

// Offered is a segment that the hub hands over.
type Offered struct {
	Camera     city.Slug      `json:"camera"`
	Name       string         `json:"name"`
	Sequence   uint64         `json:"sequence"`
	Start      time.Time      `json:"start"`
	Size       int64          `json:"size"`
	HeaderHash canonical.Hash `json:"header_hash"`
}

// State is what the hub says of a case.
type State struct {
	ID      canonical.Hash             `json:"id"`
	Code    string                     `json:"code"`
	Index   *int64                     `json:"index"`
	Public  bool                       `json:"public"`
	Answers map[share.Body]AnswerState `json:"answers"`
	Opened  json.RawMessage            `json:"opened,omitempty"`
}

// AnswerState is what the hub says of a body's answer.
type AnswerState struct {
	State  string `json:"state"` // waiting, approved, refused
	Reason string `json:"reason,omitempty"`
	At     string `json:"at,omitempty"`
	Count  int64  `json:"count,omitempty"`
	Public bool   `json:"public"`
	Words  string `json:"words,omitempty"`
}

// Hub is what a case asks of the city's hub. What it gives is not trusted.
type Hub interface {
	// Submit asks for footage. The same submission again is the same case.
	Submit(ctx context.Context, s []byte) error
	// State says how far the case is.
	State(ctx context.Context, id canonical.Hash) (*State, error)
	// Request writes the request file to a body.
	Request(ctx context.Context, id canonical.Hash, body share.Body, w io.Writer) error
	// SendAnswer hands a body's answer in.
	SendAnswer(ctx context.Context, id canonical.Hash, r io.Reader) error
	// Answer writes a body's answer. The error is of kind NotFound where there is none.
	Answer(ctx context.Context, id canonical.Hash, body share.Body, w io.Writer) error
	// Proofs are proof files of the case's entries.
	Proofs(ctx context.Context, id canonical.Hash) ([][]byte, error)
	// Segments are those that the token asks for.
	Segments(ctx context.Context, id canonical.Hash) ([]Offered, error)
	// Ciphertext writes a segment's file from an offset on.
	Ciphertext(ctx context.Context, id canonical.Hash, o Offered, from int64, w io.Writer) error
	// Hours are the segment hashes of a camera's hours that the token touches.
	Hours(ctx context.Context, id canonical.Hash, camera city.Slug) ([]root.List, error)
	// Publish hands in an entry that the office's device signed.
	Publish(ctx context.Context, entry []byte) error
	// Roster is the city's roster of a version. The error is of kind NotFound where it has
	// none.
	Roster(ctx context.Context, version int) ([]byte, error)
	// Log is the public log as the hub serves it.
	Log() (proof.Source, error)
}

// Web is a hub at an address. The token is an API token of the officer's account.
func Web(address, apiToken string) (Hub, error) {
	if address == "" {
		return nil, city.Errorf(city.Invalid, "this case has no hub: its files are carried")
	}
	if err := checkHub(address); err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return &web{base: u, token: apiToken, client: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: 60 * time.Second, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
	}}}, nil
}

type web struct {
	base   *url.URL
	token  string
	client *http.Client
}

const (
	maxJSON   = 64 << 20
	maxProofs = 16 << 20
)

// ask sends a request and returns the answer, which is of a status of success. The
// caller closes its body.
func (w *web) ask(ctx context.Context, method string, body io.Reader, kind string, change func(*http.Request), parts ...string) (*http.Response, error) {
	u := w.base.JoinPath(parts...)
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	if change != nil {
		change(r)
	}
	a, err := w.client.Do(r)
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the hub %s does not answer; files can be carried instead: %w", w.base.Host, err)
	}
	if a.StatusCode/100 == 2 {
		return a, nil
	}
	defer a.Body.Close()
	return nil, refusal(a, w)
}

// refusal is the answer of a hub that says no (RFC 9457), as an error.
func refusal(a *http.Response, w *web) error {
	text, _ := io.ReadAll(io.LimitReader(a.Body, 64<<10))
	var p struct {
		handedIn

		Detail, Title string
	}
	_ = json.Unmarshal(text, &p) // another form says nothing
	kind := map[int]city.Kind{
		http.StatusBadRequest: city.Invalid, http.StatusUnprocessableEntity: city.Invalid, http.StatusUnauthorized: city.Forbidden, http.StatusForbidden: city.Forbidden,
		http.StatusNotFound: city.NotFound, http.StatusGone: city.NotFound, http.StatusConflict: city.Conflict, http.StatusRequestEntityTooLarge: city.TooLarge,
	}
	k, ok := kind[a.StatusCode]
	if !ok {
		k = city.Unavailable
	}
	words := cmp.Or(p.words(), p.Detail, p.Title)
	if words == "" {
		words = "it answers " + a.Status
		if a.StatusCode == http.StatusUnauthorized && w.token == "" {
			words = "it asks who you are: put an API token of your account into POLITY_TOKEN"
		}
	}
	return city.Errorf(k, "hub %s: %s", w.base.Host, words)
}

func (w *web) read(ctx context.Context, most int64, parts ...string) ([]byte, error) {
	a, err := w.ask(ctx, http.MethodGet, nil, "", nil, parts...)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(io.LimitReader(a.Body, most+1))
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the hub's answer broke off: %w; ask again", err)
	}
	if int64(len(b)) > most {
		return nil, city.Errorf(city.TooLarge, "the hub's answer has more than %d MiB", most>>20)
	}
	return b, nil
}

func caseAddress(id canonical.Hash, more ...string) []string {
	return append([]string{"api/v1/cases", id.String()}, more...)
}

func (w *web) copy(ctx context.Context, to io.Writer, parts ...string) error {
	a, err := w.ask(ctx, http.MethodGet, nil, "", nil, parts...)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if _, err := io.Copy(to, io.LimitReader(a.Body, token.MaxFile+1)); err != nil {
		return city.Errorf(city.Unavailable, "the hub's answer broke off: %w; ask again", err)
	}
	return nil
}

func (w *web) send(ctx context.Context, body io.Reader, kind string, parts ...string) ([]byte, error) {
	a, err := w.ask(ctx, http.MethodPost, body, kind, nil, parts...)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	return io.ReadAll(io.LimitReader(a.Body, 1<<20))
}

func (w *web) Submit(ctx context.Context, s []byte) error {
	_, err := w.send(ctx, bytes.NewReader(s), "application/json", "api/v1/cases")
	return err
}

func (w *web) State(ctx context.Context, id canonical.Hash) (*State, error) {
	b, err := w.read(ctx, maxJSON, caseAddress(id)...)
	if err != nil {
		return nil, err
	}
	s := new(State)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, city.Errorf(city.Unavailable, "the hub's answer is in no form that this version reads")
	}
	return s, nil
}

func (w *web) Request(ctx context.Context, id canonical.Hash, body share.Body, to io.Writer) error {
	return w.copy(ctx, to, caseAddress(id, "requests", string(body))...)
}

func (w *web) SendAnswer(ctx context.Context, id canonical.Hash, r io.Reader) error {
	_, err := w.send(ctx, r, "application/octet-stream", caseAddress(id, "answers")...)
	return err
}

func (w *web) Answer(ctx context.Context, id canonical.Hash, body share.Body, to io.Writer) error {
	return w.copy(ctx, to, caseAddress(id, "answers", string(body))...)
}

// proofMark begins each proof file.
const proofMark = "c2sp.org/tlog-proof@v1\n"

// Proofs takes proof files one after the other, or a JSON list of them.
func (w *web) Proofs(ctx context.Context, id canonical.Hash) ([][]byte, error) {
	b, err := w.read(ctx, maxProofs, caseAddress(id, "proofs")...)
	if err != nil {
		return nil, err
	}
	return SplitProofs(b)
}

// SplitProofs cuts proof files that stand one after the other.
func SplitProofs(b []byte) ([][]byte, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if !bytes.HasPrefix(b, []byte(proofMark)) {
		return nil, city.Errorf(city.Invalid, "these are no proof files: the first must begin with the line %s", strings.TrimSpace(proofMark))
	}
	var list [][]byte
	for one := range bytes.SplitSeq(b, []byte("\n"+proofMark)) {
		one = bytes.TrimPrefix(one, []byte(proofMark))
		one = bytes.TrimSuffix(one, []byte("\n"))
		list = append(list, append(append([]byte(proofMark), one...), '\n'))
	}
	return list, nil
}

func (w *web) Segments(ctx context.Context, id canonical.Hash) ([]Offered, error) {
	b, err := w.read(ctx, maxJSON, caseAddress(id, "segments")...)
	if err != nil {
		return nil, err
	}
	var list []Offered
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		var in struct{ Segments []Offered }
		err = json.Unmarshal(b, &in)
		list = in.Segments
	} else {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "the hub's list of segments is in no form that this version reads")
	}
	return list, nil
}

func (w *web) Ciphertext(ctx context.Context, id canonical.Hash, o Offered, from int64, to io.Writer) error {
	a, err := w.ask(ctx, http.MethodGet, nil, "", func(r *http.Request) {
		if from > 0 {
			r.Header.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
		}
	}, caseAddress(id, "segments", string(o.Camera), path.Base(o.Name))...)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if from > 0 && a.StatusCode != http.StatusPartialContent {
		if _, err := io.CopyN(io.Discard, a.Body, from); err != nil {
			return city.Errorf(city.Unavailable, "the hub's answer broke off: %w", err)
		}
	}
	n, err := io.Copy(to, io.LimitReader(a.Body, o.Size-from+1))
	switch {
	case err != nil:
		return city.Errorf(city.Unavailable, "the line broke off after %d bytes: %w", from+n, err)
	case from+n != o.Size:
		return city.Errorf(city.Invalid, "the hub sent %d bytes of a segment of %d", from+n, o.Size)
	}
	return nil
}

func (w *web) Hours(ctx context.Context, id canonical.Hash, camera city.Slug) ([]root.List, error) {
	b, err := w.read(ctx, maxHours, caseAddress(id, "hours", string(camera))...)
	if err != nil {
		return nil, err
	}
	return root.ParseLists(b)
}

func (w *web) Publish(ctx context.Context, e []byte) error {
	a, err := w.ask(ctx, http.MethodPost, bytes.NewReader(append(bytes.Clone(e), '\n')), "application/x-ndjson", nil, "api/v1/record/entries")
	if err != nil {
		return err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err != nil {
		return city.Errorf(city.Unavailable, "the hub's answer broke off: %w; ask again", err)
	}
	return published(b)
}

// handedIn is what the hub says of entries that were handed in.
type handedIn struct {
	Entries []struct {
		Index   *int64
		Refused string
	}
	Stopped string
}

func published(b []byte) error {
	var in handedIn
	if err := json.Unmarshal(b, &in); err != nil {
		return city.Errorf(city.Unavailable, "the hub's answer is in no form that this version reads")
	}
	if words := in.words(); words != "" {
		return city.Errorf(city.Invalid, "the log does not take the entry: %s", words)
	}
	if len(in.Entries) != 1 || in.Entries[0].Index == nil {
		return city.Errorf(city.Unavailable, "the hub does not say that the entry is in the log")
	}
	return nil
}

func (h *handedIn) words() string {
	for _, e := range h.Entries {
		if e.Refused != "" {
			return e.Refused
		}
	}
	return h.Stopped
}

func (w *web) Roster(ctx context.Context, version int) ([]byte, error) {
	return w.read(ctx, roster.MaxSize, "record/roster", strconv.Itoa(version))
}

func (w *web) Log() (proof.Source, error) { return proof.Web(w.base.JoinPath("log").String(), nil) }
