package roster

import (
	"crypto/ed25519"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"polity/city"
)

// Device is the key of a device of a body or an office.
func (r *Roster) Device(owner, id city.Slug) (ed25519.PublicKey, error) {
	for name, devices := range r.devices() {
		if name != owner {
			continue
		}
		for _, d := range devices {
			if d.ID == id {
				return ParseKey(d.Key)
			}
		}
		return nil, city.Errorf(city.NotFound, "%s has no device %s in roster %d", owner, id, r.Version)
	}
	return nil, city.Errorf(city.NotFound, "%s is no body or office in roster %d", owner, r.Version)
}

// IsBody says whether name is one of the two bodies.
func IsBody(name city.Slug) bool { return name == Court || name == Ombudsman }

// IsOffice says whether an office may ask for releases.
func (r *Roster) IsOffice(name city.Slug) bool {
	for _, o := range r.Officers {
		if o.Name == name {
			return true
		}
	}
	return false
}

// Class finds a class of retention.
func (r *Roster) Class(name city.Slug) (Class, bool) {
	for _, c := range r.Classes {
		if c.Name == name {
			return c, true
		}
	}
	return Class{}, false
}

// LogVerifier checks the log's signatures.
func (r *Roster) LogVerifier() (note.Verifier, error) {
	v, err := note.NewVerifier(r.Log.Key)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "log.key: %w", err)
	}
	return v, nil
}

// WitnessVerifiers check cosignatures, in the order of Witnesses.
func (r *Roster) WitnessVerifiers() ([]note.Verifier, error) {
	list := make([]note.Verifier, 0, len(r.Witnesses))
	for _, w := range r.Witnesses {
		v, err := cosignature.NewVerifierForCosignatureV1(w.Key)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "witness %s: %w", w.Name, err)
		}
		list = append(list, v)
	}
	return list, nil
}
