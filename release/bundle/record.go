package bundle

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/export"
)

// Format is the version of bundles that this package reads and writes.
const Format = "polity-bundle/1"

// Record is bundle.json.
type Record struct {
	By      string              `json:"by,omitempty"` // who made it
	Clips   []export.ClipRecord `json:"clips"`
	Decoder export.Tool         `json:"decoder"`
	Device  city.Slug           `json:"device"`
	Domain  string              `json:"domain"`
	Encoder export.Tool         `json:"encoder"`
	Format  string              `json:"format"`
	Made    canonical.Time      `json:"made"`
	Mask    export.Mask         `json:"mask"`
	Office  city.Slug           `json:"office"`
	Origin  string              `json:"origin"` // of the log
	Program string              `json:"program"`
	Token   canonical.Hash      `json:"token"`
}

// parseRecord reads bundle.json. The error is of kind Invalid.
func parseRecord(b []byte) (*Record, error) {
	r := &Record{}
	if err := canonical.Decode(b, r); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", recordName, err)
	}
	return r, r.check()
}

func (r *Record) check() error {
	bad := func(format string, args ...any) error {
		return city.Errorf(city.Invalid, recordName+": "+format, args...)
	}
	if r.Format != Format {
		return bad("format is %.40q; this version reads %s: use a newer release", r.Format, Format)
	}
	for _, text := range []string{r.By, r.Program, r.Decoder.Program, r.Decoder.Version, r.Decoder.Arguments, r.Encoder.Program, r.Encoder.Version, r.Encoder.Arguments} {
		if !printable(text, 2000) {
			return bad("text that cannot be printed, or that is too long")
		}
	}
	if !printable(r.By, 80) {
		return bad("by has more than 80 characters")
	}
	if err := r.Made.Check(); err != nil {
		return bad("made: %w", err)
	}
	if mask, err := export.MaskOf(r.Mask.Kind); err != nil || mask != r.Mask {
		return bad("a mask that this version does not know")
	}
	if len(r.Clips) == 0 {
		return bad("no clip")
	}
	for i := range r.Clips {
		if err := checkClip(&r.Clips[i]); err != nil {
			return bad("clip %d: %w", i+1, err)
		}
		if i > 0 && r.Clips[i].File <= r.Clips[i-1].File {
			return bad("clips out of order")
		}
	}
	return nil
}

func checkClip(c *export.ClipRecord) error {
	m, err := memberOf(c.File)
	if err != nil || m.folder != clips || m.camera != c.Camera || path.Clean(c.File) != c.File {
		return city.Errorf(city.Invalid, "a file %.100q for camera %.50q", c.File, c.Camera)
	}
	if c.From < 0 || c.From >= c.To || c.Pictures < 1 || c.Grey < 0 || c.Grey > c.Pictures || c.Width < 1 || c.Height < 1 {
		return city.Errorf(city.Invalid, "times, sizes or numbers of pictures that cannot be")
	}
	if c.Segments < 0 || c.First < 0 || c.Last < c.First || (c.Segments > 0) != (c.First > 0) || c.Segments > c.Last-c.First+1 {
		return city.Errorf(city.Invalid, "segments %d to %d, %d of them", c.First, c.Last, c.Segments)
	}
	if len(c.Marks) > export.MaxMarks {
		return city.Errorf(city.TooLarge, "%d marks; %d are allowed", len(c.Marks), export.MaxMarks)
	}
	for i := range c.Marks {
		if err := c.Marks[i].Check(); err != nil {
			return err
		}
	}
	for _, p := range c.Problems {
		if err := p.What.Check(); err != nil || p.Sequence < 0 {
			return city.Errorf(city.Invalid, "a problem that this version does not know")
		}
	}
	return nil
}

// printable says whether a text can be shown, in so many characters.
func printable(text string, most int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Salts are those of opened commitments.
type Salts struct {
	Cameras *canonical.Hash `json:"cameras,omitempty"`
	Case    *canonical.Hash `json:"case,omitempty"`
	Order   *canonical.Hash `json:"order,omitempty"`
	Times   *canonical.Hash `json:"times,omitempty"`
}

// OpeningsFormat is the version of openings that this package reads and writes.
const OpeningsFormat = "polity-openings/1"

// Openings open some of a token's commitments.
type Openings struct {
	Cameras []city.Slug     `json:"cameras,omitempty"` // rising
	Case    entry.Reference `json:"case,omitempty"`
	Format  string          `json:"format"`
	From    canonical.Time  `json:"from,omitempty"`
	Order   entry.Reference `json:"order,omitempty"`
	Salts   Salts           `json:"salts"`
	To      canonical.Time  `json:"to,omitempty"`
}

func parseOpenings(b []byte) (*Openings, error) {
	o := &Openings{}
	if err := canonical.Decode(b, o); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", openingsName, err)
	}
	if o.Format != OpeningsFormat {
		return nil, city.Errorf(city.Invalid, "%s: format is %.40q; this version reads %s: use a newer release", openingsName, o.Format, OpeningsFormat)
	}
	for name, err := range map[string]error{"case": refs(o.Case), "order": refs(o.Order), "from": times(o.From), "to": times(o.To)} {
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: %s: %w", openingsName, name, err)
		}
	}
	if (o.Salts.Cameras == nil) != (o.Cameras == nil) || (o.Salts.Case == nil) != (o.Case == "") || (o.Salts.Order == nil) != (o.Order == "") ||
		(o.Salts.Times == nil) != (o.From == "") || (o.From == "") != (o.To == "") {
		return nil, city.Errorf(city.Invalid, "%s: a value without its salt, or a salt without its value", openingsName)
	}
	return o, nil
}

func refs(r entry.Reference) error {
	if r == "" {
		return nil
	}
	return r.Check()
}

func times(t canonical.Time) error {
	if t == "" {
		return nil
	}
	return t.Check()
}

// fits says which commitments of a token are opened, and which do not fit.
func (o *Openings) fits(c *entry.Commitments) (opened []string, err error) {
	var names strings.Builder
	for _, n := range o.Cameras {
		names.WriteString(string(n) + "\n")
	}
	for _, one := range []struct {
		name  string
		salt  *canonical.Hash
		value string
		want  canonical.Hash
	}{
		{"order", o.Salts.Order, string(o.Order), c.Order},
		{"case", o.Salts.Case, string(o.Case), c.Case},
		{"cameras", o.Salts.Cameras, names.String(), c.Cameras},
		{"times", o.Salts.Times, string(o.From + "/" + o.To), c.Times},
	} {
		if one.salt == nil {
			continue
		}
		if canonical.Commit(*one.salt, []byte(one.value)) != one.want {
			return opened, city.Errorf(city.Invalid, "%s: the %s is not what the token commits to", openingsName, one.name)
		}
		opened = append(opened, one.name)
	}
	return opened, nil
}
