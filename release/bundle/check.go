package bundle

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/release/export"
)

// Options are what Verify is asked for.
type Options struct {
	// Trusted is a roster that came by hand; nil: the words of the bundle's have to be
	// compared.
	Trusted *roster.Signed
	// Progress hears of the bytes that were read and all there are. Nil: nobody hears.
	Progress func(done, all int64)
}

// Verify checks a bundle, a folder or a ZIP file, with nothing but itself. What is wrong
// with it stands in the report; an error says that it could not be read, or that there is
// no such file.
func Verify(ctx context.Context, path string, o Options) (*Report, error) {
	f, err := openFiles(path)
	report := &Report{}
	if err != nil {
		if city.KindOf(err) == city.NotFound {
			return nil, err
		}
		return report, report.failed("", err)
	}
	defer f.close() //nolint:errcheck // it was read only
	c := newChecker(ctx, f, report, o)
	if err := c.all(); err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	return report, nil
}

// checker is one check of one bundle.
type checker struct {
	*Report
	ctx context.Context
	f   *files
	o   Options

	sums     []byte
	films    map[string]*export.Film // of clips
	rosters  []*roster.Signed        // rising
	from     map[int]int64           // by version of a roster: index of its entry
	story    *Story
	hours    map[hourOf]*entry.Segments
	cameras  map[city.Slug][]*entry.Registration
	openings *Openings
	heads    map[city.Slug][]head
}

func newChecker(ctx context.Context, f *files, r *Report, o Options) *checker {
	return &checker{
		Report: r, ctx: ctx, f: f, o: o, films: map[string]*export.Film{}, from: map[int]int64{}, hours: map[hourOf]*entry.Segments{},
		cameras: map[city.Slug][]*entry.Registration{}, heads: map[city.Slug][]head{},
	}
}

// all checks in the order of formats/bundle.md. What rests on something that is wrong is
// not looked at.
func (c *checker) all() error {
	for _, step := range []func() error{c.members, c.theRecord, c.theRosters, c.signature} {
		if err := step(); err != nil || !c.Right() {
			return err
		}
	}
	if err := c.content(); err != nil {
		return err
	}
	c.cannot()
	return nil
}

// content checks what the signature covers.
func (c *checker) content() error {
	for _, step := range []func() error{c.theProofs, c.theOpenings, c.theSegments, c.theClips, c.theViews} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// members checks that the files are those that the sums name, by their hashes.
func (c *checker) members() error {
	var err error
	if c.sums, err = c.f.read(sumsName, maxSums); err != nil {
		return c.failed(sumsName, err)
	}
	list, err := parseSums(c.sums)
	if err != nil {
		return c.failed(sumsName, err)
	}
	named, all := map[string]bool{sumsName: true, sigName: true}, int64(0)
	for _, l := range list {
		named[l.name] = true
		all += c.f.sizes[l.name]
	}
	for _, name := range c.f.names {
		if !named[name] {
			c.add(Wrong, name, "%s does not name it: it was put in", sumsName)
		}
	}
	done := int64(0)
	for _, l := range list {
		if err := c.member(l); err != nil {
			return err
		}
		if done += c.f.sizes[l.name]; c.o.Progress != nil {
			c.o.Progress(done, all)
		}
	}
	if c.Right() || len(c.Findings) == 0 {
		c.add(Right, "", "%s are those that %s names, to the byte", count(int64(len(list)), "file"), sumsName)
	}
	return nil
}

// member checks one file's hash, and looks into films on the way.
func (c *checker) member(l line) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	m, err := memberOf(l.name)
	if err == nil && c.f.has(l.name) && c.f.sizes[l.name] > m.most {
		err = city.Errorf(city.TooLarge, "%d bytes; %d are allowed", c.f.sizes[l.name], m.most)
	}
	if err != nil {
		return c.failed(l.name, err)
	}
	from, err := c.f.open(l.name)
	if err != nil {
		return c.failed(l.name, err)
	}
	defer from.Close()
	hash := sha256.New()
	read := io.TeeReader(from, hash)
	var bad error
	if m.folder == clips {
		c.films[l.name], bad = export.Inspect(read, nil)
	}
	if _, err := io.Copy(io.Discard, read); err != nil {
		return c.failed(l.name, err)
	}
	if [32]byte(hash.Sum(nil)) != l.sum {
		c.add(Wrong, l.name, "it was changed or damaged: its hash is not the one that %s names", sumsName)
		return nil
	}
	if bad != nil {
		return c.failed(l.name, bad)
	}
	return nil
}

func (c *checker) theRecord() error {
	b, err := c.f.read(recordName, maxRecord)
	if err == nil {
		c.Record, err = parseRecord(b)
	}
	if err != nil {
		c.Record = nil
		return c.failed(recordName, err)
	}
	return nil
}

// theRosters checks that rosters follow one another.
func (c *checker) theRosters() error {
	var list []member
	for _, name := range c.f.names {
		if m, err := memberOf(name); err == nil && m.folder == rosters {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b member) int { return a.number - b.number })
	if len(list) == 0 {
		c.add(Wrong, "", "the bundle has no roster: nobody can say whose keys count")
		return nil
	}
	for i, m := range list {
		name := rosterName(m.number)
		b, err := c.f.read(name, roster.MaxSize)
		if err != nil {
			return c.failed(name, err)
		}
		var r *roster.Signed
		if i == 0 {
			r, err = roster.First(b)
		} else {
			r, err = c.rosters[i-1].Next(b)
		}
		if err != nil { // of whatever kind: it is about the roster
			c.add(Wrong, name, "%v", err)
			return nil
		}
		if r.Version != m.number {
			c.add(Wrong, name, "it is roster %d", r.Version)
			return nil
		}
		c.rosters = append(c.rosters, r)
	}
	first, last := c.rosters[0], c.newest()
	c.Words, c.Version = first.Words(), first.Version
	if last.Domain != c.Record.Domain || last.Log.Origin != c.Record.Origin {
		c.add(Wrong, recordName, "it says %s and the log %s, the roster %s and %s", c.Record.Domain, c.Record.Origin, last.Domain, last.Log.Origin)
		return nil
	}
	return c.trusted()
}

// succession says how the rosters hold together.
func (c *checker) succession() string {
	if len(c.rosters) == 1 {
		return fmt.Sprintf("roster %d of %s is signed by three of its own root keys", c.rosters[0].Version, c.newest().Domain)
	}
	return fmt.Sprintf("rosters %d to %d of %s follow one another, each signed by the root of the one before", c.rosters[0].Version, c.newest().Version, c.newest().Domain)
}

func rosterName(version int) string { return fmt.Sprintf("%s/%d.roster", rosters, version) }

func (c *checker) newest() *roster.Signed { return c.rosters[len(c.rosters)-1] }

// trusted compares with a roster that came by hand.
func (c *checker) trusted() error {
	if c.o.Trusted == nil {
		c.add(Right, "", "%s", c.succession())
		return nil
	}
	for _, r := range c.rosters {
		if r.Version == c.o.Trusted.Version {
			if r.Words() != c.o.Trusted.Words() {
				c.add(Wrong, rosterName(r.Version), "it is not the roster that you gave: its words are %s, of yours %s", r.Words(), c.o.Trusted.Words())
				return nil
			}
			c.add(Right, "", "%s; roster %d is the one that you gave", c.succession(), r.Version)
			return nil
		}
	}
	if r := c.rosters[0]; r.Version == c.o.Trusted.Version+1 {
		if _, err := c.o.Trusted.Next(r.File()); err != nil {
			c.add(Wrong, rosterName(r.Version), "it does not follow the roster that you gave: %v", err)
			return nil
		}
		c.add(Right, "", "%s; roster %d follows the one that you gave", c.succession(), r.Version)
		return nil
	}
	c.add(Wrong, "", "the roster that you gave has version %d, the bundle has %d to %d: give one of these, or the one before", c.o.Trusted.Version, c.rosters[0].Version, c.newest().Version)
	return nil
}

// signature checks the office's signature.
func (c *checker) signature() error {
	key, err := c.newest().Device(c.Record.Office, c.Record.Device)
	if err != nil || !c.newest().IsOffice(c.Record.Office) {
		c.add(Wrong, recordName, "roster %d names no device %s of an office %s", c.newest().Version, c.Record.Device, c.Record.Office)
		return nil //nolint:nilerr // what is wrong stands in the report
	}
	sig, err := c.f.read(sigName, ed25519.SignatureSize)
	if err != nil {
		return c.failed(sigName, err)
	}
	if len(sig) != ed25519.SignatureSize || !ed25519.Verify(key, signed(c.sums), sig) {
		c.add(Wrong, sigName, "it is not the signature of device %s of %s over %s", c.Record.Device, c.Record.Office, sumsName)
		return nil
	}
	want, err := pemOf(key)
	if err != nil {
		return err
	}
	got, err := c.f.read(pemName, maxSmall)
	if err != nil {
		return c.failed(pemName, err)
	}
	if !bytes.Equal(got, want) {
		c.add(Wrong, pemName, "it is not the key of device %s of %s in the roster", c.Record.Device, c.Record.Office)
		return nil
	}
	c.add(Right, "", "device %s of %s signed it, made %s", c.Record.Device, c.Record.Office, c.Record.Made)
	return nil
}

// theOpenings checks opened commitments.
func (c *checker) theOpenings() error {
	if !c.f.has(openingsName) {
		c.openings = c.story.openings()
		return nil
	}
	b, err := c.f.read(openingsName, maxSmall)
	if err != nil {
		return c.failed(openingsName, err)
	}
	o, err := parseOpenings(b)
	if err != nil {
		return c.failed(openingsName, err)
	}
	if c.story.Requested == nil {
		return nil
	}
	opened, err := o.fits(&c.story.Requested.Entry.Commitments)
	if err != nil {
		return c.failed(openingsName, err)
	}
	c.openings = o
	c.add(Right, openingsName, "%s: as the token commits to", words(opened))
	return nil
}

// theClips holds the films to the record.
func (c *checker) theClips() error {
	pictures, grey, before := int64(0), int64(0), len(c.Findings)
	for i := range c.Record.Clips {
		r := &c.Record.Clips[i]
		f := c.films[r.File]
		switch {
		case f == nil:
			c.add(Wrong, r.File, "the record tells of it, and it is missing in the bundle")
			continue
		case f.Codec != "avc1":
			c.add(Wrong, r.File, "it is coded as %.4q; film in a bundle is H.264", f.Codec)
		case int64(f.Width) != r.Width || int64(f.Height) != r.Height || f.Pictures != r.Pictures:
			c.add(Wrong, r.File, "it has %d pictures of %d x %d, the record tells of %d of %d x %d", f.Pictures, f.Width, f.Height, r.Pictures, r.Width, r.Height)
		case f.Ticks*1000 != (r.To-r.From)*f.TimeScale:
			c.add(Wrong, r.File, "it lasts %d ms, the record tells of %d", f.Ticks*1000/f.TimeScale, r.To-r.From)
		}
		pictures, grey = pictures+r.Pictures, grey+r.Grey
		c.source(r)
	}
	for _, name := range slices.Sorted(maps.Keys(c.films)) {
		if !slices.ContainsFunc(c.Record.Clips, func(r export.ClipRecord) bool { return r.File == name }) {
			c.add(Wrong, name, "the record does not tell of it")
		}
	}
	if before == len(c.Findings) {
		c.add(Right, "", "%s without sound, %s as the record tells, %d of them grey", count(int64(len(c.films)), "film"), count(pictures, "picture"), grey)
	}
	return nil
}

// cannot names what no bundle can prove of itself.
func (c *checker) cannot() {
	if c.o.Trusted == nil {
		c.add(Open, "", "whether the roster is the city's: compare the words of roster %d with those that you were given: %s", c.Version, c.Words)
	}
	c.add(Open, "", "whether the films show what was sealed: only who holds the case's keys can derive them again and compare (polity case check)")
	c.add(Open, "", "whether the marks leave out something that matters, and what the report's words add to the record")
	c.add(Open, "", "whether the log showed the same to everybody: its monitors and witnesses watch that")
}

// viewLine is what the chain of a line needs; the rest is in formats/case.md.
type viewLine struct {
	N    int64          `json:"n"`
	Prev canonical.Hash `json:"prev"`
}

// theViews checks the chain of what the case view did.
func (c *checker) theViews() error {
	if !c.f.has(viewsName) {
		c.add(Open, viewsName, "the office's log of what was looked at is not in the bundle")
		return nil
	}
	b, err := c.f.read(viewsName, maxViews)
	if err != nil {
		return c.failed(viewsName, err)
	}
	want, n := canonical.Sum("view", c.Record.Token[:]), int64(0)
	for rest := b; len(rest) > 0; {
		text, after, whole := bytes.Cut(rest, []byte("\n"))
		rest = after
		n++
		var l viewLine
		if err := decodeView(text, &l); err != nil || !whole || l.N != n || l.Prev != want {
			c.add(Wrong, viewsName, "line %d does not continue the line before: lines were changed, put in or left out, or it is of another case", n)
			return nil //nolint:nilerr // what is wrong stands in the report
		}
		want = canonical.Sum("view", text)
	}
	c.add(Right, viewsName, "%s of what was looked at, none left out between the first and the last", count(n, "line"))
	return nil
}

// words joins names as people do.
func words(list []string) string {
	switch n := len(list); n {
	case 0:
		return "nothing"
	case 1:
		return list[0]
	default:
		return join(list[:n-1], ", ") + " and " + list[n-1]
	}
}

func join(list []string, with string) string {
	var b bytes.Buffer
	for i, s := range list {
		if i > 0 {
			b.WriteString(with)
		}
		b.WriteString(s)
	}
	return b.String()
}

var errNotLine = errors.New("no line of a log")
