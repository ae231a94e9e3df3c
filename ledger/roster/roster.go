package roster

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/ledger/canonical"
)

// Format is the version of the roster that this package reads and writes.
const Format = "polity-roster/1"

// The two bodies, neither of which can open footage alone.
const (
	Court     city.Slug = "court"
	Ombudsman city.Slug = "ombudsman"
)

const (
	roots      = 5   // root keys
	needed     = 3   // of them sign
	maxHours   = 720 // 30 days
	maxEach    = 16
	maxDevices = 8
	maxTitle   = 80
)

// Roster is whose keys count. Keys are in the form of note verifiers.
type Roster struct {
	Bodies     []Body         `json:"bodies"` // court, ombudsman
	Classes    []Class        `json:"classes"`
	Domain     string         `json:"domain"`
	Format     string         `json:"format"`
	Log        Log            `json:"log"`
	Officers   []Office       `json:"officers,omitempty"`
	Quorum     int            `json:"quorum"` // witnesses that must cosign
	Root       []string       `json:"root"`
	UpdateRoot canonical.Hash `json:"update_root"`
	ValidFrom  canonical.Time `json:"valid_from"`
	Version    int            `json:"version"`
	Witnesses  []Witness      `json:"witnesses"`
}

// Body is one of the two that hold halves of keys.
type Body struct {
	Devices []Device  `json:"devices"`
	Name    city.Slug `json:"name"`
	Title   string    `json:"title"`
}

// Device is a machine of a body or an office.
type Device struct {
	ID  city.Slug `json:"id"`
	Key string    `json:"key"`
}

// Class is a class of retention.
type Class struct {
	Hours int       `json:"hours"`
	Name  city.Slug `json:"name"`
}

// Log is the public log.
type Log struct {
	Key    string `json:"key"`
	Origin string `json:"origin"`
}

// Office may ask for a release.
type Office struct {
	Devices []Device  `json:"devices"`
	Name    city.Slug `json:"name"`
}

// Witness cosigns checkpoints.
type Witness struct {
	Key  string    `json:"key"` // of cosignature/v1
	Name city.Slug `json:"name"`
}

// Check reports the first thing that is wrong. The error is of kind Invalid.
func (r *Roster) Check() error {
	for _, check := range []func() error{r.checkHead, r.checkBodies, r.checkOfficers, r.checkClasses, r.checkWitnesses, r.checkRoot, r.checkKeys} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Roster) checkHead() error {
	switch {
	case r.Format != Format:
		return city.Errorf(city.Invalid, "format is %.40q; this version reads %s", r.Format, Format)
	case r.Version < 1 || r.Version > 1<<20:
		return city.Errorf(city.Invalid, "version is %d; the first is 1", r.Version)
	case !domain(r.Domain):
		return city.Errorf(city.Invalid, "domain is %.80q; write a DNS name such as helsinki.example", r.Domain)
	}
	if err := r.ValidFrom.Check(); err != nil {
		return city.Errorf(city.Invalid, "valid_from: %w", err)
	}
	v, err := note.NewVerifier(r.Log.Key)
	switch {
	case err != nil || len(r.Log.Key) > maxKey:
		return city.Errorf(city.Invalid, "log.key is no key in the form name+hash+base64")
	case v.Name() != r.Log.Origin:
		return city.Errorf(city.Invalid, "log.key has the name %.80q; it must be the origin %.80q", v.Name(), r.Log.Origin)
	}
	return nil
}

func (r *Roster) checkBodies() error {
	if len(r.Bodies) != 2 || r.Bodies[0].Name != Court || r.Bodies[1].Name != Ombudsman {
		return city.Errorf(city.Invalid, "bodies must be %s and %s, in this order", Court, Ombudsman)
	}
	for _, b := range r.Bodies {
		if len(b.Devices) < 2 || len(b.Devices) > maxDevices {
			return city.Errorf(city.Invalid, "%s has %d devices; 2 to %d are needed, so that the loss of one loses nothing", b.Name, len(b.Devices), maxDevices)
		}
		if err := checkTitle(b.Title); err != nil {
			return city.Errorf(city.Invalid, "title of %s: %w", b.Name, err)
		}
	}
	return nil
}

func (r *Roster) checkOfficers() error {
	if len(r.Officers) > maxEach {
		return city.Errorf(city.Invalid, "%d officers; at most %d", len(r.Officers), maxEach)
	}
	before := city.Slug("")
	for _, o := range r.Officers {
		if err := o.Name.Check(); err != nil {
			return city.Errorf(city.Invalid, "officers: %w", err)
		}
		if o.Name <= before || o.Name == Court || o.Name == Ombudsman {
			return city.Errorf(city.Invalid, "officers: %s is out of order, there twice, or one of the two bodies", o.Name)
		}
		if len(o.Devices) < 1 || len(o.Devices) > maxEach {
			return city.Errorf(city.Invalid, "office %s has %d devices; 1 to %d", o.Name, len(o.Devices), maxEach)
		}
		before = o.Name
	}
	return nil
}

func (r *Roster) checkClasses() error {
	if len(r.Classes) < 1 || len(r.Classes) > maxEach {
		return city.Errorf(city.Invalid, "%d classes; 1 to %d", len(r.Classes), maxEach)
	}
	before := city.Slug("")
	for _, c := range r.Classes {
		if err := c.Name.Check(); err != nil {
			return city.Errorf(city.Invalid, "classes: %w", err)
		}
		if c.Name <= before {
			return city.Errorf(city.Invalid, "classes: %s is out of order or there twice", c.Name)
		}
		if c.Hours < 1 || c.Hours > maxHours {
			return city.Errorf(city.Invalid, "class %s keeps %d hours; 1 to %d are allowed", c.Name, c.Hours, maxHours)
		}
		before = c.Name
	}
	return nil
}

func (r *Roster) checkWitnesses() error {
	if len(r.Witnesses) < 1 || len(r.Witnesses) > maxEach {
		return city.Errorf(city.Invalid, "%d witnesses; 1 to %d", len(r.Witnesses), maxEach)
	}
	before := city.Slug("")
	for _, w := range r.Witnesses {
		if err := w.Name.Check(); err != nil {
			return city.Errorf(city.Invalid, "witnesses: %w", err)
		}
		if w.Name <= before {
			return city.Errorf(city.Invalid, "witnesses: %s is out of order or there twice", w.Name)
		}
		before = w.Name
	}
	if r.Quorum*2 <= len(r.Witnesses) || r.Quorum > len(r.Witnesses) {
		return city.Errorf(city.Invalid, "quorum is %d of %d witnesses; it must be more than half, or two readers could be shown two logs", r.Quorum, len(r.Witnesses))
	}
	return nil
}

func (r *Roster) checkRoot() error {
	if len(r.Root) != roots {
		return city.Errorf(city.Invalid, "%d root keys; there must be %d", len(r.Root), roots)
	}
	return nil
}

// checkKeys reads every key and refuses one that stands twice: whoever has it would
// be two.
func (r *Roster) checkKeys() error {
	seen := map[string]string{}
	ids := map[city.Slug]bool{}
	add := func(where, key string, kind byte) error {
		public, err := parseKey(key, kind)
		if err != nil {
			return city.Errorf(city.Invalid, "%s: %w", where, err)
		}
		if other, ok := seen[string(public)]; ok {
			return city.Errorf(city.Invalid, "%s and %s have the same key", other, where)
		}
		seen[string(public)] = where
		return nil
	}
	if err := add("log", r.Log.Key, algEd25519); err != nil {
		return err
	}
	for _, k := range r.Root {
		if err := add("root key "+nameOf(k), k, algEd25519); err != nil {
			return err
		}
	}
	for _, w := range r.Witnesses {
		if err := add("witness "+string(w.Name), w.Key, algCosignature); err != nil {
			return err
		}
	}
	for owner, devices := range r.devices() {
		for _, d := range devices {
			if err := d.ID.Check(); err != nil {
				return city.Errorf(city.Invalid, "devices of %s: %w", owner, err)
			}
			if ids[d.ID] {
				return city.Errorf(city.Invalid, "two devices have the id %s", d.ID)
			}
			ids[d.ID] = true
			if err := add("device "+string(d.ID), d.Key, algEd25519); err != nil {
				return err
			}
		}
	}
	return nil
}

// devices goes through everyone who has devices.
func (r *Roster) devices() func(func(city.Slug, []Device) bool) {
	return func(yield func(city.Slug, []Device) bool) {
		for _, b := range r.Bodies {
			if !yield(b.Name, b.Devices) {
				return
			}
		}
		for _, o := range r.Officers {
			if !yield(o.Name, o.Devices) {
				return
			}
		}
	}
}

func checkTitle(s string) error {
	if !utf8.ValidString(s) || s == "" || utf8.RuneCountInString(s) > maxTitle || strings.TrimSpace(s) != s {
		return city.Errorf(city.Invalid, "it has 1 to %d characters", maxTitle)
	}
	for _, c := range s {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune(" -,.()'", c) {
			return city.Errorf(city.Invalid, "%q may not stand in it", c)
		}
	}
	return nil
}

func domain(s string) bool {
	labels := strings.Split(s, ".")
	return len(s) <= 120 && len(labels) >= 2 && !slices.ContainsFunc(labels, func(l string) bool {
		return l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
	})
}
