package console

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/console/frame"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/summary"
	"polity/release/token"
)

// recordEntryView is one entry of the public log.
type recordEntryView struct {
	Index         int64
	Type          string
	Words         template.HTML
	Members       []recordMember
	Bytes         string
	Length        int
	Leaf, ID      string
	Under         template.HTML
	Related       []recordLink
	Before, After string
	Proof, Raw    string
	Check         string
	Rosters       []recordLink
}

type recordMember struct{ Name, Value string }

// index reads the number of an entry from the address.
func (c *Console) recordIndex(r *frame.Request) (int64, error) {
	text := r.PathValue("index")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, city.Errorf(city.NotFound, "%s", c.Say("record.error.index"))
	}
	return n, nil
}

func (c *Console) recordEntryPage(w http.ResponseWriter, r *frame.Request) error {
	record, s, err := c.summed(r)
	if err != nil {
		return err
	}
	n, err := c.recordIndex(r)
	if err != nil {
		return err
	}
	if n >= s.Checkpoint.Size {
		return city.Errorf(city.NotFound, "%s", c.Say("record.error.notyet", "n", s.Checkpoint.Size))
	}
	list, err := record.Entries(r.Context(), n, n+1)
	if err != nil {
		return err
	}
	e, err := entry.Decode(list[0])
	if err != nil {
		return city.Errorf(city.Internal, "entry %d: %w", n, err)
	}
	leaf := tlog.RecordHash(list[0])
	v := recordEntryView{
		Index: n, Type: string(entry.TypeOf(e)), Words: c.logWords(r.Clock, e), Members: membersOf(list[0]), Bytes: string(list[0]), Length: len(list[0]),
		Leaf: base64.StdEncoding.EncodeToString(leaf[:]), ID: entry.ID(list[0]).String(),
		Under:   c.HTML("record.entry.under", "n", s.Checkpoint.Size, "time", r.Clock.Time(s.Checkpoint.Time.Time()), "who", c.recordNames(s.Checkpoint.Witnesses)),
		Related: c.recordRelated(r.Clock, s, e, n), Proof: recordPath(n) + "/proof", Raw: recordPath(n) + "/entry.json",
		Check: fmt.Sprintf("polity verify proof entry-%d.proof", n), Rosters: c.rosterLinks(),
	}
	for _, one := range record.Rosters() {
		v.Check += fmt.Sprintf(" --roster city-%d.roster", one.Version)
	}
	if n > 0 {
		v.Before = recordPath(n - 1)
	}
	if n+1 < s.Checkpoint.Size {
		v.After = recordPath(n + 1)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "recordentry", Title: c.Say("record.entry.title", "index", strconv.FormatInt(n, 10)), Data: v})
}

// recordProof is the proof that an entry stands in the log, to be kept and checked.
func (c *Console) recordProof(w http.ResponseWriter, r *frame.Request) error {
	record, err := c.record()
	if err != nil {
		return err
	}
	n, err := c.recordIndex(r)
	if err != nil {
		return err
	}
	p, err := record.Prove(r.Context(), n)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="entry-%d.proof"`, n))
	h.Set("Cache-Control", "no-cache")
	_, err = w.Write(p.Marshal())
	return frame.Gone(err)
}

// recordBytes is an entry as it stands in the log, to the byte.
func (c *Console) recordBytes(w http.ResponseWriter, r *frame.Request) error {
	record, err := c.record()
	if err != nil {
		return err
	}
	n, err := c.recordIndex(r)
	if err != nil {
		return err
	}
	list, err := record.Entries(r.Context(), n, n+1)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err = w.Write(list[0])
	return frame.Gone(err)
}

// recordRoster is a version of the roster, for those who check: whoever has the first reads
// later ones from the log.
func (c *Console) recordRoster(w http.ResponseWriter, r *frame.Request) error {
	record, err := c.record()
	if err != nil {
		return err
	}
	for _, one := range record.Rosters() {
		if strconv.Itoa(one.Version) != r.PathValue("version") {
			continue
		}
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="city-%d.roster"`, one.Version))
		h.Set("Cache-Control", "no-cache")
		_, err = w.Write(one.File())
		return frame.Gone(err)
	}
	return city.Errorf(city.NotFound, "%s", c.Say("record.error.roster"))
}

// rosterLinks lead to all versions.
func (c *Console) rosterLinks() (list []recordLink) {
	for _, one := range c.cfg.Record.Rosters() {
		version := strconv.Itoa(one.Version)
		list = append(list, recordLink{Path: "/record/roster/" + version, Words: c.Say("record.roster", "version", version)})
	}
	return list
}

// recordEntriesView is a stretch of the log.
type recordEntriesView struct {
	Lead         template.HTML
	Rows         []recordEntryRow
	Newer, Older string
}

type recordEntryRow struct {
	Index int64
	Path  string
	Type  string
	Words template.HTML
}

const recordStretch = 50

// recordNewestPath is the page of the newest entries of a log of some size.
func recordNewestPath(size int64) string { return recordStretchPath(max(0, size-recordStretch)) }

func recordStretchPath(from int64) string {
	return "/record/entries?from=" + strconv.FormatInt(from, 10)
}

func (c *Console) recordEntriesPage(w http.ResponseWriter, r *frame.Request) error {
	record, s, err := c.summed(r)
	if err != nil {
		return err
	}
	size, from := s.Checkpoint.Size, max(0, s.Checkpoint.Size-recordStretch)
	if text := r.URL.Query().Get("from"); text != "" {
		if from, err = strconv.ParseInt(text, 10, 64); err != nil || from < 0 {
			return city.Errorf(city.Invalid, "%s", c.Say("record.error.index"))
		}
		from = min(from, max(0, size-1))
	}
	v := recordEntriesView{Lead: c.HTML("record.entries.lead", "n", size, "time", r.Clock.Time(s.Checkpoint.Time.Time()))}
	if size > 0 {
		list, err := record.Entries(r.Context(), from, min(from+recordStretch, size))
		if err != nil {
			return err
		}
		for i, data := range list {
			e, err := entry.Decode(data)
			if err != nil {
				return city.Errorf(city.Internal, "entry %d: %w", from+int64(i), err)
			}
			v.Rows = append(v.Rows, recordEntryRow{from + int64(i), recordPath(from + int64(i)), string(entry.TypeOf(e)), c.logWords(r.Clock, e)})
		}
		slices.Reverse(v.Rows)
	}
	if from+recordStretch < size {
		v.Newer = recordStretchPath(from + recordStretch)
	}
	if from > 0 {
		v.Older = recordStretchPath(max(0, from-recordStretch))
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "recordentries", Title: c.Say("record.entries.title"), Data: v})
}

// recordRelated are the other entries of the same release.
func (c *Console) recordRelated(at frame.Clock, s *summary.Summary, e entry.Entry, n int64) (list []recordLink) {
	id, ok := tokenOf(e)
	if !ok {
		return nil
	}
	for _, x := range s.Releases {
		if x.Token != id {
			continue
		}
		v := c.recordRelease(at, &x)
		list = append(list, recordLink{Path: v.Path, Words: c.Say("record.related.asked", "body", v.Body, "purpose", v.Purpose)})
		for _, w := range v.Words {
			if w.Path != v.Path {
				list = append(list, w)
			}
		}
		if x.Details != nil {
			list = append(list, recordLink{Path: recordPath(x.Details.Index), Words: c.Say("record.related.details")})
		}
	}
	return slices.DeleteFunc(list, func(l recordLink) bool { return l.Path == recordPath(n) })
}

// tokenOf is the request that an entry belongs to.
func tokenOf(e entry.Entry) (canonical.Hash, bool) {
	switch e := e.(type) {
	case *entry.ReleaseRequested:
		return e.ID, true
	case *entry.ReleaseApproved:
		return e.Token, true
	case *entry.ReleaseRefused:
		return e.Token, true
	case *entry.ReleaseOpened:
		return e.Token, true
	case *entry.ReleaseDetails:
		return e.Token, true
	}
	return canonical.Hash{}, false
}

// membersOf lists an entry's members in their order, those of members with the path to
// them; long values are told by their length, since the whole stands beneath.
func membersOf(data []byte) (list []recordMember) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var read func(path string) error
	read = func(path string) error {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case json.Delim:
			for d.More() {
				name := path
				if t == '{' {
					key, err := d.Token()
					if err != nil {
						return err
					}
					if name = fmt.Sprint(key); path != "" {
						name = path + "." + name
					}
				}
				if err := read(name); err != nil {
					return err
				}
			}
			_, err = d.Token()
			return err
		default:
			value := fmt.Sprint(t)
			if len(value) > 120 {
				value = fmt.Sprintf("%.40s… (%d characters)", value, len(value))
			}
			list = append(list, recordMember{path, value})
		}
		return nil
	}
	_ = read("") //nolint:errcheck // it was decoded before: what is read so far is shown
	return list
}

// logWords says an entry in a sentence.
func (c *Console) logWords(at frame.Clock, e entry.Entry) template.HTML {
	values := append([]any{}, c.logValues(at, e)...)
	key := "record.entry." + string(entry.TypeOf(e))
	switch e := e.(type) {
	case *entry.Looks:
		if e.Day != nil {
			key += ".day"
		}
	case *entry.ReleaseDetails:
		key += "." + string(e.What)
	case *entry.Registration:
		if e.State == "withdrawn" {
			key += ".withdrawn"
		}
	case *entry.Alarm:
		return c.HTML(key, "what", c.recordAlarm(summary.Alarm{Body: e.Body, Camera: e.Camera, Class: e.Class, Edge: e.Edge, What: e.What}), "at", at.Time(e.At.Time()))
	}
	return c.HTML(key, values...)
}

// logValues are what the sentences about entries name.
func (c *Console) logValues(at frame.Clock, e entry.Entry) []any {
	t := func(x canonical.Time) template.HTML { return at.Time(x.Time()) }
	day := func(x canonical.Day) string { return at.Date(c.noonOf(string(x))) }
	switch e := e.(type) {
	case *entry.Registration:
		return []any{"camera", string(e.Camera), "edge", string(e.Edge), "from", t(e.From), "until", t(e.Until), "n", e.FootageHours}
	case *entry.Decision:
		return []any{"service", string(e.Service), "outcome", c.recordWord("outcome", e.Outcome), "by", c.recordWord("decided", e.By), "at", t(e.At)}
	case *entry.Policy:
		return []any{"number", strconv.FormatInt(e.N, 10), "what", c.recordWord("policy", e.What), "at", t(e.At)}
	case *entry.Roster:
		return []any{"version", strconv.FormatInt(e.Version, 10)}
	case *entry.EpochKey:
		return []any{"body", c.recordBody(e.Body), "class", string(e.Class), "day", day(e.Day), "device", string(e.Device)}
	case *entry.EpochKeyDestroyed:
		return []any{"body", c.recordBody(e.Body), "class", string(e.Class), "day", day(e.Day), "device", string(e.Device), "why", c.recordWord("why", e.Why), "at", t(e.At)}
	case *entry.Segments:
		return []any{"camera", string(e.Camera), "hour", t(e.Hour), "n", e.Count, "gaps", e.Gaps}
	case *entry.ReleaseRequested:
		return []any{"body", c.recordBody(e.Body), "purpose", c.recordWord("purpose", e.Purpose), "cameras", c.Say("record.ncameras", "n", e.CamerasCount), "hours", c.Say("record.nhours", "n", e.HoursCount), "expires", t(e.Expires), "day", day(e.DetailsPublicOn), "code", token.Code(e.ID)}
	case *entry.ReleaseApproved:
		return []any{"body", c.recordBody(e.Body), "code", token.Code(e.Token), "n", e.Count, "device", string(e.Device), "at", t(e.At)}
	case *entry.ReleaseRefused:
		return []any{"body", c.recordBody(e.Body), "code", token.Code(e.Token), "reason", c.recordWord("reason", e.Reason), "at", t(e.At)}
	case *entry.ReleaseOpened:
		return []any{"body", c.recordBody(e.Body), "code", token.Code(e.Token), "n", e.Segments, "at", t(e.At)}
	case *entry.ReleaseDetails:
		return append([]any{"body", c.recordBody(e.Body), "code", token.Code(e.Token), "at", t(e.At), "day", day(e.PublicOn)},
			"cameras", c.recordNames(e.Cameras), "span", c.recordSpan(at, e.From.Time(), e.To.Time()), "order", string(e.Order), "case", string(e.Case))
	case *entry.Hold:
		return []any{"body", c.recordBody(e.Body), "reason", c.recordWord("hold", e.Reason), "n", e.CamerasCount, "until", day(e.Until), "at", t(e.At)}
	case *entry.Audit:
		return []any{"body", c.recordBody(e.Body), "n", e.Checked, "wrong", c.Say("record.audit.wrong", "n", e.Wrong), "week", string(e.Week)}
	case *entry.Looks:
		if d := e.Day; d != nil {
			return []any{"n", d.Looks, "day", day(d.Day)}
		}
		n := e.Count
		return []any{"n", n.Looks, "day", day(n.Day), "body", c.recordBody(n.Body), "name", string(n.Name), "do", c.Say("looks.do." + string(n.Do)), "purpose", c.lookPurpose(n.Purpose), "minutes", n.Minutes}
	case *entry.Retention:
		return []any{"camera", string(e.Camera), "before", c.Say("record.nhours", "n", e.BeforeHours), "hours", c.Say("record.nhours", "n", e.Hours), "at", t(e.At)}
	case *entry.Software:
		return []any{"component", string(e.Component), "version", string(e.Version), "edge", string(e.Edge), "at", t(e.At)}
	}
	return nil
}

// lookPurpose is a purpose of looks as the city calls it.
func (c *Console) lookPurpose(name city.Slug) string {
	if c.cfg.Book == nil {
		return string(name)
	}
	return c.purposeTitles().of(name)
}

// recordAlarm says an alarm in a sentence, with what it is about.
func (c *Console) recordAlarm(a summary.Alarm) string {
	var about []string
	add := func(key string, name city.Slug) {
		if name != "" {
			about = append(about, c.Say("record.about."+key, "name", string(name)))
		}
	}
	if a.Body != "" {
		about = append(about, c.recordBody(a.Body))
	}
	add("camera", a.Camera)
	add("class", a.Class)
	add("edge", a.Edge)
	words := c.recordWord("alarm", a.What)
	if len(about) == 0 {
		return words
	}
	return words + ": " + strings.Join(about, ", ")
}
